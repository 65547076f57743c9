//! What the model is told: by the store, by the person and by the network. Knows nothing of how it came here.

use raftchat_schema::command::{Done, MemberRole, Profile, Switch};
use raftchat_schema::error::Refusal;
use raftchat_schema::id::{ConversationId, MessageId, NodeId, Position, RequestNumber, Stamp, UserId, Username};
use raftchat_schema::view::{Change, ConversationView, Counts, MemberView, MessageView, UserView};

use crate::effect::PageRequest;
use crate::rows::{ChatId, ConversationRow, CursorRow, DepartureRow, MemberRow, OutboxEntry, OutboxId, PlaceRow};

/// What the store holds when the program starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The person.
    pub me: UserId,
    /// Where the device stands in the feed; none before the first page of it.
    pub cursor: Option<CursorRow>,
    /// Whether people and conversations were ever fetched.
    pub bootstrapped: bool,
    /// Everybody known.
    pub people: Vec<UserView>,
    /// Every conversation.
    pub conversations: Vec<StoredConversation>,
    /// What is to be done, in any order.
    pub outbox: Vec<OutboxEntry>,
    /// The highest request number ever put into the outbox.
    pub last_number: RequestNumber,
    /// Whom the person has blocked.
    pub blocked: Vec<UserId>,
    /// Drafts, as payloads, to people with whom there is no conversation yet.
    pub direct_drafts: Vec<(UserId, Vec<u8>)>,
}

impl Stored {
    /// A store in which there is nothing yet.
    pub fn empty(me: UserId) -> Self {
        Self {
            me,
            cursor: None,
            bootstrapped: false,
            people: Vec::new(),
            conversations: Vec::new(),
            outbox: Vec::new(),
            last_number: RequestNumber(0),
            blocked: Vec::new(),
            direct_drafts: Vec::new(),
        }
    }
}

/// A conversation in the store, without its older messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredConversation {
    /// The conversation.
    pub conversation: ConversationRow,
    /// Its members, as far as they are held.
    pub members: Vec<MemberRow>,
    /// Who is no longer in it.
    pub departures: Vec<DepartureRow>,
    /// What the person has of it.
    pub place: PlaceRow,
    /// The message with the highest position.
    pub newest: Option<MessageView>,
}

/// Something that the model is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The person wants something.
    Do(Intent),
    /// A page of the feed.
    Changes {
        /// In order of number.
        changes: Vec<Change>,
        /// The counts of the conversations that they are in.
        counts: Vec<(ConversationId, Counts)>,
        /// Where to go on from.
        cursor: Vec<u8>,
    },
    /// All that was missed has come; what follows is news.
    CaughtUp {
        /// Where to go on from.
        cursor: Vec<u8>,
    },
    /// A hint that somebody has come or gone.
    Presence {
        /// Who.
        user: UserId,
        /// On: they are there.
        switch: Switch,
    },
    /// A hint that somebody is writing, or no longer.
    Typing {
        /// Where.
        conversation: ConversationId,
        /// Who.
        user: UserId,
        /// On: they are writing.
        switch: Switch,
    },
    /// How the connection stands.
    Link(Link),
    /// The session goes on over another node, since the one before fell silent or went away. The link has changed before.
    Moved {
        /// The node before.
        from: NodeId,
        /// The node now.
        to: NodeId,
        /// For how many milliseconds nothing could come.
        ms: u32,
    },
    /// The session is over, or the cursor is of no use to the nodes.
    SessionEnded(Refusal),
    /// What came of an entry of the outbox.
    Outcome {
        /// Which.
        id: OutboxId,
        /// What.
        result: OutcomeResult,
    },
    /// Everybody, with who is online. Answers [`FetchPeople`](crate::Effect::FetchPeople) and
    /// [`Bootstrap`](crate::Effect::Bootstrap).
    People(Vec<UserView>),
    /// Conversations as they now are, with the person's place in each. Answers
    /// [`Bootstrap`](crate::Effect::Bootstrap) and [`FetchConversation`](crate::Effect::FetchConversation).
    Roster(Vec<ConversationView>),
    /// All members of a conversation. Answers [`FetchConversation`](crate::Effect::FetchConversation).
    Members {
        /// Which.
        conversation: ConversationId,
        /// All of them.
        members: Vec<MemberView>,
    },
    /// Whom the person has blocked. Answers [`Bootstrap`](crate::Effect::Bootstrap).
    Blocked(Vec<UserView>),
    /// The newest messages of a conversation. Part of the answer to [`Bootstrap`](crate::Effect::Bootstrap).
    Newest {
        /// Which.
        conversation: ConversationId,
        /// Ascending, up to the last there is.
        messages: Vec<MessageView>,
    },
    /// The answer to [`Bootstrap`](crate::Effect::Bootstrap) is complete.
    Bootstrapped {
        /// As far as the node had applied before the first of it was read: where the feed goes on from.
        cursor: Vec<u8>,
    },
    /// What the store holds of a page. Answers [`LoadStored`](crate::Effect::LoadStored).
    StoredPage {
        /// Which request this answers.
        request: PageRequest,
        /// Ascending; may have holes.
        messages: Vec<MessageView>,
    },
    /// What the nodes have of a page, or the newest part of it. Answers
    /// [`FetchHistory`](crate::Effect::FetchHistory).
    FetchedPage {
        /// Which request this answers.
        request: PageRequest,
        /// Ascending.
        messages: Vec<MessageView>,
    },
    /// The nodes could not be asked for a page.
    FetchFailed {
        /// Which request.
        request: PageRequest,
    },
    /// A node has told what time it is, and which numbers of this session it knows.
    Told {
        /// By how much the cluster's time is ahead of the time that the model is told.
        ahead_ms: i64,
        /// The highest number of the session's requests.
        highest: RequestNumber,
    },
    /// The time asked for by [`WakeAt`](crate::Effect::WakeAt) has come.
    Tick,
}

/// What came of an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutcomeResult {
    /// It was done.
    Done(Done),
    /// It was refused.
    Refused(Refusal),
    /// Nobody answered: it may have been done.
    Unknown,
}

/// How the connection to the cluster stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// There is none, and none is tried for.
    Offline,
    /// There is none yet.
    Connecting,
    /// A node answers.
    Online {
        /// Which.
        node: NodeId,
        /// The round trip to it, in milliseconds.
        rtt_ms: u32,
    },
    /// A node answers, but no majority: nothing can be stored.
    ReadOnly {
        /// Which.
        node: NodeId,
        /// The round trip to it, in milliseconds.
        rtt_ms: u32,
    },
}

/// Whether the person looks at the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attention {
    /// The window has the focus.
    Focused,
    /// It does not.
    Away,
}

/// What the person wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// See a conversation, from its end.
    Open {
        /// Which.
        chat: ChatId,
    },
    /// See none.
    Close,
    /// See older messages of the open conversation.
    LoadOlder,
    /// See newer messages of the open conversation.
    LoadNewer,
    /// Read the open conversation around a message: what is far from it may be dropped, and is loaded again when it is
    /// asked for. To be said whenever that has moved by a screen or more, and at the end whenever the end has moved; of a
    /// window that never says it nothing is dropped.
    Reading {
        /// A message that is in sight.
        position: Position,
    },
    /// See the open conversation around a message; beyond the last: from its end.
    JumpTo {
        /// Which message.
        position: Position,
    },
    /// The window has got or lost the focus.
    Attend(Attention),
    /// Say something.
    Send {
        /// Where.
        chat: ChatId,
        /// New, and unique.
        message_id: MessageId,
        /// What.
        text: String,
        /// Which message it answers.
        reply_to: Option<Position>,
        /// Who said it first, elsewhere.
        forwarded_from: Option<Username>,
    },
    /// Say it otherwise.
    Edit {
        /// Where.
        chat: ChatId,
        /// Which of one's own messages.
        position: Position,
        /// What it says from now on.
        text: String,
    },
    /// Take it back, for everyone.
    Delete {
        /// Where.
        chat: ChatId,
        /// Which of one's own messages.
        position: Position,
    },
    /// React, or no longer.
    React {
        /// Where.
        chat: ChatId,
        /// To which message.
        position: Position,
        /// With what.
        emoji: String,
        /// Off takes it away.
        switch: Switch,
    },
    /// Pin a message for all, or no longer.
    PinMessage {
        /// Where.
        chat: ChatId,
        /// Which.
        position: Position,
        /// Off takes the pin away.
        switch: Switch,
    },
    /// Have read up to a message.
    MarkRead {
        /// Where.
        chat: ChatId,
        /// Up to and with which message.
        upto: Position,
    },
    /// Come back to it later.
    MarkUnread {
        /// Which.
        chat: ChatId,
    },
    /// Let it be silent.
    Mute {
        /// Which.
        chat: ChatId,
        /// Until when; 0: let it call again.
        until: Stamp,
    },
    /// Keep it on top of the list, or no longer.
    PinChat {
        /// Which.
        chat: ChatId,
        /// Off lets it go.
        switch: Switch,
    },
    /// What stands in the entry field has changed.
    Draft {
        /// Where.
        chat: ChatId,
        /// What stands there now.
        text: String,
        /// Which message it answers.
        reply_to: Option<Position>,
    },
    /// A key was pressed in the entry field.
    Typing {
        /// Where.
        chat: ChatId,
    },
    /// Let somebody not write to oneself directly, or again.
    Block {
        /// Whom.
        user: UserId,
        /// Off lets them again.
        switch: Switch,
    },
    /// Make a group.
    CreateGroup {
        /// What it is called.
        title: String,
        /// Who is in it besides oneself.
        members: Vec<UserId>,
    },
    /// Add people to a group.
    AddMembers {
        /// Which.
        chat: ChatId,
        /// Whom.
        members: Vec<UserId>,
    },
    /// Take somebody out of a group.
    RemoveMember {
        /// Which.
        chat: ChatId,
        /// Whom.
        user: UserId,
    },
    /// Give a role.
    SetRole {
        /// In which group.
        chat: ChatId,
        /// Whom.
        user: UserId,
        /// Which.
        role: MemberRole,
    },
    /// Leave a group.
    Leave {
        /// Which.
        chat: ChatId,
    },
    /// Call a group otherwise.
    Rename {
        /// Which.
        chat: ChatId,
        /// What it is called from now on.
        title: String,
    },
    /// Change what others see of oneself.
    SetProfile(Profile),
    /// Try a failed message again.
    Retry {
        /// Which.
        id: OutboxId,
    },
    /// Give a failed or waiting message up.
    Discard {
        /// Which.
        id: OutboxId,
    },
    /// See who has received and read a message.
    ShowReceipts {
        /// Where.
        chat: ChatId,
        /// Which message.
        position: Position,
    },
    /// See who is in a conversation.
    ShowMembers {
        /// Which.
        chat: ChatId,
    },
}
