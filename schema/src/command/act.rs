//! What a user can do, with its scope in its type. Knows nothing of who does it, and of the request that it comes in.

use minicbor::{Decode, Encode};

use crate::id::{ConversationId, MessageId, Position, SessionId, Stamp, UserId};
use crate::level::Level;

/// Something that a user can do, as a client asks for it. Outbox, wire and log hold the same form of it (`act.capnp`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Send a message. It may be the first of a direct conversation, which it then makes.
    Send(SendMessage),
    /// Do something in a conversation that exists.
    In(ConversationId, ConversationAct),
    /// Do something to one's own account, or beside all conversations.
    Account(AccountAct),
}

/// Something that a member can do in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConversationAct {
    /// Replace what one's own message says.
    EditMessage {
        /// The message's position.
        position: Position,
        /// The payload from now on; opaque, not empty.
        payload: Vec<u8>,
    },
    /// Leave a tombstone where one's own message was.
    DeleteMessage {
        /// The message's position.
        position: Position,
    },
    /// React to a message.
    React {
        /// The message's position.
        position: Position,
        /// One emoji, at most [`EMOJI_BYTES_MAX`](crate::limits::EMOJI_BYTES_MAX) bytes.
        emoji: String,
        /// On puts the reaction there, off takes it away.
        switch: Switch,
    },
    /// Pin a message for all members.
    PinMessage {
        /// The message's position.
        position: Position,
        /// On pins it, off takes the pin away.
        switch: Switch,
    },
    /// Move one's read mark forward.
    MarkRead {
        /// The position to move it to; beyond the last message means to the last.
        position: Position,
    },
    /// Mark the conversation as unread, until it is read again.
    MarkUnread,
    /// Let the conversation not call for attention.
    Mute {
        /// The end of the silence, by the cluster's time; 0: let it call again.
        until: Stamp,
    },
    /// Keep the conversation on top of one's own list.
    PinConversation {
        /// On keeps it there, off lets it go.
        switch: Switch,
    },
    /// Keep what is not to be sent yet.
    SaveDraft {
        /// A payload; empty: none.
        draft: Vec<u8>,
    },
    /// Add members to a group; in a direct conversation this and what follows is refused.
    AddMembers {
        /// The users to add; those who are members already are passed over.
        members: Vec<UserId>,
    },
    /// Take somebody else out of a group.
    RemoveMember {
        /// The member to take out; of a lesser role than the user who acts.
        user: UserId,
    },
    /// Give a member of a group a role.
    SetRole {
        /// The member whose role it is; not oneself.
        user: UserId,
        /// The role from now on; [`MemberRole::Owner`] makes the one who gives it an admin.
        role: MemberRole,
    },
    /// Leave a group.
    Leave,
    /// Call a group otherwise.
    Rename {
        /// The title from now on; not blank.
        title: String,
    },
    /// Let only owner and admins send to a group.
    SetAdminsOnly {
        /// On: plain members read; off: everybody may send again.
        switch: Switch,
    },
}

/// Something that a user can do beside all conversations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountAct {
    /// Let somebody not write to oneself directly.
    Block {
        /// The other user; oneself is refused.
        user: UserId,
        /// On blocks them, off lets them again.
        switch: Switch,
    },
    /// Change what others see of oneself.
    SetProfile(Profile),
    /// Make a group, and own it.
    CreateGroup {
        /// The title; not blank.
        title: String,
        /// The users in it besides oneself, in any order.
        members: Vec<UserId>,
    },
    /// End one of one's own sessions.
    EndSession(SessionId),
    /// End all of one's own sessions but this one.
    EndOtherSessions,
    /// Do nothing, and be remembered for it: what came with the next level, in the tests of an upgrade.
    #[cfg(feature = "next-level")]
    Wave,
}

impl Act {
    /// The level that the act came with.
    pub fn level(&self) -> Level {
        match self {
            Self::Send(_) => Level::FIRST,
            Self::In(_, act) => act.level(),
            Self::Account(act) => act.level(),
        }
    }
}

impl ConversationAct {
    const fn level(&self) -> Level {
        match self {
            Self::EditMessage { .. }
            | Self::DeleteMessage { .. }
            | Self::React { .. }
            | Self::PinMessage { .. }
            | Self::MarkRead { .. }
            | Self::MarkUnread
            | Self::Mute { .. }
            | Self::PinConversation { .. }
            | Self::SaveDraft { .. }
            | Self::AddMembers { .. }
            | Self::RemoveMember { .. }
            | Self::SetRole { .. }
            | Self::Leave
            | Self::Rename { .. }
            | Self::SetAdminsOnly { .. } => Level::FIRST,
        }
    }
}

impl AccountAct {
    const fn level(&self) -> Level {
        match self {
            Self::Block { .. }
            | Self::SetProfile(_)
            | Self::CreateGroup { .. }
            | Self::EndSession(_)
            | Self::EndOtherSessions => Level::FIRST,
            #[cfg(feature = "next-level")]
            Self::Wave => Level::FIRST.next(),
        }
    }
}

/// Two states of something that is put in place or taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Switch {
    /// It is there afterwards.
    On,
    /// It is not.
    Off,
}

impl Switch {
    /// Off for false.
    pub const fn from_bool(on: bool) -> Self {
        if on { Self::On } else { Self::Off }
    }

    /// True for [`Switch::On`].
    pub const fn is_on(self) -> bool {
        matches!(self, Self::On)
    }
}

/// A member's role in a conversation; each may do what those before it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum MemberRole {
    /// Speak, and leave.
    #[default]
    #[n(0)]
    Member,
    /// Change the title, add members, and remove plain members.
    #[n(1)]
    Admin,
    /// Give and take roles, and remove anybody. One in each group.
    #[n(2)]
    Owner,
}

/// What a group's owner and admins set, and all its members see; it travels as one from the row to the screen. A direct
/// conversation has that of [`GroupProfile::default`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct GroupProfile {
    /// The title; not blank.
    #[n(0)]
    pub title: String,
    /// Only owner and admins may send to it.
    #[cbor(n(1), default)]
    pub admins_only: bool,
}

impl GroupProfile {
    /// That of a new group with this title.
    pub fn titled(title: impl Into<String>) -> Self {
        Self { title: title.into(), admins_only: false }
    }
}

/// Changes of what others see of a user; none: leave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The name to show; not empty.
    pub display_name: Option<String>,
    /// On: others see when the user is there.
    pub presence: Option<Switch>,
    /// On: others are told what the user has read and received.
    pub receipts: Option<Switch>,
}

/// A message to be sent; see [`Act::Send`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendMessage {
    /// The conversation, or the other user of a direct one.
    pub to: Recipient,
    /// Unique for the sender, for ever.
    pub message_id: MessageId,
    /// The payload; opaque, not empty.
    pub payload: Vec<u8>,
    /// The users whose attention it asks for.
    pub mentions: Vec<UserId>,
}

/// The place that a message goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// A conversation that exists.
    Conversation(ConversationId),
    /// A user: the direct conversation with them, which the first message makes.
    Direct(UserId),
}
