//! What the model wants done: by the store, the network, the desktop and the window. Knows nothing of how.

use alloc::string::String;
use alloc::vec::Vec;

use raftchat_schema::command::{Act, Switch};
use raftchat_schema::id::{ChangeNumber, ConversationId, MessageId, Position, RequestNumber, Stamp, UserId};
use raftchat_schema::view::{MessageView, ReactionView, UserView};

use crate::interface::rows::{
    ChatId, ConversationRow, CursorRow, DepartureRow, MemberRow, OutboxEntry, OutboxId, PlaceRow,
};
use crate::interface::shown::Shown;

/// Something to be done, in the order given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Write all of this in one batch, before what follows. At most one for an input, and the first.
    Store(Vec<Write>, Durability),
    /// Do this at the nodes and answer with [`Outcome`](crate::Input::Outcome), also when the link is lost: as unknown then.
    /// What is asked for again under the same number happens once.
    Perform {
        /// The entry of the outbox that it comes from.
        id: OutboxId,
        /// The request's number.
        number: RequestNumber,
        /// The act, as the entry holds it.
        act: Act,
    },
    /// Read what the store has of these positions; answer with [`StoredPage`](crate::Input::StoredPage).
    LoadStored {
        /// To be named in the answer.
        request: PageRequest,
        /// The conversation whose messages they are.
        conversation: ConversationId,
        /// The positions, both ends included.
        range: PageRange,
    },
    /// Ask the nodes for these positions (`before` = `range.last` + 1); answer with [`FetchedPage`](crate::Input::FetchedPage)
    /// or [`FetchFailed`](crate::Input::FetchFailed). The model stores what comes.
    FetchHistory {
        /// To be named in the answer.
        request: PageRequest,
        /// The conversation whose messages they are.
        conversation: ConversationId,
        /// The positions; at most [`HISTORY_PAGE_MAX`](raftchat_schema::limits::HISTORY_PAGE_MAX).
        range: PageRange,
    },
    /// Ask for the conversation's state ([`Roster`](crate::Input::Roster) of one), then, if there are no more than
    /// [`MEMBERS_TOLD_MAX`](raftchat_schema::limits::MEMBERS_TOLD_MAX), for all its members
    /// ([`Members`](crate::Input::Members)). If that fails nothing is answered: it is asked for again with the next link.
    FetchConversation(ConversationId),
    /// Ask for all members ([`Members`](crate::Input::Members)) of a conversation that has more than the feed tells of.
    FetchMembers(ConversationId),
    /// Ask who there is; answer with [`People`](crate::Input::People).
    FetchPeople,
    /// Ask for everything: [`People`](crate::Input::People), [`Roster`](crate::Input::Roster), [`Blocked`](crate::Input::Blocked),
    /// [`Newest`](crate::Input::Newest) of each conversation, then [`Bootstrapped`](crate::Input::Bootstrapped); and only then
    /// follow the feed from that cursor. If it fails nothing is answered: it is asked for again with the next link.
    Bootstrap,
    /// Tell the others, as a hint, that the person is writing, or no longer.
    SendTyping {
        /// The conversation they write in.
        conversation: ConversationId,
        /// On: they are writing.
        switch: Switch,
    },
    /// Call the person's attention.
    Notify(Notification),
    /// Take back what called attention to a conversation.
    ClearNotification(ChatId),
    /// Change what is drawn.
    Show(Shown),
    /// Say [`Tick`](crate::Input::Tick) at this time; replaces what was asked before.
    WakeAt(Stamp),
}

/// Times at which a batch has to be on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// At some time: what is lost with the machine's power comes again from the nodes.
    Lazy,
    /// Before anything that follows is done.
    Synced,
}

/// One row to write or to erase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// A user, with everything that is shown of them.
    Person(UserView),
    /// A conversation, without its members and place.
    Conversation(ConversationRow),
    /// A membership; erases the departure of the same user.
    Member {
        /// The conversation they are in.
        conversation: ConversationId,
        /// The member, with role and marks.
        member: MemberRow,
    },
    /// A departure; erases the membership of the same user.
    MemberLeft {
        /// The conversation they were in.
        conversation: ConversationId,
        /// The former member, and how they left.
        departure: DepartureRow,
    },
    /// Neither a membership nor a departure of that user is known any more.
    MemberGone {
        /// The conversation's id.
        conversation: ConversationId,
        /// The user of whom nothing is known.
        user: UserId,
    },
    /// The person's own settings and counts of the conversation `view.conversation`.
    Place(PlaceRow),
    /// A message. If one is stored at its position, the two are joined by [`merge::message`](crate::state::merge::message).
    Message(MessageView),
    /// The reactions to a message. If one is stored there, by [`merge::reactions`](crate::state::merge::reactions); else nothing.
    Reactions {
        /// In which conversation.
        conversation: ConversationId,
        /// To which message.
        position: Position,
        /// All of them.
        reactions: Vec<ReactionView>,
        /// The number of that change.
        changed: ChangeNumber,
    },
    /// Erase a conversation with its members, departures, place and messages.
    RemoveConversation(ConversationId),
    /// An entry of the outbox, new or changed.
    PutOutbox(OutboxEntry),
    /// Erase an entry of the outbox.
    RemoveOutbox(OutboxId),
    /// The highest request number ever given.
    LastNumber(RequestNumber),
    /// The device's place in the feed.
    Cursor(CursorRow),
    /// People and conversations were fetched.
    Bootstrapped,
    /// A block, or that there is none any more.
    Blocked {
        /// The user who is blocked.
        user: UserId,
        /// Off erases it.
        switch: Switch,
    },
    /// A draft, as a payload, to somebody with whom there is no conversation yet; empty erases it.
    DirectDraft {
        /// The user it is to.
        user: UserId,
        /// The payload; empty erases it.
        draft: Vec<u8>,
    },
    /// Erase all that came from the nodes, also that it was bootstrapped and the cursor. The outbox, the last number and drafts to people stay.
    Forget,
}

/// Names a request for a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PageRequest(pub u64);

/// Positions of a conversation, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageRange {
    /// The lowest position of them.
    pub first: Position,
    /// The highest position of them.
    pub last: Position,
}

/// A message that calls for the person's attention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The conversation: notifications of one are shown together.
    pub chat: ChatId,
    /// The conversation's name or title.
    pub title: String,
    /// The user who sent it.
    pub sender: UserId,
    /// The sender's name, as it is shown.
    pub sender_name: String,
    /// The message's id, as its sender named it.
    pub message_id: MessageId,
    /// The message's place in the conversation.
    pub position: Position,
    /// The text; empty if a newer program is needed to read it.
    pub text: String,
    /// It mentions the person.
    pub mentions_me: bool,
}
