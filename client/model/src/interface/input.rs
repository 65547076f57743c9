//! Everything that the model is told: by the store, by the person and by the network. Knows nothing of how it came here.

use alloc::string::String;
use alloc::vec::Vec;

use raftchat_schema::command::{AccountAct, ConversationAct, Done, Switch};
use raftchat_schema::error::Refusal;
use raftchat_schema::id::{ConversationId, MessageId, NodeId, Position, RequestNumber, UserId, Username};
use raftchat_schema::view::{Change, ConversationView, Counts, MemberView, MessageView, UserView};

use crate::interface::effect::PageRequest;
use crate::interface::rows::{
    ChatId, ConversationRow, CursorRow, DepartureRow, MemberRow, OutboxEntry, OutboxId, PlaceRow,
};

/// The contents of the store when the program starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The user whose device it is.
    pub me: UserId,
    /// The device's place in the feed; none before the first page of it.
    pub cursor: Option<CursorRow>,
    /// People and conversations were fetched once.
    pub bootstrapped: bool,
    /// All users that are known, deleted ones too.
    pub people: Vec<UserView>,
    /// All conversations, without their older messages.
    pub conversations: Vec<StoredConversation>,
    /// Entries of the outbox, in any order.
    pub outbox: Vec<OutboxEntry>,
    /// The highest request number ever put into the outbox.
    pub last_number: RequestNumber,
    /// Users whom the person has blocked.
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
    /// The conversation itself.
    pub conversation: ConversationRow,
    /// Its members, as far as they are held.
    pub members: Vec<MemberRow>,
    /// Former members, as far as they are held.
    pub departures: Vec<DepartureRow>,
    /// The person's own settings and counts.
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
        /// The cursor after them, to go on from.
        cursor: Vec<u8>,
    },
    /// All that was missed has come; what follows is news.
    CaughtUp {
        /// The cursor to go on from.
        cursor: Vec<u8>,
    },
    /// A hint that somebody has come or gone.
    Presence {
        /// The user who has.
        user: UserId,
        /// On: they are there.
        switch: Switch,
    },
    /// A hint that somebody is writing, or no longer.
    Typing {
        /// The conversation they write in.
        conversation: ConversationId,
        /// The user who writes.
        user: UserId,
        /// On: they are writing.
        switch: Switch,
    },
    /// The state of the connection, whenever it changes.
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
    /// The result of an entry of the outbox.
    Outcome {
        /// The entry's id.
        id: OutboxId,
        /// Done, refused, or not known.
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
        /// The conversation's id.
        conversation: ConversationId,
        /// All of them.
        members: Vec<MemberView>,
    },
    /// Users whom the person has blocked. Answers [`Bootstrap`](crate::Effect::Bootstrap).
    Blocked(Vec<UserView>),
    /// The newest messages of a conversation. Part of the answer to [`Bootstrap`](crate::Effect::Bootstrap).
    Newest {
        /// The conversation's id.
        conversation: ConversationId,
        /// Ascending, up to the last there is.
        messages: Vec<MessageView>,
    },
    /// The answer to [`Bootstrap`](crate::Effect::Bootstrap) is complete.
    Bootstrapped {
        /// As far as the node had applied before the first of it was read: where the feed goes on from.
        cursor: Vec<u8>,
    },
    /// The stored messages of a page. Answers [`LoadStored`](crate::Effect::LoadStored).
    StoredPage {
        /// The request that this answers.
        request: PageRequest,
        /// Ascending; may have holes.
        messages: Vec<MessageView>,
    },
    /// The nodes' messages of a page, or the newest part of it. Answers
    /// [`FetchHistory`](crate::Effect::FetchHistory).
    FetchedPage {
        /// The request that this answers.
        request: PageRequest,
        /// Ascending, without holes.
        messages: Vec<MessageView>,
    },
    /// The nodes could not be asked for a page.
    FetchFailed {
        /// The request that this answers.
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

/// The result of an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutcomeResult {
    /// It was done.
    Done(Done),
    /// It was refused.
    Refused(Refusal),
    /// Nobody answered: it may have been done.
    Unknown,
}

/// States of the connection to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// There is none, and none is tried for.
    Offline,
    /// There is none yet.
    Connecting,
    /// A node answers.
    Online {
        /// The node that answers.
        node: NodeId,
        /// The round trip to it, in milliseconds.
        rtt_ms: u32,
    },
    /// A node answers, but no majority: nothing can be stored.
    ReadOnly {
        /// The node that answers.
        node: NodeId,
        /// The round trip to it, in milliseconds.
        rtt_ms: u32,
    },
    /// There is none just now, and the last node that answered has no majority.
    SentAway {
        /// The node that answered.
        node: NodeId,
        /// The round trip to it, in milliseconds.
        rtt_ms: u32,
    },
}

/// A wish of the person's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Intent {
    /// See a conversation, from its end.
    Open {
        /// The conversation to see.
        chat: ChatId,
    },
    /// See no conversation.
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
        /// The message's position.
        position: Position,
    },
    /// The window has got the focus, or lost it.
    Attend(Switch),
    /// Send a message.
    Send {
        /// The conversation it goes to.
        chat: ChatId,
        /// New, and unique.
        message_id: MessageId,
        /// The text as it was typed.
        text: String,
        /// The message it answers; none if it answers none.
        reply_to: Option<Position>,
        /// The user who said it first, in another conversation; none if it is the person's own.
        forwarded_from: Option<Username>,
    },
    /// Replace the text of a message of one's own.
    Edit {
        /// The conversation it stands in.
        chat: ChatId,
        /// The position of one's own message.
        position: Position,
        /// The text from now on.
        text: String,
    },
    /// Do something in a conversation. What would change nothing is not done.
    Act {
        /// The conversation; none that has not come into being.
        chat: ChatId,
        /// What to do there. An emoji in any spelling; the end of a silence by the person's own clock.
        act: ConversationAct,
    },
    /// The entry field has changed.
    Draft {
        /// The conversation whose field it is.
        chat: ChatId,
        /// The text that stands there now.
        text: String,
        /// The message that it answers; none if it answers none.
        reply_to: Option<Position>,
    },
    /// A key was pressed in the entry field.
    Typing {
        /// The conversation whose field it is.
        chat: ChatId,
    },
    /// Do something to one's account, or make a group.
    Account(AccountAct),
    /// Try a failed message again.
    Retry {
        /// The message's entry in the outbox.
        id: OutboxId,
    },
    /// Give a failed or waiting message up.
    Discard {
        /// The message's entry in the outbox.
        id: OutboxId,
    },
    /// See who has received and read a message.
    ShowReceipts {
        /// The conversation it stands in.
        chat: ChatId,
        /// The message's position.
        position: Position,
    },
    /// See who is in a conversation.
    ShowMembers {
        /// The conversation to look into.
        chat: ChatId,
    },
}
