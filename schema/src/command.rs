//! What changes the state machine, and what comes of it. Knows nothing of logs, clocks or networks: all
//! that is random or slow was decided before a command was made.

use minicbor::{Decode, Encode};

use crate::error::Refusal;
use crate::id::{
    ConversationId, DeviceId, MessageId, NodeId, Position, RequestNumber, SessionId, Stamp, TokenHash, UserId, Username,
};

/// One thing to do. Applying the same command again changes nothing and has the same outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Make an account and its first session.
    Register(Register),
    /// Open a session for an account whose password was checked.
    OpenSession(OpenSession),
    /// Do something as the user of a session.
    InSession(InSession),
    /// Note that these users were seen at the batch's stamp.
    NoteLastSeen(Vec<UserId>),
    /// Note what has reached devices.
    NoteDelivered(Vec<Delivered>),
    /// Note that these sessions were used at the batch's stamp.
    NoteUse(Vec<SessionUse>),
    /// Erase the next piece of what is to be erased: of a deleted account, of a group without members. Harmless if
    /// there is nothing.
    Erase,
}

/// A user's device holds a conversation up to a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The user whose device it is.
    pub user: UserId,
    /// The conversation that it holds.
    pub conversation: ConversationId,
    /// The position up to which it holds it; one beyond the last message means the last.
    pub position: Position,
}

/// A session was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionUse {
    /// The session's id; one that has ended is passed over.
    pub session: SessionId,
    /// The IP address it was used from; empty: not known.
    pub address: String,
}

/// See [`Command::Register`]. Repeated with the same token it gives the same session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    /// The name to log in with.
    pub username: Username,
    /// The name to show; the username if empty.
    pub display_name: String,
    /// What passwords will be checked against.
    pub verifier: Verifier,
    /// The device the session is bound to.
    pub device: DeviceId,
    /// What the user calls the device.
    pub device_name: String,
    /// The session's token, hashed.
    pub token: TokenHash,
    /// The IP address that the device spoke from; may be empty.
    pub address: String,
}

/// See [`Command::OpenSession`]. Repeated with the same token it gives the same session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenSession {
    /// The user whose session it is to be.
    pub user: UserId,
    /// The version of the verifier that the password was checked against; another since then is refused.
    pub verifier_version: u32,
    /// The device the session is bound to.
    pub device: DeviceId,
    /// The name that the user gives the device.
    pub device_name: String,
    /// The session's token, hashed.
    pub token: TokenHash,
    /// The IP address that the device spoke from; may be empty.
    pub address: String,
}

/// An act in a session, with the number that makes it happen once; see [`Command::InSession`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InSession {
    /// The session in whose name it is done.
    pub session: SessionId,
    /// The request's number in the session. [`Act::Send`] does not use it: its message id does the same for longer.
    pub request: RequestNumber,
    /// The client has the outcomes of all requests below.
    pub acknowledged_below: RequestNumber,
    /// The act itself.
    pub act: Act,
}

/// Something that a user can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Send a message.
    Send(Send),
    /// Leave a tombstone where one's own message was.
    DeleteMessage {
        /// The conversation that it stands in.
        conversation: ConversationId,
        /// The message's place in it.
        position: Position,
    },
    /// Move one's read mark forward.
    MarkRead {
        /// In which conversation.
        conversation: ConversationId,
        /// To where; beyond the last message means to the last.
        position: Position,
    },
    /// End one of one's own sessions.
    EndSession(SessionId),
    /// Delete one's account.
    DeleteAccount {
        /// The version of the verifier that the password was checked against.
        verifier_version: u32,
        /// Whether what the user has said stays.
        messages: OwnMessages,
    },
    /// Replace what one's own message says.
    EditMessage {
        /// The conversation that it stands in.
        conversation: ConversationId,
        /// The message's place in it.
        position: Position,
        /// The payload from now on; opaque, not empty.
        payload: Vec<u8>,
    },
    /// React to a message.
    React {
        /// The conversation that it stands in.
        conversation: ConversationId,
        /// The message's place in it.
        position: Position,
        /// One emoji, at most [`EMOJI_BYTES_MAX`](crate::limits::EMOJI_BYTES_MAX) bytes.
        emoji: String,
        /// On puts the reaction there, off takes it away.
        switch: Switch,
    },
    /// Pin a message for all members.
    PinMessage {
        /// The conversation that it stands in.
        conversation: ConversationId,
        /// The message's place in it.
        position: Position,
        /// On pins it, off takes the pin away.
        switch: Switch,
    },
    /// Mark a conversation as unread, until it is read again.
    MarkUnread(ConversationId),
    /// Let a conversation not call for attention.
    Mute {
        /// The conversation to be silent, or no longer.
        conversation: ConversationId,
        /// The end of the silence, by the cluster's time; 0: let it call again.
        until: Stamp,
    },
    /// Keep a conversation on top of one's own list.
    PinConversation {
        /// The conversation to be kept on top.
        conversation: ConversationId,
        /// On keeps it there, off lets it go.
        switch: Switch,
    },
    /// Keep what is not to be sent yet.
    SaveDraft {
        /// The conversation that the draft is for.
        conversation: ConversationId,
        /// A payload; empty: none.
        draft: Vec<u8>,
    },
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
    /// Add members to a group.
    AddMembers {
        /// The group's id; a direct conversation is refused.
        conversation: ConversationId,
        /// The users to add; those who are members already are passed over.
        members: Vec<UserId>,
    },
    /// Take somebody else out of a group.
    RemoveMember {
        /// The group's id; a direct conversation is refused.
        conversation: ConversationId,
        /// The member to take out; of a lesser role than the user who acts.
        user: UserId,
    },
    /// Give a member of a group a role.
    SetRole {
        /// The group's id; a direct conversation is refused.
        conversation: ConversationId,
        /// The member whose role it is; not oneself.
        user: UserId,
        /// The role from now on; [`MemberRole::Owner`] makes the one who gives it an admin.
        role: MemberRole,
    },
    /// Leave a group.
    Leave(ConversationId),
    /// Call a group otherwise.
    Rename {
        /// The group's id; a direct conversation is refused.
        conversation: ConversationId,
        /// The title from now on; not blank.
        title: String,
    },
    /// End all of one's own sessions but this one.
    EndOtherSessions,
    /// Let another password open the account.
    ChangePassword {
        /// The version of the verifier that the old password was checked against.
        verifier_version: u32,
        /// The verifier of the new password.
        verifier: Verifier,
        /// Whether the user's other sessions end.
        others: OtherSessions,
    },
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

/// The fate of a user's messages when the account is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnMessages {
    /// It stays, shown as from a deleted account.
    Keep,
    /// It becomes tombstones.
    Erase,
}

/// The fate of a user's other sessions when the password changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherSessions {
    /// They end at once.
    End,
    /// They stay open.
    Keep,
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
pub struct Send {
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

/// A hash that a password is checked against; another scheme can follow.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Verifier {
    /// Argon2id, as a PHC string with parameters, salt and hash.
    #[n(0)]
    Argon2id(#[n(0)] String),
}

/// A command with who waits for its outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The node that waits.
    pub node: NodeId,
    /// Under which number of its own.
    pub number: u64,
    /// The command, encoded.
    pub command: Vec<u8>,
}

/// One log entry's worth of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The cluster's time, as the leader had it when it packed this.
    pub stamp: Stamp,
    /// The commands, in the order in which they are applied.
    pub proposals: Vec<Proposal>,
}

/// The result of a command: the same on every node and on every repeat.
pub type Outcome = Result<Done, Refusal>;

/// What a command that was not refused has done.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Done {
    /// A session is open.
    #[n(0)]
    SessionOpened {
        /// The id of the session.
        #[n(0)]
        session: SessionId,
        /// The user whose session it is.
        #[n(1)]
        user: UserId,
    },
    /// The message is stored.
    #[n(1)]
    Sent {
        /// The conversation that it stands in; news for the first message of a direct one.
        #[n(0)]
        conversation: ConversationId,
        /// Its position there.
        #[n(1)]
        position: Position,
        /// The stamp of the entry that it came in.
        #[n(2)]
        sent_at: Stamp,
    },
    /// Done, and there is nothing to tell.
    #[n(2)]
    Nothing,
    /// The group is there.
    #[n(3)]
    GroupCreated {
        /// The id of the new group.
        #[n(0)]
        conversation: ConversationId,
    },
}
