//! What changes the state machine, and what comes of it. Knows nothing of logs, clocks or networks: all
//! that is random or slow was decided before a command was made.

mod act;

use minicbor::{Decode, Encode};

use crate::error::Refusal;
use crate::id::{
    ConversationId, DeviceId, NodeId, Position, RequestNumber, SessionId, Stamp, TokenHash, UserId, Username,
};

use crate::level::Level;

pub use act::{AccountAct, Act, ConversationAct, GroupProfile, MemberRole, Profile, Recipient, SendMessage, Switch};

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
    /// Raise the cluster's feature level to this. One that it is at, or above, changes nothing.
    RaiseLevel(Level),
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
    pub act: SessionAct,
}

/// What is done in a session: what its client asked for, or what the client asked for and a node has filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionAct {
    /// An act, as the client asked for it.
    Asked(Act),
    /// Let another password open the account. The passwords themselves went no further than the node that was asked.
    ChangePassword {
        /// The version of the verifier that the old password was checked against.
        verifier_version: u32,
        /// The verifier of the new password.
        verifier: Verifier,
        /// Whether the user's other sessions end.
        others: OtherSessions,
    },
    /// Delete one's account.
    DeleteAccount {
        /// The version of the verifier that the password was checked against.
        verifier_version: u32,
        /// Whether what the user has said stays.
        messages: OwnMessages,
    },
}

impl SessionAct {
    /// The level that the act came with.
    pub fn level(&self) -> Level {
        match self {
            Self::Asked(act) => act.level(),
            Self::ChangePassword { .. } | Self::DeleteAccount { .. } => Level::FIRST,
        }
    }
}

impl From<Act> for SessionAct {
    fn from(act: Act) -> Self {
        Self::Asked(act)
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
