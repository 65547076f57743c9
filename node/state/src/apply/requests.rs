//! Requests of a session: the window of outcomes that makes each happen once. Knows nothing of what they ask for.

use raftchat_schema::command::{AccountAct, Act, InSession, Outcome, SessionAct};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{RequestNumber, Stamp};
use raftchat_schema::limits::{REQUEST_AHEAD_MS_MAX, REQUEST_WINDOW};

use super::acts;
use super::sessions::{Live, touch};
use super::step::{Handled, Step, Stop, settled};
use crate::keys;
use crate::read;
use crate::rows::SessionRow;
use crate::tables::Tables;

/// Performs an act in a session that is open.
pub(super) fn perform<T: Tables>(step: &mut Step<'_, T>, command: &InSession) -> Handled<T> {
    let row: Option<SessionRow> = step.get(&keys::session(command.session))?;
    let Some(row) = row.filter(|row| row.left(step.age()) > 0) else { return Err(ErrorCode::SessionEnded.into()) };
    let mut live = Live { id: command.session, row };
    touch(step, &mut live)?;
    // A message is unique by its id, for longer than any window: it neither asks nor fills one.
    if matches!(command.act, SessionAct::Asked(Act::Send(_))) {
        return acts::perform(step, &live, &command.act);
    }
    once(step, live, command)
}

/// Performs a request the first time, and answers its repeats from memory.
fn once<T: Tables>(step: &mut Step<'_, T>, live: Live, command: &InSession) -> Handled<T> {
    if let Some(outcome) = step.get::<Outcome>(&keys::outcome(live.id, command.request))? {
        return outcome.map_err(Stop::Refused);
    }
    let ahead = command.request > highest_number(step.now());
    if !goes_whatever_its_number(&command.act) {
        if ahead {
            return Err(ErrorCode::MalformedRequest.into());
        }
        if command.request < live.row.floor {
            return Err(ErrorCode::StaleRequest.into());
        }
    }
    let outcome = settled(acts::perform(step, &live, &command.act))?;
    // What is refused for now is asked again later, as the same request.
    let passing = outcome.as_ref().is_err_and(|refusal| refusal.code == ErrorCode::RateLimited);
    // An act that ended its own session has nobody left to repeat it; and a number that leaves no room above it is not kept.
    if !ahead && !passing && step.get::<SessionRow>(&keys::session(live.id))?.is_some() {
        remember(step, live, command, &outcome)?;
    }
    outcome.map_err(Stop::Refused)
}

/// The highest number of a request at that time. They are nanoseconds since 1970, or a little more: see
/// [`REQUEST_AHEAD_MS_MAX`].
fn highest_number(now: Stamp) -> RequestNumber {
    RequestNumber(now.0.saturating_add(REQUEST_AHEAD_MS_MAX).saturating_mul(1_000_000))
}

/// What ends a session or secures an account is done whatever number it comes under: whoever uses up the numbers, by a wrong
/// clock or on purpose, keeps nobody from it. Each is as good done twice, or refuses by itself what was done meanwhile.
fn goes_whatever_its_number(act: &SessionAct) -> bool {
    match act {
        SessionAct::ChangePassword { .. } | SessionAct::DeleteAccount { .. } => true,
        SessionAct::Asked(act) => {
            matches!(act, Act::Account(AccountAct::EndSession(_) | AccountAct::EndOtherSessions))
        }
    }
}

/// Keeps the outcome; forgets those the client says it has, and the lowest beyond [`REQUEST_WINDOW`].
fn remember<T: Tables>(step: &mut Step<'_, T>, live: Live, command: &InSession, outcome: &Outcome) -> Handled<T, ()> {
    let Live { id, row } = live;
    step.put(keys::outcome(id, command.request), outcome)?;
    // Whatever the client says, it cannot have had this outcome yet.
    let acknowledged = command.acknowledged_below.min(command.request);
    let kept = read::all(step.tables, &keys::outcomes_of(id), read::bare::<2>)?;
    let excess = kept.len().saturating_sub(REQUEST_WINDOW);
    let mut floor = row.floor.max(acknowledged);
    for (rank, [_session, request]) in kept.into_iter().enumerate() {
        let request = RequestNumber(request);
        if rank < excess || request < floor {
            step.tables.delete(keys::outcome(id, request));
            floor = floor.max(request.next());
        }
    }
    if floor != row.floor {
        step.put(keys::session(id), &SessionRow { floor, ..row })?;
    }
    Ok(())
}
