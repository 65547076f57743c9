//! The session a device is logged in with, and the file it is kept in: private, and after a crash either the old one or
//! the new one. Knows nothing of how a session is opened.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use raftchat_schema::id::{SessionId, UserId, Username};
use raftchat_schema::limits::TOKEN_BYTES;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::error::ProfileError;

const HEAD: &str = "# The session that this device is logged in with. Whoever has this file and the device's key can speak\n\
                    # as you: keep it private. `raftchatctl chat logout` ends the session and removes the file.\n\n";

/// What proves that a session is this device's. Never shown by `Debug`; erased from memory when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionToken(Zeroizing<[u8; TOKEN_BYTES]>);

impl SessionToken {
    /// A new one, from the system's randomness.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new([0; TOKEN_BYTES]);
        getrandom::fill(&mut *bytes)?;
        Ok(Self(bytes))
    }

    /// The bytes, as nodes are shown them.
    pub fn bytes(&self) -> &[u8; TOKEN_BYTES] {
        &self.0
    }

    fn from_hex(text: &str) -> Option<Self> {
        let bytes = Zeroizing::new(bytes_of(text)?);
        Some(Self(Zeroizing::new(bytes.as_slice().try_into().ok()?)))
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

/// Who is logged in on a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredSession {
    /// The user's name.
    pub username: Username,
    /// The user.
    pub user: UserId,
    /// The session.
    pub session: SessionId,
    /// What proves it.
    pub token: SessionToken,
    /// The cursor up to which this device has been shown changes; opaque.
    pub seen: Option<Vec<u8>>,
}

/// The file as it stands: ids in the form people see, bytes as hexadecimal digits.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    username: String,
    user: String,
    session: String,
    token: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen: Option<String>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.token);
    }
}

/// The session in the file at `path`; none if there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<StoredSession>, ProfileError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            return Err(ProfileError::Session { path: path.to_owned(), reason: "it is no text".to_owned() });
        }
        Err(source) => return Err(ProfileError::Unreadable { path: path.to_owned(), source }),
    };
    match raftchat_files::tighten(path) {
        Ok(true) => tracing::warn!(path = %path.display(), "others could read the session; it is closed to them now"),
        Ok(false) => {}
        Err(source) => return Err(ProfileError::Unwritable { path: path.to_owned(), source }),
    }
    parse(&text).map(Some).map_err(|reason| ProfileError::Session { path: path.to_owned(), reason })
}

fn parse(text: &str) -> Result<StoredSession, String> {
    // The parser's own words would quote the line, and with it perhaps the token.
    let stored: Stored = toml::from_str(text).map_err(|error| error.message().replace('\n', " "))?;
    Ok(StoredSession {
        username: stored.username.parse().map_err(|_| "`username` is no username")?,
        user: stored.user.parse().map_err(|_| "`user` is no user's id")?,
        session: stored.session.parse().map_err(|_| "`session` is no session's id")?,
        token: SessionToken::from_hex(&stored.token).ok_or("`token` is not 64 hexadecimal digits")?,
        seen: match &stored.seen {
            Some(hex) => Some(bytes_of(hex).ok_or("`seen` is not made of hexadecimal digits")?),
            None => None,
        },
    })
}

/// Puts `session` into the file at `path`, readable by its owner alone.
pub(crate) fn write(path: &Path, session: &StoredSession) -> Result<(), ProfileError> {
    let stored = Stored {
        username: session.username.to_string(),
        user: session.user.to_string(),
        session: session.session.to_string(),
        token: hex(session.token.bytes()),
        seen: session.seen.as_deref().map(hex),
    };
    let text = toml::to_string(&stored)
        .map_err(|error| ProfileError::Session { path: path.to_owned(), reason: error.to_string() })?;
    let text = Zeroizing::new(format!("{HEAD}{}", &*Zeroizing::new(text)));
    replace(path, text.as_bytes()).map_err(|source| ProfileError::Unwritable { path: path.to_owned(), source })
}

/// Removes the file at `path`, which may be gone already.
pub(crate) fn remove(path: &Path) -> Result<(), ProfileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other
            .and_then(|()| raftchat_files::sync_parent(path))
            .map_err(|source| ProfileError::Unwritable { path: path.to_owned(), source }),
    }
}

/// Puts `bytes` into the file at `path`, readable by its owner alone: after a crash it is the old one or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    raftchat_files::replace(path, bytes, 0o600)
}

fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes_of(hex: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> =
        hex.chars().map(|digit| digit.to_digit(16).and_then(|value| value.try_into().ok())).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}
