//! What the client's store keeps, as the model reads and writes it. Knows nothing of how it is encoded.

use raftchat_schema::command::{Act, MemberRole, Recipient};
use raftchat_schema::error::Refusal;
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, RequestNumber, Stamp, UserId};
use raftchat_schema::view::{ConversationKind, ConversationView, MemberView, PlaceView};

/// A conversation as a person points at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChatId {
    /// One that the nodes hold.
    Known(ConversationId),
    /// The one with that user, which comes into being with its first message.
    Direct(UserId),
}

/// A conversation without what others and the person themselves have of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConversationRow {
    /// Which.
    pub id: ConversationId,
    /// Direct or group.
    pub kind: ConversationKind,
    /// Empty for a direct one.
    pub title: String,
    /// How many members there are.
    pub member_count: u32,
    /// The highest position known.
    pub last_position: Position,
    /// In the order in which they were pinned.
    pub pinned_messages: Vec<Position>,
    /// When it was made.
    pub created: Stamp,
    /// The row's latest change; 0 while the conversation is known by hearsay only.
    pub changed: ChangeNumber,
    /// Whether all its members were ever asked for.
    pub complete: Completeness,
}

/// Whether the members of a conversation are all held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// State and members are yet to be fetched.
    Partial,
    /// They were fetched, and the feed keeps them up to date.
    Complete,
}

impl ConversationRow {
    /// The row of a conversation of which nothing but the id is known.
    pub fn hearsay(id: ConversationId) -> Self {
        Self {
            id,
            kind: ConversationKind::Group,
            title: String::new(),
            member_count: 0,
            last_position: Position(0),
            pinned_messages: Vec::new(),
            created: Stamp(0),
            changed: ChangeNumber(0),
            complete: Completeness::Partial,
        }
    }

    /// The row in a view.
    pub fn from_view(view: &ConversationView) -> Self {
        Self {
            id: view.id,
            kind: view.kind,
            title: view.title.clone(),
            member_count: view.member_count,
            last_position: view.last_position,
            pinned_messages: view.pinned_messages.clone(),
            created: view.created,
            changed: view.changed,
            complete: Completeness::Partial,
        }
    }
}

/// Somebody's membership of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRow {
    /// Who.
    pub user: UserId,
    /// What they may do.
    pub role: MemberRole,
    /// When they joined.
    pub joined: Stamp,
    /// They see messages after this position.
    pub since: Position,
    /// Who added them; themselves if they made the conversation.
    pub added_by: UserId,
    /// Up to where they have read, as far as they tell.
    pub read_position: Position,
    /// Up to where a device of theirs holds the conversation, as far as they tell.
    pub delivered_position: Position,
    /// The membership's latest change; the marks only ever go forward.
    pub changed: ChangeNumber,
}

impl MemberRow {
    /// The row in a view.
    pub fn from_view(view: &MemberView) -> Self {
        Self {
            user: view.user.id,
            role: view.role,
            joined: view.joined,
            since: view.since,
            added_by: view.added_by,
            read_position: view.read_position,
            delivered_position: view.delivered_position,
            changed: view.changed,
        }
    }
}

/// Somebody left a conversation or was removed from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DepartureRow {
    /// Who.
    pub user: UserId,
    /// By whom; themselves if they left.
    pub by: UserId,
    /// The last position then.
    pub after: Position,
    /// When.
    pub at: Stamp,
    /// The number of that change.
    pub changed: ChangeNumber,
}

/// What the person alone has of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlaceRow {
    /// As the nodes have it. The counts carry their own number.
    pub view: PlaceView,
    /// As of which change all but the counts hold.
    pub settings_as_of: ChangeNumber,
    /// A payload written here that no entry of the outbox carries yet; empty: the draft was emptied.
    pub unsaved_draft: Option<Vec<u8>>,
}

/// Names an entry of the outbox; higher for each new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutboxId(pub u64);

/// What is done one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// What concerns a conversation.
    Chat(ChatId),
    /// What concerns the person's account.
    Account,
}

/// Something to be done at the nodes, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Which.
    pub id: OutboxId,
    /// The request's number in the session; the same for each repeat.
    pub number: RequestNumber,
    /// Behind which others it waits.
    pub lane: Lane,
    /// What.
    pub act: Act,
    /// When it was entered, by this device's clock.
    pub entered: Stamp,
    /// How it stands.
    pub state: EntryState,
}

/// How an entry of the outbox stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryState {
    /// It waits for its turn or for its outcome.
    Waiting,
    /// A message that was refused: it waits for the person to try again or to discard it.
    Failed(Refusal),
}

/// Where the device stands in the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorRow {
    /// Opaque: for the nodes.
    pub bytes: Vec<u8>,
    /// The highest number of a change that was taken in; what is not above it was seen.
    pub change: ChangeNumber,
}

/// The lane of an act.
pub fn lane_of(act: &Act) -> Lane {
    match act {
        Act::Send(send) => match send.to {
            Recipient::Conversation(conversation) => Lane::Chat(ChatId::Known(conversation)),
            Recipient::Direct(user) => Lane::Chat(ChatId::Direct(user)),
        },
        Act::DeleteMessage { conversation, .. }
        | Act::MarkRead { conversation, .. }
        | Act::EditMessage { conversation, .. }
        | Act::React { conversation, .. }
        | Act::PinMessage { conversation, .. }
        | Act::MarkUnread(conversation)
        | Act::Mute { conversation, .. }
        | Act::PinConversation { conversation, .. }
        | Act::SaveDraft { conversation, .. }
        | Act::AddMembers { conversation, .. }
        | Act::RemoveMember { conversation, .. }
        | Act::SetRole { conversation, .. }
        | Act::Leave(conversation)
        | Act::Rename { conversation, .. } => Lane::Chat(ChatId::Known(*conversation)),
        Act::EndSession(_)
        | Act::DeleteAccount { .. }
        | Act::Block { .. }
        | Act::SetProfile(_)
        | Act::CreateGroup { .. }
        | Act::EndOtherSessions
        | Act::ChangePassword { .. } => Lane::Account,
    }
}
