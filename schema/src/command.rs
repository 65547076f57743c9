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
    },
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
}
