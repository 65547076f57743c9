//! What is kept on this device, from a shell: bringing it up to date, searching it, and what waits in it to be sent.

mod export;
mod later;
mod outbox;
mod place;
mod progress;
mod search;
mod sync;

use clap::Subcommand;
use raftchat_client::{ClientOptions, Profile};

pub(super) use self::later::{Later, send_later};
pub(super) use self::place::Device;
pub(super) use self::progress::Progress;
use crate::failure::Failure;
use crate::shell::output::Output;

/// What concerns this device alone.
#[derive(Debug, Subcommand)]
pub(super) enum LocalCommand {
    /// Bring what is kept on this device up to date, and send what waits in it
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice sync --seconds 30")]
    Sync(sync::SyncArguments),
    /// List what waits on this device to be sent; try it again, or give it up
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice outbox --retry 12")]
    Outbox(outbox::OutboxArguments),
    /// Find messages by their words, among those that are kept on this device
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice search 'harbour pilot'")]
    Search(search::SearchArguments),
    /// Write a whole conversation to a file
    #[command(
        after_help = "Example: raftchatctl chat --profile home/devices/alice export --with bob --output bob.json"
    )]
    Export(export::ExportArguments),
}

pub(super) async fn run(
    profile: Profile,
    options: ClientOptions,
    command: LocalCommand,
    output: Output,
) -> Result<(), Failure> {
    match command {
        LocalCommand::Sync(arguments) => sync::run(&Device::of(profile)?, options, &arguments, output).await,
        LocalCommand::Outbox(arguments) => outbox::run(&Device::of(profile)?, options, &arguments, output).await,
        LocalCommand::Search(arguments) => search::run(&Device::of(profile)?, &arguments, output),
        LocalCommand::Export(arguments) => export::run(profile, options, &arguments, output).await,
    }
}
