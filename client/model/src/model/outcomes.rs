//! What comes of acts: done, refused, or unknown. Knows nothing of how they were performed.

use alloc::vec::Vec;

use raftchat_schema::command::{Act, ConversationAct, Done, Recipient};
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, Stamp};
use raftchat_schema::view::{MessageState, MessageView};

use crate::interface::input::OutcomeResult;
use crate::interface::rows::{ChatId, Lane, OutboxId};
use crate::interface::shown::{Failure, FailureReason, Shown, Undone};
use crate::model::Model;
use crate::outbox::Finished;
use crate::rules::{Object, Refused, Renewal, Slot, replaces, rules};
use crate::state::timers::Timer;
use crate::turn::Turn;

/// The pause, in ms, where the nodes do not say for how long.
const TRY_AGAIN_MS: u64 = 500;

impl Model {
    pub(crate) fn outcome(&mut self, turn: &mut Turn, id: OutboxId, result: OutcomeResult) {
        match result {
            OutcomeResult::Done(done) => {
                self.sync.no_majority = false;
                self.done(turn, id, &done);
            }
            OutcomeResult::Refused(refusal) => self.refused(turn, id, refusal),
            OutcomeResult::Unknown => self.try_again(turn, id, 0),
        }
    }

    fn done(&mut self, turn: &mut Turn, id: OutboxId, done: &Done) {
        let Some(finished) = self.outbox.finish(turn, id) else { return };
        self.timers.cancel(Timer::Retry(id));
        match done {
            Done::Sent { conversation, position, sent_at } => {
                self.sent(turn, finished, *conversation, *position, *sent_at);
            }
            Done::GroupCreated { conversation } => turn.show(Shown::GroupCreated(*conversation)),
            Done::SessionOpened { .. } | Done::Nothing => self.settle(turn, finished),
        }
    }

    /// A message is stored: it is a message from now on, and the feed will bring the same.
    fn sent(
        &mut self,
        turn: &mut Turn,
        finished: Finished,
        conversation: ConversationId,
        position: Position,
        sent_at: Stamp,
    ) {
        let Act::Send(send) = &finished.entry.act else { return };
        if let Recipient::Direct(user) = send.to {
            self.make_direct(turn, user, conversation, sent_at);
        }
        let Some(me) = self.people.get(self.me) else { return self.keep_settled(turn, finished) };
        let message = MessageView {
            conversation,
            position,
            message_id: send.message_id,
            sender: self.me,
            sender_name: me.username.clone(),
            sent_at,
            state: MessageState::Original,
            revision: 0,
            payload: send.payload.clone(),
            edited: None,
            mentions: send.mentions.clone(),
            reactions: Vec::new(),
            // Whatever the feed says is newer.
            changed: ChangeNumber(0),
            reactions_changed: ChangeNumber(0),
        };
        if self.chats.contains_key(&conversation) {
            self.keep_settled(turn, finished);
            self.take_message(turn, message);
        }
    }

    /// Another act is done: what it changed stays changed until the feed shows it.
    fn settle(&mut self, turn: &mut Turn, finished: Finished) {
        let mut shows_in_a_row = rules(&finished.entry.act).row().is_some();
        if let Act::In(conversation, ConversationAct::MarkRead { position }) = finished.entry.act
            && let Some(chat) = self.chats.get_mut(&conversation)
        {
            chat.read_here = chat.read_here.max(position);
            // The mark itself is remembered: what else it changes is only this.
            shows_in_a_row = chat.place.view.marked_unread;
        }
        self.touch_of(turn, finished.entry.lane, &finished.entry.act);
        if !finished.seen && shows_in_a_row {
            self.keep_settled(turn, finished);
        }
    }

    fn keep_settled(&mut self, turn: &mut Turn, finished: Finished) {
        let Lane::Chat(ChatId::Known(conversation)) = self.lane_now(finished.entry.lane) else { return };
        let Some(chat) = self.chats.get_mut(&conversation) else { return };
        turn.touch(ChatId::Known(conversation));
        chat.settled.retain(|before| !replaces(&finished.entry.act, &before.act));
        chat.settled.push(finished.entry);
    }

    fn lane_now(&self, lane: Lane) -> Lane {
        match lane {
            Lane::Chat(chat) => Lane::Chat(self.resolve(chat)),
            Lane::Account => lane,
        }
    }

    fn refused(&mut self, turn: &mut Turn, id: OutboxId, refusal: Refusal) {
        let Some(entry) = self.outbox.get(id) else { return };
        let (lane, act) = (entry.lane, entry.act.clone());
        let rules = rules(&act);
        match refusal.code {
            ErrorCode::NoLeader => {
                self.sync.no_majority = true;
                self.try_again(turn, id, refusal.retry_after_ms.max(TRY_AGAIN_MS));
            }
            ErrorCode::Busy | ErrorCode::Behind | ErrorCode::RateLimited => {
                self.try_again(turn, id, refusal.retry_after_ms.max(TRY_AGAIN_MS));
            }
            ErrorCode::SessionEnded | ErrorCode::DeviceRevoked => {
                self.try_again(turn, id, 0);
                self.session_ended(turn, refusal);
            }
            ErrorCode::StaleRequest if rules.renewal == Renewal::Harmless => self.outbox.renumber(turn, id),
            // It was never taken under that number, so that it cannot be done twice.
            ErrorCode::MalformedRequest if self.outbox.has_absurd_number(id, turn) => self.outbox.renumber(turn, id),
            _ if rules.refused == Refused::Kept => {
                self.outbox.fail(turn, id, refusal);
                self.touch_of(turn, lane, &act);
            }
            _ => {
                self.outbox.finish(turn, id);
                self.touch_of(turn, lane, &act);
                undone(turn, lane, rules.undone, refusal);
            }
        }
    }

    fn try_again(&mut self, turn: &mut Turn, id: OutboxId, after_ms: u64) {
        let Some(until) = self.outbox.pause(id, turn.now, after_ms) else { return };
        if until > turn.now {
            self.timers.set(Timer::Retry(id), until);
        }
    }

    /// Notes what an act that is entered or gone makes look different.
    pub(crate) fn touch_of(&mut self, turn: &mut Turn, lane: Lane, act: &Act) {
        let Lane::Chat(chat) = self.lane_now(lane) else { return };
        let touched = turn.touch(chat);
        let rules = rules(act);
        match rules.row() {
            Some(Object::Message(position) | Object::Reactions(position)) => {
                touched.messages.insert(position);
            }
            Some(Object::Head) => touched.everything = true,
            Some(Object::Place) => touched.draft |= rules.slot == Some(Slot::Draft),
            None => {}
        }
    }
}

/// Says that an act was refused.
fn undone(turn: &mut Turn, lane: Lane, what: Undone, refusal: Refusal) {
    let chat = match lane {
        Lane::Chat(chat) => Some(chat),
        Lane::Account => None,
    };
    turn.show(Shown::Failed(Failure { chat, what, why: FailureReason::Refused(refusal) }));
}
