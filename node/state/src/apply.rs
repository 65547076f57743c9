//! What a command does. Every check that can refuse stands here, so that its answer is the same on every node.
//!
//! A handler makes all its checks before its first write: a refused command leaves nothing but, once an hour, the
//! time its session was used. Numbers and the cluster's time come from the rows and the entry's stamp alone.

mod accounts;
mod acts;
mod allowances;
mod blocks;
mod conversation;
mod deletions;
mod departures;
mod edits;
mod erasure;
mod groups;
mod marks;
mod memberships;
mod messages;
mod own;
mod pins;
mod reactions;
mod roles;
mod sessions;
mod step;

use alloc::vec::Vec;

use raftchat_schema::command::{Command, Done, Outcome};
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, SessionId, Stamp, StateHash, UserId};

use crate::feed::FeedChange;
use crate::hash;
use crate::keys;
use crate::queries;
use crate::read::{Hex, ReadError};
use crate::tables::{Overlay, Rows, Tables, Writes};

use step::{Step, Stop};

/// Reasons why an entry cannot be applied. The node stops: to skip one would be to leave the others.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError<E> {
    /// The store could not answer.
    #[error("the state's store failed: {0}")]
    Store(#[source] E),
    /// A row cannot be read, or one that must exist does not.
    #[error("the row {} is damaged or missing: this node's state has to be rebuilt from another's", Hex(.key))]
    DamagedRow {
        /// The key of the row, as the store has it.
        key: Vec<u8>,
    },
    /// A row cannot be encoded.
    #[error("the row {} cannot be encoded: this program is at fault", Hex(.key))]
    UnencodableRow {
        /// The key of the row, as the store has it.
        key: Vec<u8>,
    },
}

impl<E> From<ReadError<E>> for ApplyError<E> {
    fn from(error: ReadError<E>) -> Self {
        match error {
            ReadError::Store(error) => Self::Store(error),
            ReadError::DamagedRow { key } => Self::DamagedRow { key },
        }
    }
}

/// Somebody became a member of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The user who became one.
    pub user: UserId,
    /// The conversation they are in now.
    pub conversation: ConversationId,
    /// They see messages after this position.
    pub since: Position,
}

/// News for the rest of the node, besides outcomes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// In order of number. A row that changed twice is here twice, and in the tables at its latest.
    pub changes: Vec<FeedChange>,
    /// Sessions that ended, in the order they did.
    pub ended_sessions: Vec<SessionId>,
    /// Memberships that began, in the order they did, and still last.
    pub joined: Vec<Joined>,
    /// Memberships that ended, in the order they did. Who joined after that is in both: take in who left before who joined.
    pub left: Vec<(UserId, ConversationId)>,
}

/// The result of applying a log entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// One for each command, in order.
    pub outcomes: Vec<Outcome>,
    /// In order of number. A row that changed twice is here twice, and in the tables at its latest.
    pub changes: Vec<FeedChange>,
    /// To be stored at once, with what says that the entry is applied.
    pub writes: Writes,
    /// The number of the last change after this entry.
    pub change: ChangeNumber,
    /// The rolling hash after this entry.
    pub state_hash: StateHash,
    /// Sessions that ended, in the order they did.
    pub ended_sessions: Vec<SessionId>,
    /// Memberships that began, in the order they did, and still last.
    pub joined: Vec<Joined>,
    /// Memberships that ended, in the order they did. Who joined after that is in both: take in who left before who joined.
    pub left: Vec<(UserId, ConversationId)>,
}

/// Applies one log entry: its commands in order, each by itself, one refused no hindrance to the next.
///
/// The rows stay as they are; all that changes is in [`Applied::writes`], the state hash among it.
pub fn apply_batch<R: Rows>(rows: &R, stamp: Stamp, commands: &[Command]) -> Result<Applied, ApplyError<R::Error>> {
    let previous = queries::state_hash(rows)?;
    let mut overlay = Overlay::new(rows);
    let mut step = Step::begin(&mut overlay, stamp)?;
    let mut outcomes = Vec::with_capacity(commands.len());
    for command in commands {
        outcomes.push(run(&mut step, command)?);
    }
    let (change, effects) = step.finish()?;
    let mut writes = overlay.into_writes();
    let state_hash = hash::roll(previous, &writes);
    writes.0.insert(keys::state_hash(), Some(step::encode(&keys::state_hash(), &state_hash)?));
    let Effects { changes, ended_sessions, joined, left } = effects;
    Ok(Applied { outcomes, changes, writes, change, state_hash, ended_sessions, joined, left })
}

/// Applies one command. The state hash is a matter of whole entries and stays as it is.
pub fn apply<T: Tables>(
    tables: &mut T,
    stamp: Stamp,
    command: &Command,
) -> Result<(Outcome, Effects), ApplyError<T::Error>> {
    let mut step = Step::begin(tables, stamp)?;
    let outcome = run(&mut step, command)?;
    let (_change, effects) = step.finish()?;
    Ok((outcome, effects))
}

fn run<T: Tables>(step: &mut Step<'_, T>, command: &Command) -> Result<Outcome, ApplyError<T::Error>> {
    settled(match command {
        Command::Register(register) => accounts::register(step, register),
        Command::OpenSession(open) => sessions::open(step, open),
        Command::InSession(command) => sessions::in_session(step, command),
        Command::NoteLastSeen(users) => accounts::note_last_seen(step, users),
        Command::NoteDelivered(delivered) => marks::note_delivered(step, delivered),
        Command::NoteUse(uses) => sessions::note_use(step, uses),
        Command::Erase => erasure::step(step),
        Command::RaiseLevel(level) => Ok(step.raise_level(*level)),
    })
}

/// A refusal is an outcome; a failure ends the entry.
fn settled<E>(handled: Result<Done, Stop<E>>) -> Result<Outcome, ApplyError<E>> {
    match handled {
        Ok(done) => Ok(Ok(done)),
        Err(Stop::Refused(refusal)) => Ok(Err(refusal)),
        Err(Stop::Failed(error)) => Err(error),
    }
}
