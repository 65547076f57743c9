//! What waits on this device to be sent.

use clap::Args;
use raftchat_client::ClientOptions;
use raftchat_model::{ChatId, EntryState, Intent, Lane, OutboxEntry, OutboxId, Says, rules};
use raftchat_schema::wire::decode_payload;
use serde::Serialize;

use super::place::{Device, names_of};
use crate::chat::names::Names;
use crate::failure::Failure;
use crate::shell::output::Output;
use crate::shell::text::printable;
use crate::shell::time::rfc3339;

/// Which entry to try again or to give up; none: list them.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(in crate::chat) struct OutboxArguments {
    /// Try a refused message again
    #[arg(long, value_name = "ID")]
    retry: Option<u64>,
    /// Give a message up that was not sent
    #[arg(long, value_name = "ID")]
    discard: Option<u64>,
}

/// An entry of the outbox.
#[derive(Debug, Serialize)]
struct EntryShape {
    id: u64,
    what: &'static str,
    /// Null for what concerns the account, and for a conversation that does not exist yet.
    conversation: Option<String>,
    /// The username, for a conversation that does not exist yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<String>,
    text: Option<String>,
    entered_at: String,
    state: &'static str,
    error: Option<&'static str>,
}

pub(super) async fn run(
    device: &Device,
    options: ClientOptions,
    arguments: &OutboxArguments,
    output: Output,
) -> Result<(), Failure> {
    let head = device.open()?.head()?;
    let entries = &head.stored.outbox;
    let wanted = arguments.retry.or(arguments.discard);
    let Some(wanted) = wanted else { return list(entries, &names_of(&head), output) };
    if !entries.iter().any(|entry| entry.id == OutboxId(wanted)) {
        return Err(Failure::Usage(format!("nothing of the number {wanted} waits; `chat outbox` lists what does")));
    }
    drop(head);
    let id = OutboxId(wanted);
    let (intent, told) = match arguments.retry {
        Some(_) => (Intent::Retry { id }, "it is tried again, now or with the next `chat sync`"),
        None => (Intent::Discard { id }, "given up"),
    };
    let (messenger, _updates) = device.messenger(options)?;
    messenger.act(intent);
    messenger.close().await?;
    output.done(told)
}

fn list(entries: &[OutboxEntry], names: &Names, output: Output) -> Result<(), Failure> {
    for entry in entries {
        let shape = EntryShape::of(entry, names);
        output.answer(&shape, || shape.words())?;
    }
    Ok(())
}

impl EntryShape {
    fn of(entry: &OutboxEntry, names: &Names) -> Self {
        let (conversation, to) = match entry.lane {
            Lane::Chat(ChatId::Known(conversation)) => (Some(conversation.to_string()), None),
            Lane::Chat(ChatId::Direct(user)) => (None, Some(names.name(user))),
            Lane::Account => (None, None),
        };
        let (state, error) = match &entry.state {
            EntryState::Waiting => ("waiting", None),
            EntryState::Failed(refusal) => ("failed", Some(refusal.code.name())),
        };
        let rules = rules(&entry.act);
        Self {
            id: entry.id.0,
            what: rules.word,
            conversation,
            to,
            text: text(rules.says),
            entered_at: rfc3339(entry.entered),
            state,
            error,
        }
    }

    fn words(&self) -> String {
        let place = match (&self.conversation, &self.to) {
            (Some(conversation), _) => format!(" in {conversation}"),
            (None, Some(name)) => format!(" to {name}"),
            (None, None) => String::new(),
        };
        let text = self.text.as_deref().map_or_else(String::new, |text| format!(": {}", printable(text)));
        let state = self.error.map_or_else(|| self.state.to_owned(), |error| format!("refused, {error}"));
        format!("{:<4} {}  {}{place}{text}  ({state})", self.id, self.entered_at, self.what)
    }
}

fn text(says: Says<'_>) -> Option<String> {
    match says {
        Says::Nothing => None,
        Says::Text(text) => Some(text.to_owned()),
        Says::Payload(payload) => decode_payload(payload).ok().map(|payload| payload.text),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use raftchat_schema::command::{Act, Recipient, SendMessage};
    use raftchat_schema::error::ErrorCode;
    use raftchat_schema::id::{ConversationId, MessageId, RequestNumber, Stamp, UserId};
    use serde_json::{json, to_value};

    use super::*;
    use crate::chat::saying::payload;
    use crate::chat::shapes::examples::person;

    fn entry(to: Recipient, lane: ChatId, state: EntryState) -> OutboxEntry {
        let payload = payload("hello".to_owned(), None).unwrap();
        let send = SendMessage { to, message_id: MessageId([1; 16]), payload, mentions: Vec::new() };
        let (id, number) = (OutboxId(12), RequestNumber(1));
        OutboxEntry { id, number, lane: Lane::Chat(lane), act: Act::Send(send), entered: Stamp(42), state }
    }

    #[test]
    fn what_waits_is_told_with_where_it_goes_and_why_it_does_not() {
        let mut names = Names::default();
        names.learn(&person(2002, "bob", "Bob"));
        let waiting = entry(Recipient::Direct(UserId(2002)), ChatId::Direct(UserId(2002)), EntryState::Waiting);
        let expected = json!({"id": 12, "what": "message", "conversation": null, "to": "bob", "text": "hello",
                              "entered_at": "1970-01-01T00:00:00.042Z", "state": "waiting", "error": null});
        assert_eq!(to_value(EntryShape::of(&waiting, &names)).unwrap(), expected);
        let here = ConversationId(7);
        let refused = EntryState::Failed(ErrorCode::Blocked.into());
        let failed = EntryShape::of(&entry(Recipient::Conversation(here), ChatId::Known(here), refused), &names);
        assert_eq!((failed.conversation.as_deref(), failed.to.as_deref()), (Some("c7"), None));
        assert_eq!((failed.state, failed.error), ("failed", Some("blocked")));
        assert!(failed.words().ends_with("message in c7: hello  (refused, blocked)"), "{}", failed.words());
    }
}
