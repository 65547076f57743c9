//! Up to where devices on this node hold conversations: gathered as they acknowledge, and noted together, never one entry a
//! message. Knows nothing of how messages get to devices.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use raftchat_schema::command::{Command, Delivered};
use raftchat_schema::id::{ConversationId, Position, UserId};
use raftchat_schema::limits::{NOTED_AT_ONCE_MAX, NOTED_ROWS, RECEIPT_MEMBERS_MAX};
use raftchat_schema::pause::Pause;
use raftchat_state::{ReadError, member_count, members_page};
use raftchat_transport::lot;
use tokio::sync::Notify;

use super::NOTE_LIMIT;
use crate::proposer::Proposer;
use crate::raft::RaftHandle;
use crate::store::{StateView, StoreError};

/// The pause between two notes: what is acknowledged meanwhile shares the next.
const PAUSE: Duration = Duration::from_millis(500);
/// The pauses after notes that could not be made.
const FAILED: Pause = Pause::between(PAUSE, Duration::from_secs(30));

/// What was acknowledged and is not yet noted.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    marks: Mutex<BTreeMap<(UserId, ConversationId), Position>>,
    some: Notify,
}

impl Deliveries {
    /// A device of the user holds the conversation up to there.
    pub(crate) fn reached(&self, user: UserId, conversation: ConversationId, position: Position) {
        let mut marks = self.lock();
        let mark = marks.entry((user, conversation)).or_default();
        *mark = (*mark).max(position);
        drop(marks);
        self.some.notify_one();
    }

    /// As many as one command holds.
    fn take(&self) -> Vec<Delivered> {
        let mut marks = self.lock();
        let mut taken = Vec::new();
        while taken.len() < NOTED_AT_ONCE_MAX
            && let Some(((user, conversation), position)) = marks.pop_first()
        {
            taken.push(Delivered { user, conversation, position });
        }
        if !marks.is_empty() {
            self.some.notify_one();
        }
        taken
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(UserId, ConversationId), Position>> {
        // The map is whole after every step, whoever panicked meanwhile.
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Notes what has reached devices on this node, for as long as it runs.
pub(crate) async fn note_delivered(deliveries: Arc<Deliveries>, proposer: Proposer, raft: RaftHandle) {
    let mut failed = FAILED;
    loop {
        deliveries.some.notified().await;
        let moving = moving(&raft.stores().state.view(), deliveries.take());
        let rows = moving.len().saturating_mul(NOTED_ROWS);
        let mut pause = PAUSE;
        if moving.is_empty() {
            // Nothing is asked of anybody.
        } else if let Err(error) = proposer.propose(&Command::NoteDelivered(moving.clone()), rows, NOTE_LIMIT).await {
            tracing::debug!(%error, "what has reached devices is not noted yet");
            for Delivered { user, conversation, position } in moving {
                deliveries.reached(user, conversation, position);
            }
            pause = failed.grow(lot());
        } else {
            failed.reset();
        }
        tokio::time::sleep(pause).await;
    }
}

/// Those that would move a mark.
fn moving(view: &StateView, marks: Vec<Delivered>) -> Vec<Delivered> {
    let moves = |mark: &Delivered| {
        moves(view, mark).unwrap_or_else(|error| {
            tracing::error!(%error, "the state cannot be read");
            false
        })
    };
    marks.into_iter().filter(moves).collect()
}

fn moves(view: &StateView, mark: &Delivered) -> Result<bool, ReadError<StoreError>> {
    let Delivered { user, conversation, position } = *mark;
    let shared = member_count(view, conversation)?
        .is_some_and(|count| usize::try_from(count).is_ok_and(|count| count <= RECEIPT_MEMBERS_MAX));
    if !shared {
        return Ok(false);
    }
    let before = UserId(user.0.saturating_sub(1));
    let page = members_page(view, user, conversation, before, 1)?;
    let member = page.and_then(|(members, _more)| members.into_iter().find(|member| member.user.id == user));
    Ok(member.is_some_and(|member| !member.user.receipts_off && position > member.delivered_position))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_mark_of_each_is_taken_and_no_more_than_a_command_holds() {
        let (deliveries, here) = (Deliveries::default(), ConversationId(7));
        for position in [3, 5, 4] {
            deliveries.reached(UserId(1001), here, Position(position));
        }
        let mark = |user, position| Delivered { user: UserId(user), conversation: here, position: Position(position) };
        assert_eq!(deliveries.take(), [mark(1001, 5)]);
        for user in 0..=NOTED_AT_ONCE_MAX as u64 {
            deliveries.reached(UserId(user), here, Position(1));
        }
        assert_eq!(deliveries.take().len(), NOTED_AT_ONCE_MAX);
        assert_eq!(deliveries.take(), [mark(NOTED_AT_ONCE_MAX as u64, 1)]);
    }
}
