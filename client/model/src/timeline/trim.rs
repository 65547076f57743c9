//! The open conversation stays small while it is read: what lies far from the person is dropped, and loaded again when
//! they come there. Knows where they read only from the window; of one that does not tell, nothing is dropped.

use alloc::vec::Vec;

use raftchat_schema::id::{Position, Stamp};

use super::Timeline;
use super::load::PAGE;
use crate::interface::effect::PageRange;
use crate::model::Model;
use crate::state::timers::Timer;
use crate::turn::Turn;

/// The number of messages that are held around the person, in both directions together: many screens more than they see.
const HELD_MAX: u64 = 400;

/// The distance to where the person reads, in messages, within which nothing is dropped.
const NEAR: u64 = 150;

/// How many are held at most of what comes by itself while the person reads elsewhere: then it is only counted, until they
/// come for it.
const UNTENDED_MAX: u64 = 1_000;

/// The least time between a page that is put in and what is dropped: of what changes above and below in one frame a
/// window could not tell which moved what it shows.
const PAUSE_MS: u64 = 150;

impl Timeline {
    fn count(&self) -> u64 {
        self.span.map_or(0, |span| span.last.0.saturating_add(1).saturating_sub(span.first.0))
    }

    /// The person is taken to that message, if it is known where they read at all.
    pub(super) fn follow_reader(&mut self, to: Position) {
        self.reading = self.reading.map(|_| to);
    }

    /// The person is at the end of what is shown, if it is known where they read at all.
    pub(super) fn follow_reader_to_end(&mut self) {
        if let Some(span) = self.span {
            self.follow_reader(span.last);
        }
    }

    /// Lets new messages no longer join a span that has grown too long since the person was last seen.
    pub(super) fn leave_untended_end(&mut self) {
        if self.following && self.reading.is_some() && self.count() >= UNTENDED_MAX {
            self.stop_following();
        }
    }

    fn stop_following(&mut self) {
        self.following = false;
        self.shrunk = true;
        // What is still missing at the end is not to bring the person there.
        self.forget_loads_of_end();
    }

    /// Drops what is farthest from where the person reads, at one end; whether there was any.
    fn trim(&mut self) -> bool {
        let Some(kept) = self.kept() else { return false };
        if self.following && self.span.is_some_and(|span| kept.last < span.last) {
            self.stop_following();
        }
        self.shrink(kept);
        true
    }

    /// The part of the span that is to be left; none if all of it may stay.
    fn kept(&self) -> Option<PageRange> {
        let (span, reading) = (self.span?, self.reading?);
        let excess = self.count().checked_sub(HELD_MAX).filter(|excess| *excess > 0)?;
        if !span.covers(reading) {
            return None;
        }
        let (above, below) = (reading.0.saturating_sub(span.first.0), span.last.0.saturating_sub(reading.0));
        let dropped = excess.min(above.max(below).saturating_sub(NEAR));
        Some(if above > below {
            PageRange { first: Position(span.first.0.saturating_add(dropped)), ..span }
        } else {
            PageRange { last: Position(span.last.0.saturating_sub(dropped)), ..span }
        })
    }

    fn shrink(&mut self, kept: PageRange) {
        self.span = Some(kept);
        self.shrunk = true;
        self.fresh.retain(|position| kept.covers(*position));
        self.jumped_to = self.jumped_to.filter(|position| kept.covers(*position));
        let gone: Vec<Position> = self.held.keys().copied().filter(|position| !kept.covers(*position)).collect();
        let pins = &self.pins;
        self.quotes.retain(|from| kept.covers(from), |position| pins.contains(position));
        for position in gone.into_iter().filter(|position| !self.is_being_loaded(*position)).collect::<Vec<_>>() {
            if let Some(message) = self.held.remove(&position) {
                self.quotes.keep(message);
            }
        }
    }

    /// The time when the person may be relieved of what is far away.
    fn calm_at(&self, now: Stamp) -> Stamp {
        let since = if self.is_asking_the_store() { now } else { self.page_put_in };
        Stamp(since.0.saturating_add(PAUSE_MS))
    }
}

impl Model {
    /// The person reads there: what is far from it is dropped in a moment, if there is too much.
    pub(crate) fn note_reading(&mut self, now: Stamp, position: Position) {
        let Some(timeline) = &mut self.timeline else { return };
        timeline.reading = Some(position);
        if timeline.count() >= HELD_MAX.saturating_add(PAGE) {
            self.timers.set_if_not_set(Timer::Trim, timeline.calm_at(now).max(now.next()));
        }
    }

    /// Drops what is far from where the person reads, unless something is just put in.
    pub(crate) fn trim_timeline(&mut self, turn: &mut Turn) {
        let Some(timeline) = &mut self.timeline else { return };
        let calm = timeline.calm_at(turn.now);
        if calm > turn.now {
            self.timers.set(Timer::Trim, calm);
        } else if timeline.trim() {
            turn.touch(timeline.chat);
        }
    }
}
