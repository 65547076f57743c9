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
    /// Whose device.
    pub user: UserId,
    /// In which conversation.
    pub conversation: ConversationId,
    /// Up to where.
    pub position: Position,
}

/// A session was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionUse {
    /// Which.
    pub session: SessionId,
    /// From which IP address.
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
    /// Whose.
    pub user: UserId,
    /// The version of the verifier that the password was checked against.
    pub verifier_version: u32,
    /// The device the session is bound to.
    pub device: DeviceId,
    /// What the user calls the device.
    pub device_name: String,
    /// The session's token, hashed.
    pub token: TokenHash,
    /// The IP address that the device spoke from; may be empty.
    pub address: String,
}

/// See [`Command::InSession`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InSession {
    /// Whose act it is.
    pub session: SessionId,
    /// The request's number in the session. [`Act::Send`] does not use it: its message id does the same for longer.
    pub request: RequestNumber,
    /// The client has the outcomes of all requests below.
    pub acknowledged_below: RequestNumber,
    /// What to do.
    pub act: Act,
}

/// What a user can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Say something.
    Send(Send),
    /// Leave a tombstone where one's own message was.
    DeleteMessage {
        /// In which conversation.
        conversation: ConversationId,
        /// Where.
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
        /// What becomes of what the user has said.
        messages: OwnMessages,
    },
    /// Replace what one's own message says.
    EditMessage {
        /// In which conversation.
        conversation: ConversationId,
        /// Where.
        position: Position,
        /// What it says from now on; opaque.
        payload: Vec<u8>,
    },
    /// React to a message.
    React {
        /// In which conversation.
        conversation: ConversationId,
        /// Where.
        position: Position,
        /// With what.
        emoji: String,
        /// Whether the reaction is put there or taken away.
        switch: Switch,
    },
    /// Pin a message for all members.
    PinMessage {
        /// In which conversation.
        conversation: ConversationId,
        /// Where.
        position: Position,
        /// Whether it is pinned or no longer.
        switch: Switch,
    },
    /// Mark a conversation as unread, until it is read again.
    MarkUnread(ConversationId),
    /// Let a conversation not call for attention.
    Mute {
        /// Which conversation.
        conversation: ConversationId,
        /// Until when; 0: let it call again.
        until: Stamp,
    },
    /// Keep a conversation on top of one's own list.
    PinConversation {
        /// Which conversation.
        conversation: ConversationId,
        /// Whether it is kept there or no longer.
        switch: Switch,
    },
    /// Keep what is not to be sent yet.
    SaveDraft {
        /// In which conversation.
        conversation: ConversationId,
        /// A payload; empty: none.
        draft: Vec<u8>,
    },
    /// Let somebody not write to oneself directly.
    Block {
        /// Whom.
        user: UserId,
        /// Whether they are blocked or no longer.
        switch: Switch,
    },
    /// Change what others see of oneself.
    SetProfile(Profile),
    /// Make a group, and own it.
    CreateGroup {
        /// What it is called.
        title: String,
        /// Who is in it besides oneself.
        members: Vec<UserId>,
    },
    /// Add members to a group.
    AddMembers {
        /// Which group.
        conversation: ConversationId,
        /// Whom.
        members: Vec<UserId>,
    },
    /// Take somebody else out of a group.
    RemoveMember {
        /// Which group.
        conversation: ConversationId,
        /// Whom.
        user: UserId,
    },
    /// Give a member of a group a role.
    SetRole {
        /// Which group.
        conversation: ConversationId,
        /// Whom.
        user: UserId,
        /// Which role.
        role: MemberRole,
    },
    /// Leave a group.
    Leave(ConversationId),
    /// Call a group otherwise.
    Rename {
        /// Which group.
        conversation: ConversationId,
        /// What it is called from now on.
        title: String,
    },
    /// End all of one's own sessions but this one.
    EndOtherSessions,
    /// Let another password open the account.
    ChangePassword {
        /// The version of the verifier that the old password was checked against.
        verifier_version: u32,
        /// What the new one will be checked against.
        verifier: Verifier,
        /// What becomes of the user's other sessions.
        others: OtherSessions,
    },
}

/// Whether something is put in place or taken away.
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

    /// Whether it is on.
    pub const fn is_on(self) -> bool {
        matches!(self, Self::On)
    }
}

/// What becomes of what a user has said when the account is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnMessages {
    /// It stays, shown as from a deleted account.
    Keep,
    /// It becomes tombstones.
    Erase,
}

/// What becomes of the other sessions when the password changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtherSessions {
    /// They end.
    End,
    /// They stay.
    Keep,
}

/// What a member of a conversation may do; each may what those before it may.
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

/// What to change of what others see; none: leave it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// The name to show; not empty.
    pub display_name: Option<String>,
    /// Whether others see when the user is there.
    pub presence: Option<Switch>,
    /// Whether others are told what the user has read and received.
    pub receipts: Option<Switch>,
}

/// See [`Act::Send`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Send {
    /// To whom.
    pub to: Recipient,
    /// Unique for the sender, for ever.
    pub message_id: MessageId,
    /// What it says; opaque.
    pub payload: Vec<u8>,
    /// Whose attention it asks for.
    pub mentions: Vec<UserId>,
}

/// Who a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// A conversation that exists.
    Conversation(ConversationId),
    /// A user: the direct conversation with them, which the first message makes.
    Direct(UserId),
}

/// What a password is checked against; another scheme can follow.
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
    /// The leader's clock when it packed this.
    pub stamp: Stamp,
    /// In order.
    pub proposals: Vec<Proposal>,
}

/// What came of a command: the same on every node and on every repeat.
pub type Outcome = Result<Done, Refusal>;

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Done {
    /// A session is open.
    #[n(0)]
    SessionOpened {
        /// The session.
        #[n(0)]
        session: SessionId,
        /// Its user.
        #[n(1)]
        user: UserId,
    },
    /// The message is stored.
    #[n(1)]
    Sent {
        /// Where.
        #[n(0)]
        conversation: ConversationId,
        /// At which position.
        #[n(1)]
        position: Position,
        /// When.
        #[n(2)]
        sent_at: Stamp,
    },
    /// Done, and there is nothing to tell.
    #[n(2)]
    Nothing,
    /// The group is there.
    #[n(3)]
    GroupCreated {
        /// Which.
        #[n(0)]
        conversation: ConversationId,
    },
}
