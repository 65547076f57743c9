//! A whole conversation as one text: for programs as JSON, for people as they would read it. Written page by page, so
//! that it takes no more memory than a page. Knows nothing of files.

mod json;
mod text;

use std::collections::BTreeMap;
use std::io::{self, Write};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use raftchat_schema::id::{ConversationId, Position, Stamp, UserId};
use raftchat_schema::limits::HISTORY_PAGE_MAX;
use raftchat_schema::payload::Payload;
use raftchat_schema::view::{ConversationView, MessageState, MessageView, UserView};
use raftchat_schema::wire::decode_payload;
use tokio::sync::oneshot;

use crate::call::pager::Pager;
use crate::client::Client;
use crate::error::ClientError;
use crate::options::{Page, Target};

pub use json::MessageJson;

/// How a conversation is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportFormat {
    /// One JSON object: `conversation`, `title`, `members`, `exported_at` and `messages`.
    Json,
    /// Text with day headings, in the time zone of this machine.
    Text,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// How many messages.
    pub messages: u64,
}

/// Why a conversation was not written to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The nodes did not give what this device does not hold.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What it is written to takes no more.
    #[error("the conversation cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// What stands above the messages of a conversation.
pub(crate) struct Head {
    pub(crate) conversation: ConversationId,
    pub(crate) title: String,
    /// Usernames, in order of user id.
    pub(crate) members: Vec<String>,
    /// Everybody who may be named.
    pub(crate) people: BTreeMap<UserId, UserView>,
    /// The user sees messages after this position …
    pub(crate) since: Position,
    /// … and up to this one.
    pub(crate) last: Position,
}

impl Head {
    /// The username of somebody, or their id where the name is not known.
    fn username(&self, user: UserId) -> String {
        self.people.get(&user).map_or_else(|| user.to_string(), |person| person.username.to_string())
    }
}

/// Asks for messages on this device after a position.
type StoredMessages = Box<dyn Fn(Position) -> oneshot::Receiver<Vec<MessageView>> + Send + Sync>;

/// Where messages are taken from.
pub(crate) struct Source {
    client: Client,
    target: Target,
    stored: Option<StoredMessages>,
}

impl Source {
    /// From this device as far as it holds them without a hole, the rest from the nodes.
    pub(crate) fn stored(client: Client, conversation: ConversationId, stored: StoredMessages) -> Self {
        Self { client, target: Target::Conversation(conversation), stored: Some(stored) }
    }

    /// The messages after `after`, ascending and without a hole; none at the end.
    async fn page(&self, after: Position) -> Result<Vec<MessageView>, ClientError> {
        let mut most = HISTORY_PAGE_MAX;
        if let Some(stored) = &self.stored {
            // Without an answer the nodes are asked for all.
            let mut held = stored(after).await.unwrap_or_default();
            if let Some(next) = held.first() {
                let missing = next.position.0.saturating_sub(after.next().0);
                most = u32::try_from(missing).unwrap_or(u32::MAX).min(most);
            }
            held.truncate(unbroken(&held, after));
            if !held.is_empty() {
                return Ok(held);
            }
        }
        self.client.history(&self.target, Page::After(after), most).await
    }
}

/// How many of `messages` follow `after` without a hole.
fn unbroken(messages: &[MessageView], after: Position) -> usize {
    let places = (after.next().0..).map(Position);
    messages.iter().zip(places).take_while(|(message, place)| message.position == *place).count()
}

impl Client {
    /// Writes a whole conversation as far as the user sees it, in pages from the nodes.
    pub async fn export(
        &self,
        target: &Target,
        format: ExportFormat,
        out: &mut (dyn Write + Send),
    ) -> Result<Exported, ExportError> {
        let view = self.conversation(target).await?;
        let members = self.members(target).await?.into_iter().map(|member| member.user).collect();
        let (me, users) = (self.whoami().await?.user.id, self.users().await?);
        let head = head_of(&view, me, members, users);
        let source = Source { client: self.clone(), target: target.clone(), stored: None };
        write(&head, source, format, out).await
    }
}

fn head_of(view: &ConversationView, me: UserId, members: Vec<UserView>, users: Vec<UserView>) -> Head {
    Head {
        conversation: view.id,
        title: title(&view.profile.title, me, &members),
        members: members.iter().map(|member| member.username.to_string()).collect(),
        people: users.into_iter().chain(members).map(|user| (user.id, user)).collect(),
        since: view.place.since,
        last: view.last_position,
    }
}

/// What a conversation is called: a direct one, which has no title, after the other.
pub(crate) fn title(title: &str, me: UserId, members: &[UserView]) -> String {
    if !title.is_empty() {
        return title.to_owned();
    }
    let other = members.iter().find(|member| member.id != me);
    other.map(|member| member.username.to_string()).unwrap_or_default()
}

/// Writes what is above the messages, the messages, and the end.
pub(crate) async fn write(
    head: &Head,
    source: Source,
    format: ExportFormat,
    out: &mut (dyn Write + Send),
) -> Result<Exported, ExportError> {
    let mut writer = match format {
        ExportFormat::Json => Writer::Json(json::JsonWriter::begin(head, Timestamp::now(), out)?),
        ExportFormat::Text => Writer::Text(text::TextWriter::begin(head, Timestamp::now(), TimeZone::system(), out)?),
    };
    let (mut reading, mut messages) = (Pager::after(head.since), 0);
    while let Some(after) = reading.next().filter(|after| *after < head.last) {
        let page = source.page(after).await?;
        reading.take(page.iter().map(|message| message.position), !page.is_empty()).map_err(ClientError::from)?;
        for message in &page {
            writer.message(message, out)?;
            messages += 1;
        }
    }
    writer.end(out)?;
    out.flush()?;
    Ok(Exported { messages })
}

enum Writer<'a> {
    Json(json::JsonWriter<'a>),
    Text(text::TextWriter<'a>),
}

impl Writer<'_> {
    fn message(&mut self, message: &MessageView, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Json(writer) => writer.message(message, out),
            Self::Text(writer) => writer.message(message, out),
        }
    }

    fn end(self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Json(writer) => writer.end(out),
            Self::Text(_) => Ok(()),
        }
    }
}

/// A stamp as a time; the last moment there is for what no clock gives.
fn time(stamp: Stamp) -> Timestamp {
    i64::try_from(stamp.0).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::MAX)
}

/// What a message says, as far as this program can read it.
enum Said {
    Text(Payload),
    Deleted,
    Newer,
}

fn said(message: &MessageView) -> Said {
    if message.state == MessageState::Deleted {
        return Said::Deleted;
    }
    decode_payload(&message.payload).map_or(Said::Newer, Said::Text)
}
