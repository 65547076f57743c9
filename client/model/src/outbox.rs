//! What is to be done at the nodes: kept until its outcome is known, done once, and in order within each lane. Knows
//! nothing of what is drawn meanwhile.

pub(crate) mod numbers;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::time::Duration;

use raftchat_schema::command::{Act, SendMessage};
use raftchat_schema::error::Refusal;
use raftchat_schema::id::{ConversationId, MessageId, RequestNumber, Stamp};
use raftchat_schema::pause::Pause;

use crate::interface::effect::{Effect, Write};
use crate::interface::rows::{ChatId, EntryState, Lane, OutboxEntry, OutboxId};
use crate::outbox::numbers::Numbers;
use crate::rules::{Object, replaces, rules};
use crate::turn::Turn;

/// The most entries that are done at once.
const UNDER_WAY_MAX: usize = 8;
/// The pauses of an entry that has no answer; it is tried again at once the first time.
const PAUSE: Pause = Pause::between(Duration::from_millis(250), Duration::from_secs(8));

/// The entries, in order.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    slots: BTreeMap<OutboxId, Slot>,
    lanes: BTreeMap<Lane, BTreeSet<OutboxId>>,
    last_id: OutboxId,
    numbers: Numbers,
    under_way: usize,
}

#[derive(Debug)]
struct Slot {
    entry: OutboxEntry,
    progress: Progress,
    /// The number of times in a row that nobody answered.
    unanswered: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// Nobody was asked.
    Idle,
    /// The nodes are asked.
    UnderWay {
        /// The feed has brought something about its object since.
        seen: bool,
    },
    /// It is not to be tried before.
    Pausing(Stamp),
}

/// An entry whose outcome is known.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) entry: OutboxEntry,
    /// The feed may have shown it already.
    pub(crate) seen: bool,
}

impl Outbox {
    pub(crate) fn new(entries: Vec<OutboxEntry>, last_number: RequestNumber) -> Self {
        let mut outbox = Self { numbers: Numbers::after(last_number), ..Self::default() };
        for entry in entries {
            outbox.numbers.was_given(entry.number);
            outbox.last_id = outbox.last_id.max(entry.id);
            outbox.insert(entry);
        }
        outbox
    }

    fn insert(&mut self, entry: OutboxEntry) {
        self.lanes.entry(entry.lane).or_default().insert(entry.id);
        self.slots.insert(entry.id, Slot { entry, progress: Progress::Idle, unanswered: 0 });
    }

    /// Enters an act. What waits and is replaced by it goes.
    pub(crate) fn enter(&mut self, turn: &mut Turn, lane: Lane, act: Act) {
        for replaced in self.replaced_by(lane, &act) {
            self.remove(turn, replaced);
        }
        self.last_id = OutboxId(self.last_id.0.saturating_add(1));
        let entry = OutboxEntry {
            id: self.last_id,
            number: self.next_number(turn),
            lane,
            act,
            entered: turn.now,
            state: EntryState::Waiting,
        };
        turn.write_synced(Write::PutOutbox(entry.clone()));
        self.insert(entry);
    }

    /// Takes away what waits and would be replaced by an act that is not to be entered, as things are so already.
    pub(crate) fn cancel(&mut self, turn: &mut Turn, lane: Lane, act: &Act) {
        for replaced in self.replaced_by(lane, act) {
            self.remove(turn, replaced);
        }
    }

    fn replaced_by(&self, lane: Lane, act: &Act) -> Vec<OutboxId> {
        self.slots_of(lane)
            .filter(|slot| !matches!(slot.progress, Progress::UnderWay { .. }) && slot.unanswered == 0)
            .filter(|slot| replaces(act, &slot.entry.act))
            .map(|slot| slot.entry.id)
            .collect()
    }

    fn next_number(&mut self, turn: &mut Turn) -> RequestNumber {
        let number = self.numbers.next(turn.cluster_now());
        turn.write_synced(Write::LastNumber(number));
        number
    }

    /// The nodes know of the session's numbers up to there.
    pub(crate) fn told(&mut self, highest: RequestNumber) {
        self.numbers.told(highest);
    }

    /// True if the nodes refuse the number of an entry as one of another time: it was entered by a clock that was wrong.
    pub(crate) fn has_absurd_number(&self, id: OutboxId, turn: &Turn) -> bool {
        self.get(id).is_some_and(|entry| self.numbers.is_absurd(entry.number, turn.cluster_now()))
    }

    fn remove(&mut self, turn: &mut Turn, id: OutboxId) -> Option<Finished> {
        let slot = self.slots.remove(&id)?;
        if let Some(lane) = self.lanes.get_mut(&slot.entry.lane) {
            lane.remove(&id);
            if lane.is_empty() {
                self.lanes.remove(&slot.entry.lane);
            }
        }
        let seen = match slot.progress {
            Progress::UnderWay { seen } => {
                self.under_way = self.under_way.saturating_sub(1);
                seen
            }
            Progress::Idle | Progress::Pausing(_) => false,
        };
        turn.write(Write::RemoveOutbox(id));
        Some(Finished { entry: slot.entry, seen })
    }

    /// The outcome of an entry is known: it goes.
    pub(crate) fn finish(&mut self, turn: &mut Turn, id: OutboxId) -> Option<Finished> {
        self.remove(turn, id)
    }

    /// Nobody answered, or not now: it stays first and is tried again, at once the first time.
    /// Gives the time before which it is not.
    pub(crate) fn pause(&mut self, id: OutboxId, now: Stamp, at_least_ms: u64) -> Option<Stamp> {
        let slot = self.slots.get_mut(&id)?;
        if let Progress::UnderWay { .. } = slot.progress {
            self.under_way = self.under_way.saturating_sub(1);
        }
        let backing_off = match slot.unanswered {
            0 => 0,
            times => u64::try_from(PAUSE.after(times).as_millis()).unwrap_or(u64::MAX),
        };
        slot.unanswered = slot.unanswered.saturating_add(1);
        let until = Stamp(now.0.saturating_add(backing_off.max(at_least_ms)));
        slot.progress = Progress::Pausing(until);
        Some(until)
    }

    /// There is a new link: nothing has to wait for its time any more.
    pub(crate) fn wake_all(&mut self) {
        for slot in self.slots.values_mut() {
            if let Progress::Pausing(_) = slot.progress {
                slot.progress = Progress::Idle;
            }
        }
    }

    /// The nodes no longer know that request: it is asked for anew.
    pub(crate) fn renumber(&mut self, turn: &mut Turn, id: OutboxId) {
        let number = self.next_number(turn);
        let Some(slot) = self.slots.get_mut(&id) else { return };
        if let Progress::UnderWay { .. } = slot.progress {
            self.under_way = self.under_way.saturating_sub(1);
        }
        slot.progress = Progress::Idle;
        slot.entry.number = number;
        slot.entry.state = EntryState::Waiting;
        turn.write_synced(Write::PutOutbox(slot.entry.clone()));
    }

    /// A message was refused: it waits for the person.
    pub(crate) fn fail(&mut self, turn: &mut Turn, id: OutboxId, refusal: Refusal) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        if let Progress::UnderWay { .. } = slot.progress {
            self.under_way = self.under_way.saturating_sub(1);
        }
        slot.progress = Progress::Idle;
        slot.entry.state = EntryState::Failed(refusal);
        turn.write_synced(Write::PutOutbox(slot.entry.clone()));
    }

    /// Asks for whatever may be done now.
    pub(crate) fn dispatch(&mut self, turn: &mut Turn) {
        let mut ready: Vec<OutboxId> = self.lanes.values().filter_map(|lane| self.ready_in(lane, turn.now)).collect();
        ready.sort_unstable();
        for id in ready {
            if self.under_way >= UNDER_WAY_MAX {
                return;
            }
            let Some(slot) = self.slots.get_mut(&id) else { continue };
            slot.progress = Progress::UnderWay { seen: false };
            self.under_way += 1;
            turn.effect(Effect::Perform { id, number: slot.entry.number, act: slot.entry.act.clone() });
        }
    }

    /// The first of a lane, if it may be done now.
    fn ready_in(&self, lane: &BTreeSet<OutboxId>, now: Stamp) -> Option<OutboxId> {
        let slots = lane.iter().filter_map(|id| self.slots.get(id));
        let first = slots.into_iter().find(|slot| slot.entry.state == EntryState::Waiting)?;
        let ready = match first.progress {
            Progress::Idle => true,
            Progress::UnderWay { .. } => false,
            Progress::Pausing(until) => until <= now,
        };
        ready.then_some(first.entry.id)
    }

    fn slots_of(&self, lane: Lane) -> impl Iterator<Item = &Slot> {
        self.lanes.get(&lane).into_iter().flatten().filter_map(|id| self.slots.get(id))
    }

    /// The entries of a lane, in order.
    pub(crate) fn of(&self, lane: Lane) -> impl Iterator<Item = &OutboxEntry> {
        self.slots_of(lane).map(|slot| &slot.entry)
    }

    /// The number of entries that wait for the nodes.
    pub(crate) fn waiting(&self) -> usize {
        self.slots.values().filter(|slot| slot.entry.state == EntryState::Waiting).count()
    }

    /// The conversations that something is to be done in.
    pub(crate) fn chats(&self) -> impl Iterator<Item = ChatId> {
        self.lanes.keys().filter_map(|lane| match lane {
            Lane::Chat(chat) => Some(*chat),
            Lane::Account => None,
        })
    }

    pub(crate) fn get(&self, id: OutboxId) -> Option<&OutboxEntry> {
        self.slots.get(&id).map(|slot| &slot.entry)
    }

    /// True if the nodes are asked for it now.
    pub(crate) fn is_under_way(&self, id: OutboxId) -> bool {
        self.slots.get(&id).is_some_and(|slot| matches!(slot.progress, Progress::UnderWay { .. }))
    }

    /// True if anything of the kind waits or is under way: the truth at the nodes is then not what was last seen.
    pub(crate) fn has_like(&self, lane: Lane, act: &Act) -> bool {
        self.of(lane).any(|entry| replaces(act, &entry.act))
    }

    /// The entry that sends that message.
    pub(crate) fn sending(&self, message_id: MessageId) -> Option<OutboxId> {
        self.slots
            .values()
            .map(|slot| &slot.entry)
            .find(|entry| matches!(&entry.act, Act::Send(SendMessage { message_id: id, .. }) if *id == message_id))
            .map(|entry| entry.id)
    }

    /// The feed has brought something about an object: what is under way about it may have been seen.
    pub(crate) fn note_seen(&mut self, conversation: ConversationId, object: Object) {
        let lane = Lane::Chat(ChatId::Known(conversation));
        let Some(ids) = self.lanes.get(&lane) else { return };
        for id in ids {
            let Some(slot) = self.slots.get_mut(id) else { continue };
            if let Progress::UnderWay { seen } = &mut slot.progress {
                *seen = *seen || rules(&slot.entry.act).row() == Some(object);
            }
        }
    }

    /// A direct conversation has got its id: what waits behind its user now waits behind that.
    pub(crate) fn adopt(&mut self, turn: &mut Turn, from: Lane, to: Lane) {
        let Some(ids) = self.lanes.remove(&from) else { return };
        for id in &ids {
            if let Some(slot) = self.slots.get_mut(id) {
                slot.entry.lane = to;
                turn.write_synced(Write::PutOutbox(slot.entry.clone()));
            }
        }
        self.lanes.entry(to).or_default().extend(ids);
    }

    /// Takes a whole lane away and gives what was in it.
    pub(crate) fn drop_lane(&mut self, turn: &mut Turn, lane: Lane) -> Vec<OutboxEntry> {
        let ids: Vec<OutboxId> = self.of(lane).map(|entry| entry.id).collect();
        ids.into_iter().filter_map(|id| self.remove(turn, id)).map(|finished| finished.entry).collect()
    }
}
