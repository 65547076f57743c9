//! What a command does. Every check that can refuse stands here, so that its answer is the same on every node.
//!
//! A handler makes all its checks before its first write: a refused command leaves nothing but, once an hour, the
//! time its session was used. Numbers and the cluster's time come from the rows and the entry's stamp alone.

mod accounts;
mod acts;
mod allowances;
mod blocks;
mod conversation;
mod effects;
mod erasure;
mod groups;
mod marks;
mod messages;
mod own;
mod requests;
mod sessions;
mod step;

use alloc::vec::Vec;

use raftchat_schema::command::{Command, Outcome};
use raftchat_schema::id::Stamp;

use crate::hash;
use crate::keys;
use crate::queries;
use crate::tables::{Overlay, Rows, Tables};
use step::{Step, settled};

pub use effects::{Applied, ApplyError, Effects, Joined};

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
    Ok(Applied { outcomes, writes, change, state_hash, effects })
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
        Command::InSession(command) => requests::perform(step, command),
        Command::NoteLastSeen(users) => accounts::note_last_seen(step, users),
        Command::NoteDelivered(delivered) => marks::note_delivered(step, delivered),
        Command::NoteUse(uses) => sessions::note_use(step, uses),
        Command::Erase => erasure::step(step),
        Command::RaiseLevel(level) => Ok(step.raise_level(*level)),
    })
}
