//! What a demo plays on: a cluster and two people with a device each. Knows nothing of the story.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use raftchat_client::{Client, ClientError, ClientOptions};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::Username;
use zeroize::Zeroizing;

use crate::cluster::directory::{ClusterDir, write_private};
use crate::cluster::init::Strictness;
use crate::failure::Failure;
use crate::scratch::Scratch;
use crate::shell::text::hex;
use crate::talk::Person;

/// Holds the password of both people, and marks a directory as a demo's.
const MARK: &str = "demo-password";
const PATIENCE: Duration = Duration::from_secs(20);

/// The cluster and what only a demo knows of it.
pub(super) struct Stage {
    /// The cluster's nodes and files.
    pub(super) scratch: Scratch,
    password: Zeroizing<String>,
    kept: Option<PathBuf>,
}

impl Stage {
    /// Makes a cluster in a temporary directory or in `dir`; takes up an earlier demo's.
    pub(super) fn set(dir: Option<&Path>, nodes: u16) -> Result<Self, Failure> {
        let kept = dir.map(Path::to_owned);
        if let Some(dir) = dir
            && let Some(password) = earlier_password(dir)?
        {
            let scratch = Scratch::of(ClusterDir::new(dir), None)?;
            return Ok(Self { scratch, password, kept });
        }
        let scratch = match dir {
            Some(dir) => Scratch::new_in(dir, nodes)?,
            None => Scratch::temporary("raftchat-demo", nodes, Strictness::Usual)?,
        };
        let password = new_password()?;
        write_private(&scratch.cluster().root().join(MARK), &password)?;
        Ok(Self { scratch, password, kept })
    }

    /// The number of its nodes.
    pub(super) fn node_count(&self) -> Result<usize, Failure> {
        Ok(self.scratch.cluster().nodes()?.len())
    }

    /// Where it is, in words.
    pub(super) fn place(&self) -> String {
        match &self.kept {
            Some(dir) => dir.display().to_string(),
            None => format!("{}, which goes when this ends", self.scratch.cluster().root().display()),
        }
    }

    /// Logs somebody in on a device of the same name, with a new account unless there is one from earlier.
    pub(super) async fn person(&self, name: &'static str, display_name: &str) -> Result<(Person, String), Failure> {
        let username: Username = name.parse().map_err(|_| Failure::from(ErrorCode::MalformedUsername))?;
        let profile = self.scratch.profile(name)?;
        let known = profile.session().is_some();
        let client = Client::start(profile, ClientOptions { timeout: PATIENCE, ..ClientOptions::default() })?;
        let person = Person { name: username.clone(), client };
        if known {
            let me = person.client.whoami().await?;
            return Ok((person, format!("{} is still logged in, over node {}", me.user.display_name, me.node)));
        }
        match person.client.register(username.clone(), display_name.to_owned(), self.password.clone()).await {
            Ok(session) => Ok((person, format!("{display_name} is {} over node {}", session.user.id, session.node))),
            Err(ClientError::Refused(refusal)) if refusal.code == ErrorCode::UsernameTaken => {
                let session = person.client.login(username, self.password.clone()).await?;
                Ok((person, format!("{display_name} is back over node {}", session.node)))
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn earlier_password(dir: &Path) -> Result<Option<Zeroizing<String>>, Failure> {
    let path = dir.join(MARK);
    match fs::read_to_string(&path) {
        Ok(password) => Ok(Some(Zeroizing::new(password))),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(Failure::file(&path, "read")(error)),
    }
}

fn new_password() -> Result<Zeroizing<String>, Failure> {
    let mut random = Zeroizing::new([0_u8; 16]);
    getrandom::fill(&mut *random).map_err(|error| Failure::System(format!("no random bytes: {error}")))?;
    Ok(Zeroizing::new(hex(&*random)))
}
