//! Rows of the client's store, as the model reads and writes them. Knows nothing of how they are encoded.

use alloc::vec::Vec;

use raftchat_schema::command::{Act, GroupProfile, MemberRole};
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
    /// The conversation's id.
    pub id: ConversationId,
    /// Direct or group.
    pub kind: ConversationKind,
    /// What a group's admins set; the default for a direct one.
    pub profile: GroupProfile,
    /// The number of all members.
    pub member_count: u32,
    /// The highest position known.
    pub last_position: Position,
    /// In the order in which they were pinned.
    pub pinned_messages: Vec<Position>,
    /// The time when it was made.
    pub created: Stamp,
    /// The row's latest change; 0 while the conversation is known by hearsay only.
    pub changed: ChangeNumber,
    /// Partial until all its members were asked for.
    pub complete: Completeness,
}

/// Two states of a conversation: its members are all held, or not.
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
            profile: GroupProfile::default(),
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
            profile: view.profile.clone(),
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
    /// The user who is in it.
    pub user: UserId,
    /// Their role in it.
    pub role: MemberRole,
    /// The time of joining.
    pub joined: Stamp,
    /// They see messages after this position.
    pub since: Position,
    /// The user who added them; themselves if they made the conversation.
    pub added_by: UserId,
    /// The position up to which they have read, as far as they tell.
    pub read_position: Position,
    /// The position up to which a device of theirs holds the conversation, as far as they tell.
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
    /// The former member.
    pub user: UserId,
    /// The user who removed them; themselves if they left.
    pub by: UserId,
    /// The last position then.
    pub after: Position,
    /// The time of leaving.
    pub at: Stamp,
    /// The number of that change.
    pub changed: ChangeNumber,
}

/// The person's own settings and counts of a conversation.
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

/// A queue of acts that are done one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Acts that concern a conversation.
    Chat(ChatId),
    /// Acts that concern the person's account.
    Account,
}

/// Something to be done at the nodes, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEntry {
    /// The entry's own id.
    pub id: OutboxId,
    /// The request's number in the session; the same for each repeat.
    pub number: RequestNumber,
    /// The lane that it waits in.
    pub lane: Lane,
    /// The act, as the log will hold it.
    pub act: Act,
    /// The time when it was entered, by this device's clock.
    pub entered: Stamp,
    /// Waiting or failed.
    pub state: EntryState,
}

/// States of an entry of the outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryState {
    /// It waits for its turn or for its outcome.
    Waiting,
    /// A message that was refused: it waits for the person to try again or to discard it.
    Failed(Refusal),
}

/// The device's place in the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CursorRow {
    /// Opaque: for the nodes.
    pub bytes: Vec<u8>,
    /// The highest number of a change that was taken in; what is not above it was seen.
    pub change: ChangeNumber,
}
