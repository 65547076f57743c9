//! Bringing a device up to date.

use std::time::Duration;

use clap::Args;
use raftchat_client::{ClientOptions, Update, Updates};
use raftchat_model::{Shown, Stored};
use raftchat_schema::error::Refusal;
use raftchat_schema::id::Cursor;
use raftchat_schema::pause::{NO_LOT, Pause};
use serde::Serialize;
use tokio::time::{Instant, sleep, timeout_at};

use super::place::Device;
use super::progress::Progress;
use crate::failure::Failure;
use crate::shell::output::Output;
use crate::shell::text::{counted, hex};

/// The pauses between rounds: what is left to be sent was refused, or waits.
const PAUSE: Pause = Pause::between(Duration::from_millis(250), Duration::from_secs(5));

/// For how long to try.
#[derive(Debug, Args)]
pub(in crate::chat) struct SyncArguments {
    /// How long to try before giving up; otherwise as long as --timeout says
    #[arg(long, value_name = "S", value_parser = crate::shell::values::seconds)]
    seconds: Option<Duration>,
    /// Put what is kept on this device aside, where it is damaged, and fetch everything again
    #[arg(long)]
    set_aside: bool,
}

/// How things stand afterwards.
#[derive(Debug, Serialize)]
struct Report {
    /// How far the feed went on.
    changes: u64,
    messages: u64,
    conversations: usize,
    outbox_left: usize,
    cursor: Option<String>,
}

pub(super) async fn run(
    device: &Device,
    options: ClientOptions,
    arguments: &SyncArguments,
    output: Output,
) -> Result<(), Failure> {
    if arguments.set_aside
        && let Some(kept) = device.set_aside()?
    {
        output.say(&format!("what was kept is now in {}", kept.display()))?;
    }
    let deadline = Instant::now() + arguments.seconds.unwrap_or(options.timeout);
    let before = position(&device.open()?.head()?.stored);
    let mut pause = PAUSE;
    let after = loop {
        let caught_up = one_round(device, options.clone(), deadline).await?;
        let stored = device.open()?.head()?.stored;
        // What is entered last may not be seen from outside: then there is another round.
        if caught_up && stored.bootstrapped && waiting(&stored) == 0 {
            break stored;
        }
        if Instant::now() >= deadline {
            let told = format!("no node has told everything in time; {} wait to be sent", waiting(&stored));
            return Err(Failure::Unreachable(told));
        }
        sleep(pause.grow(NO_LOT)).await;
    };
    let report = Report {
        changes: position(&after).saturating_sub(before),
        messages: device.open()?.count(None)?,
        conversations: after.conversations.len(),
        outbox_left: after.outbox.len(),
        cursor: after.cursor.as_ref().map(|cursor| hex(&cursor.bytes)),
    };
    output.answer(&report, || report.words())
}

/// Where the device stands in the feed; 0 where that cannot be read.
fn position(stored: &Stored) -> u64 {
    stored.cursor.as_ref().and_then(|row| Cursor::from_bytes(&row.bytes)).map_or(0, |cursor| cursor.change.0)
}

/// What is still to be sent; what was refused waits for the person.
fn waiting(stored: &Stored) -> usize {
    stored.outbox.iter().filter(|entry| entry.state == raftchat_model::EntryState::Waiting).count()
}

/// Speaks with the cluster until all seems done; false if that took too long.
async fn one_round(device: &Device, options: ClientOptions, deadline: Instant) -> Result<bool, Failure> {
    let (messenger, mut updates) = device.messenger(options)?;
    let seen = timeout_at(deadline, until_done(&mut updates)).await;
    messenger.close().await?;
    match seen {
        Ok(done) => done.map(|()| true),
        Err(_) => Ok(false),
    }
}

async fn until_done(updates: &mut Updates) -> Result<(), Failure> {
    let mut progress = Progress::default();
    while let Some(turn) = updates.next().await {
        for update in turn {
            match update {
                Update::Show(Shown::SessionEnded(refusal)) => return Err(ended(refusal)),
                Update::Show(shown) => progress.see(&shown),
                Update::Stopped(reason) => return Err(Failure::Failed(reason)),
                _ => {}
            }
        }
        if progress.is_online() && !progress.is_sending() {
            return Ok(());
        }
    }
    Err(Failure::Failed("the messenger has ended by itself".to_owned()))
}

fn ended(refusal: Refusal) -> Failure {
    raftchat_client::ClientError::Refused(refusal).into()
}

impl Report {
    fn words(&self) -> String {
        let left = match self.outbox_left {
            0 => "nothing waits to be sent".to_owned(),
            left => format!("{left} could not be sent: see `chat outbox`"),
        };
        let (messages, conversations) =
            (counted(self.messages, "message"), counted(self.conversations, "conversation"));
        format!("up to date: {messages} of {conversations} are kept on this device; {left}")
    }
}
