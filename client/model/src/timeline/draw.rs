//! From messages and acts to items: what was touched is built again, and only what became different is a step. Knows
//! nothing of how messages are loaded.

use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;

use raftchat_schema::id::Position;
use raftchat_schema::view::MessageView;

use super::Timeline;
use super::bubble::{self, Effective};
use super::items::{Order, Rank};
use super::load::is_seen;
use super::notices::notices;
use super::quotes::Found;
use crate::interface::effect::PageRange;
use crate::interface::shown::{Delivery, ItemKey, Original, Quote, TimelineChange, TimelineState};
use crate::state::chat::{effective_pins, sent_by};
use crate::state::marks;
use crate::state::scene::Scene;
use crate::turn::Touched;

impl Timeline {
    /// Draws what has changed.
    pub(crate) fn draw(&mut self, scene: &Scene<'_>, touched: &Touched) -> Vec<TimelineChange> {
        let anew = core::mem::take(&mut self.anew);
        if anew {
            self.items.clear();
        }
        let shrunk = core::mem::take(&mut self.shrunk) && !anew;
        if shrunk {
            let (span, following) = (self.span, self.following);
            self.items.keep_between(|order| is_within(order, span, following));
        }
        let messages = self.take_changed(touched, anew);
        let pins = scene.chat.map_or_else(Vec::new, |chat| effective_pins(&chat.row.pinned_messages, scene.acts()));
        self.pins.put(&pins);
        for position in &messages {
            self.draw_message(scene, *position, &pins);
        }
        let stretched = core::mem::take(&mut self.stretched);
        if anew || stretched || touched.members || touched.everything {
            self.draw_notices(scene, touched.members || touched.everything);
        }
        self.draw_pending(scene);
        if anew {
            return vec![TimelineChange::Reset(self.items.take_all())];
        }
        self.items.take_steps()
    }

    /// The positions of the span whose items may have become different.
    fn take_changed(&mut self, touched: &Touched, anew: bool) -> BTreeSet<Position> {
        let Some(span) = self.span else {
            self.pins.note_everything();
            return BTreeSet::new();
        };
        if anew || touched.everything {
            self.fresh.clear();
            self.quotes.take_changed();
            self.pins.note_everything();
            return self.held.range(span.first..=span.last).map(|(position, _)| *position).collect();
        }
        let mut positions = core::mem::take(&mut self.fresh);
        positions.extend(touched.messages.iter().copied());
        let mut originals = positions.clone();
        originals.extend(self.quotes.take_changed());
        self.pins.note(&originals);
        positions.extend(self.quotes.quoting(&originals));
        if touched.marks || touched.members {
            positions.extend(self.newest_own);
        }
        positions.retain(|position| span.covers(*position));
        positions
    }

    fn draw_message(&mut self, scene: &Scene<'_>, position: Position, pins: &[Position]) {
        let Some(message) = self.held.get(&position).cloned() else { return };
        let delivery = scene
            .chat
            .filter(|_| self.newest_own == Some(position))
            .map(|chat| marks::delivery(chat, scene.people, scene.me, position));
        let quote = |to: Position| {
            self.quotes.note(to, position);
            self.quote(scene, to, position)
        };
        let item = bubble::committed(scene, &message, quote, delivery, pins);
        self.items.put(Order::Held(position, Rank::Message), item);
    }

    /// The quote of the message that the one at `from` answers.
    pub(crate) fn quote(&mut self, scene: &Scene<'_>, position: Position, from: Position) -> Quote {
        let beyond = position >= from || position <= scene.floor() || position > scene.last_position();
        let original = if beyond {
            Original::Gone
        } else if let Some(message) = self.held.get(&position) {
            said(scene, message)
        } else {
            match self.quotes.find(position) {
                Found::NotYet => Original::Loading,
                Found::Nothing => Original::Gone,
                Found::Message(message) => said(scene, message),
            }
        };
        Quote { position, original }
    }

    /// Lines between messages. Whether any is gone is looked at only when members have changed.
    fn draw_notices(&mut self, scene: &Scene<'_>, members_changed: bool) {
        let (span, following) = (self.span, self.following);
        let lines = notices(scene, |after| has_line_after(after, span, following));
        if members_changed {
            let there: BTreeSet<ItemKey> = lines.iter().map(|(_, item)| item.key()).collect();
            let is_notice = |order| matches!(order, Order::Held(_, Rank::Notice(..)));
            for key in self.items.keys_where(is_notice) {
                if !there.contains(&key) {
                    self.items.remove(key);
                }
            }
        }
        for (order, item) in lines {
            self.items.put(order, item);
        }
    }

    /// Draws the messages that are being sent, below the end; not those that are shown as sent already.
    fn draw_pending(&mut self, scene: &Scene<'_>) {
        let mut pending = BTreeSet::new();
        if self.following {
            let settled = scene.settled().map(|entry| (entry, Delivery::Sent));
            let waiting = scene.waiting().map(|entry| (entry, bubble::delivery_of(entry)));
            for (entry, delivery) in settled.chain(waiting) {
                let Some(send) = sent_by(&entry.act) else { continue };
                let key = ItemKey::Message { sender: scene.me, id: send.message_id };
                if self.items.holds(key) {
                    continue;
                }
                let quote = |to| self.quote(scene, to, Position(u64::MAX));
                let item = bubble::pending(scene, entry, send, delivery, quote);
                self.items.put(Order::Pending(entry.id.0), item);
                pending.insert(key);
            }
        }
        for key in core::mem::replace(&mut self.pending, pending.clone()) {
            if !pending.contains(&key) && !self.items.holds(key) {
                self.items.remove(key);
            }
        }
    }

    /// The timeline's place in its conversation, if that has become different.
    pub(crate) fn new_state(&mut self, scene: &Scene<'_>) -> Option<TimelineState> {
        let last = scene.last_position();
        let state = TimelineState {
            chat: self.chat,
            at_start: self.span.map_or(last <= scene.floor(), |span| span.first.0 <= scene.floor().0.saturating_add(1)),
            at_end: self.following,
            below: if self.following { 0 } else { self.span.map_or(0, |span| last.0.saturating_sub(span.last.0)) },
            unread_line: self.settle_unread_line(),
            jumped_to: self.jumped_to,
            loading: self.loads.values().any(is_seen),
        };
        if self.state.as_ref() == Some(&state) {
            return None;
        }
        self.state = Some(state.clone());
        Some(state)
    }
}

/// True if what happened after a message stands in what is shown.
fn has_line_after(after: Position, span: Option<PageRange>, following: bool) -> bool {
    match span {
        None => following,
        Some(span) => after.next() >= span.first && (after < span.last || following),
    }
}

/// True if an item of that place belongs to what is shown.
fn is_within(order: Order, span: Option<PageRange>, following: bool) -> bool {
    match order {
        Order::Held(position, Rank::Message) => span.is_some_and(|span| span.covers(position)),
        Order::Held(after, Rank::Notice(..)) => has_line_after(after, span, following),
        Order::Pending(_) => following,
    }
}

fn said(scene: &Scene<'_>, message: &MessageView) -> Original {
    Original::Said {
        sender: message.sender,
        sender_name: bubble::sender_name(scene, message),
        body: Effective::of(scene, message).body(),
    }
}
