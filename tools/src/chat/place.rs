//! What one alone has of a conversation, the same on all one's devices, from a shell: what is read, muted, kept on top,
//! and not sent yet.

use clap::{Args, Subcommand};
use jiff::{Span, Timestamp, Zoned};
use raftchat_client::Client;
use raftchat_schema::command::{ConversationAct, Switch};
use raftchat_schema::id::{ConversationId, Position, Stamp};
use serde_json::json;

use super::saying::{Text, payload};
use super::shapes::draft;
use super::target::{TargetArguments, position};
use crate::failure::Failure;
use crate::shell::output::Output;
use crate::shell::text::printable;
use crate::shell::time::for_a_person;

/// What can be done with one's own place in a conversation.
#[derive(Debug, Subcommand)]
pub(super) enum PlaceCommand {
    /// Mark a conversation as read
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice read --with bob")]
    Read(ReadArguments),
    /// Mark a conversation as unread, until you read it again
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice unread --with bob")]
    Unread(TargetArguments),
    /// Let a conversation not call for your attention, for good or for a while
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice mute --conversation c7 --for 8h")]
    Mute(MuteArguments),
    /// Keep a conversation on top of your list
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice keep-on-top --with bob")]
    KeepOnTop(KeepOnTopArguments),
    /// Show, write or clear what you have not sent yet; it follows you to your other devices
    #[command(after_help = "Example: raftchatctl chat --profile home/devices/alice draft --with bob 'Dear Bob,'")]
    Draft(DraftArguments),
}

/// Up to where it was read.
#[derive(Debug, Args)]
pub(super) struct ReadArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// The last message that was read; the newest one if left out
    #[arg(value_name = "POSITION", value_parser = position)]
    position: Option<Position>,
}

/// For how long.
#[derive(Debug, Args)]
pub(super) struct MuteArguments {
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    end: MuteEnd,
}

#[derive(Debug, Args)]
#[group(multiple = false)]
struct MuteEnd {
    /// For this long, such as 30m, 8h or 2d
    #[arg(long = "for", value_name = "TIME", value_parser = span)]
    span: Option<Span>,
    /// Until this time, as RFC 3339
    #[arg(long, value_name = "TIME")]
    until: Option<Timestamp>,
    /// Let it call for attention again
    #[arg(long)]
    off: bool,
}

/// Whether to keep it there.
#[derive(Debug, Args)]
pub(super) struct KeepOnTopArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// Let it go down again
    #[arg(long)]
    off: bool,
}

/// A draft to keep, to show or to clear.
#[derive(Debug, Args)]
pub(super) struct DraftArguments {
    #[command(flatten)]
    target: TargetArguments,
    /// What to keep; `-` for all of standard input; shows what is kept if left out
    #[arg(value_name = "TEXT|-")]
    text: Option<Text>,
    /// Keep nothing any more
    #[arg(long, conflicts_with = "text")]
    clear: bool,
}

pub(super) async fn run(client: &Client, command: PlaceCommand, output: Output) -> Result<(), Failure> {
    match command {
        PlaceCommand::Read(arguments) => {
            client
                .act(
                    &arguments.target.target()?,
                    ConversationAct::MarkRead { position: arguments.position.unwrap_or(Position(u64::MAX)) },
                )
                .await?;
            output.done("marked as read")
        }
        PlaceCommand::Unread(target) => {
            client.act(&target.target()?, ConversationAct::MarkUnread).await?;
            output.done("marked as unread")
        }
        PlaceCommand::Mute(arguments) => mute(client, &arguments, output).await,
        PlaceCommand::KeepOnTop(arguments) => {
            client
                .act(
                    &arguments.target.target()?,
                    ConversationAct::PinConversation { switch: Switch::from_bool(!arguments.off) },
                )
                .await?;
            output.done(if arguments.off { "no longer kept on top" } else { "kept on top" })
        }
        PlaceCommand::Draft(arguments) => draft_of(client, arguments, output).await,
    }
}

async fn mute(client: &Client, arguments: &MuteArguments, output: Output) -> Result<(), Failure> {
    let now = Zoned::now();
    let until = arguments.end.until(&now)?;
    client.act(&arguments.target.target()?, ConversationAct::Mute { until }).await?;
    output.done(&match until {
        Stamp(0) => "it calls for your attention again".to_owned(),
        FOR_GOOD => "muted".to_owned(),
        until => format!("muted until {}", for_a_person(until, now.timestamp(), now.time_zone())),
    })
}

/// Later than any clock.
const FOR_GOOD: Stamp = Stamp(u64::MAX);

impl MuteEnd {
    fn until(&self, now: &Zoned) -> Result<Stamp, Failure> {
        let end = match (self.off, self.until, self.span) {
            (true, ..) => return Ok(Stamp(0)),
            (_, Some(until), _) => until,
            (_, _, Some(span)) => {
                let end = now.checked_add(span);
                end.map_err(|error| Failure::Usage(format!("--for: {error}")))?.timestamp()
            }
            (_, None, None) => return Ok(FOR_GOOD),
        };
        if end <= now.timestamp() {
            return Err(Failure::Usage("that time is over already; --off lets it call again".to_owned()));
        }
        Ok(Stamp(u64::try_from(end.as_millisecond()).unwrap_or(0)))
    }
}

fn span(text: &str) -> Result<Span, String> {
    let span: Option<Span> = text.parse().ok().filter(|span: &Span| span.is_positive());
    span.ok_or_else(|| "a time such as 30m, 8h, 2d or `1h 30m`".to_owned())
}

async fn draft_of(client: &Client, arguments: DraftArguments, output: Output) -> Result<(), Failure> {
    let target = arguments.target.target()?;
    if arguments.clear {
        client.act(&target, ConversationAct::SaveDraft { draft: Vec::new() }).await?;
        return output.done("nothing is kept");
    }
    if let Some(text) = arguments.text {
        client.act(&target, ConversationAct::SaveDraft { draft: payload(text.read()?, None)? }).await?;
        return output.done("kept for your other devices");
    }
    let conversation = client.conversation(&target).await?;
    let kept = draft(&conversation.place.draft);
    // Nobody has written to the other yet: there is no conversation, and nothing can be kept for it.
    let id = (conversation.id != ConversationId(0)).then(|| conversation.id.to_string());
    let object = json!({ "conversation": id, "draft": kept });
    output.answer(&object, || kept.as_deref().map_or_else(|| "-- nothing --".to_owned(), printable))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use jiff::tz::TimeZone;

    use super::*;

    #[test]
    fn a_conversation_is_muted_for_good_for_a_while_or_no_longer() {
        let now = Timestamp::from_second(1000).unwrap().to_zoned(TimeZone::UTC);
        let end = |span: Option<&str>, until: Option<i64>, off| {
            let until = until.map(|second| Timestamp::from_second(second).unwrap());
            let span = span.map(|text| super::span(text).unwrap());
            MuteEnd { span, until, off }.until(&now).map_err(|failure| failure.exit_status())
        };
        assert_eq!(end(None, None, false), Ok(FOR_GOOD));
        assert_eq!(end(None, None, true), Ok(Stamp(0)));
        assert_eq!(end(Some("8h"), None, false), Ok(Stamp(1_000_000 + 8 * 3_600_000)));
        assert_eq!(end(Some("2d"), None, false), Ok(Stamp(1_000_000 + 48 * 3_600_000)));
        assert_eq!(end(None, Some(1001), false), Ok(Stamp(1_001_000)));
        assert_eq!(end(None, Some(1000), false), Err(2));
    }

    #[test]
    fn a_time_span_is_positive() {
        for good in ["30m", "8h", "1h 30m", "2d", "1w"] {
            assert!(span(good).is_ok(), "{good}");
        }
        for bad in ["", "8", "-8h", "0s", "soon"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
