//! Writing a whole conversation to a file or to standard output.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use raftchat_client::{Client, ClientOptions, ExportError, ExportFormat, Exported, Profile, Target};
use serde_json::json;

use crate::chat::target::TargetArguments;
use crate::failure::Failure;
use crate::shell::output::Output;
use crate::shell::text::counted;

/// What to write, how, and where.
#[derive(Debug, Args)]
pub(in crate::chat) struct ExportArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// As JSON for programs, or as text for people
    #[arg(long, value_name = "FORMAT", default_value = "json")]
    format: Format,
    /// Into this file, which must not be there; otherwise to standard output
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// One object with everything
    Json,
    /// As one would read it, with a heading for each day
    Text,
}

impl From<Format> for ExportFormat {
    fn from(format: Format) -> Self {
        match format {
            Format::Json => Self::Json,
            Format::Text => Self::Text,
        }
    }
}

pub(super) async fn run(
    profile: Profile,
    options: ClientOptions,
    arguments: &ExportArguments,
    output: Output,
) -> Result<(), Failure> {
    let (target, format) = (arguments.target.target()?, arguments.format.into());
    let client = Client::start(profile, options)?;
    let Some(path) = &arguments.output else {
        if output.is_json() && matches!(arguments.format, Format::Text) {
            return Err(Failure::Usage("text is no JSON: name a file with --output".to_owned()));
        }
        return write(&client, &target, format, &mut BufWriter::new(io::stdout())).await.map(drop);
    };
    let exported = to_file(&client, &target, format, path).await?;
    let told = json!({ "messages": exported.messages, "file": path.display().to_string() });
    output.answer(&told, || format!("{} in {}", counted(exported.messages, "message"), path.display()))
}

/// All of it or nothing: a file that was only begun is taken away.
async fn to_file(client: &Client, target: &Target, format: ExportFormat, path: &Path) -> Result<Exported, Failure> {
    let new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let file = new.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::AlreadyExists(path.to_owned()),
        _ => Failure::file(path, "written")(error),
    })?;
    let mut file = BufWriter::new(file);
    let exported = write(client, target, format, &mut file).await;
    let synced = exported.and_then(|exported| {
        file.get_ref().sync_all().map_err(Failure::file(path, "written"))?;
        Ok(exported)
    });
    if synced.is_err() {
        // What stays is a file that says itself where it ends.
        let _ = std::fs::remove_file(path);
    }
    synced
}

async fn write(
    client: &Client,
    target: &Target,
    format: ExportFormat,
    out: &mut (dyn Write + Send),
) -> Result<Exported, Failure> {
    let exported = client.export(target, format, out).await.map_err(|error| match error {
        ExportError::Client(error) => Failure::Client(error),
        ExportError::Write(error) => Failure::Output(error),
    })?;
    out.flush().map_err(Failure::Output)?;
    Ok(exported)
}
