//! What of the open conversation is in sight: what is around it is made ready, what is far from it is let go, and more is
//! asked for before the person comes to where it is missing.

pub(crate) mod pinned;

use std::rc::Rc;
use std::time::Duration;

use raftchat_model::{Intent, TimelineState};
use raftchat_schema::id::Position;
use slint::{ComponentHandle, SharedString, Timer};

use super::drawn::bubble::number;
use super::drawn::ids;
use super::view::{Shared, View};
use crate::ui::{AppWindow, Timeline};

/// More is asked for when so many messages are left above or below what is in sight.
const NEAR_THE_EDGE: usize = 24;

/// The model is told where the person reads when that has changed by so many messages.
const FAR_ENOUGH: u64 = 8;

/// Joins the callbacks.
pub(super) fn connect(window: &AppWindow, view: &Shared) {
    let timeline = window.global::<Timeline<'_>>();
    let shared = Rc::clone(view);
    timeline.on_reading(move |row| {
        let mut view = shared.borrow_mut();
        view.timeline.set_top(usize::try_from(row).unwrap_or(0));
        if !std::mem::replace(&mut view.settling, true) {
            // Not at once: what has said this is one of the rows itself, and others say it in the same frame.
            let shared = Rc::clone(&shared);
            Timer::single_shot(Duration::ZERO, move || shared.borrow_mut().settle_pane());
        }
    });
    let shared = Rc::clone(view);
    timeline.on_step_cursor(move |by| shared.borrow().step_cursor(by));
    let shared = Rc::clone(view);
    timeline.on_jump_to_end(move || shared.borrow().jump_to_end());
    let shared = Rc::clone(view);
    timeline.on_jump_to(move |position| {
        shared.borrow_mut().jump_to(Position(u64::try_from(position).unwrap_or(0)));
    });
    let shared = Rc::clone(view);
    timeline.on_seen_end(move || shared.borrow().mark_read());
}

impl View {
    /// Brings what the window has of the conversation to where the person is in it.
    pub(super) fn settle_pane(&mut self) {
        self.settling = false;
        self.take_height();
        if self.is_at_end() {
            // And stays there: what has just come is yet to be laid out.
            self.timeline.forget_top();
        }
        self.timeline.settle();
        self.draw_edges();
        self.say_what_is_read();
        self.ask_for_more();
    }

    /// Takes note of how the timeline lies in its conversation.
    pub(super) fn draw_timeline_state(&mut self, state: TimelineState) {
        self.timeline.set_unread_line(state.unread_line);
        self.with_window(|window| window.global::<Timeline<'_>>().set_loading(state.loading));
        let jumped_to = state.jumped_to;
        self.state = Some(state);
        match jumped_to {
            Some(position) if self.revealed != Some(position) => self.reveal(position),
            Some(_) => {}
            None => {
                self.revealed = None;
                self.with_window(|window| window.global::<Timeline<'_>>().set_reveal_key(SharedString::default()));
            }
        }
        self.draw_edges();
    }

    /// Goes to a message, if it is held.
    fn reveal(&mut self, position: Position) {
        let Some(item) = self.timeline.at_position(position) else { return };
        self.revealed = Some(position);
        let key = ids::item(item.key());
        let fresh = self.timeline.index(&key).is_some_and(|at| self.timeline.show_around(at));
        self.with_window(|window| {
            let timeline = window.global::<Timeline<'_>>();
            timeline.set_pinned(false);
            timeline.set_follow(false);
            if fresh {
                rows_are_others(&timeline);
            }
            timeline.set_reveal_key(key.into());
            timeline.set_reveal_serial(timeline.get_reveal_serial().wrapping_add(1));
        });
    }

    /// Goes to a message: at once if it is held, else when it has come.
    pub(super) fn jump_to(&mut self, position: Position) {
        self.act(Intent::JumpTo { position });
        self.reveal(position);
        self.draw_edges();
    }

    /// Draws how much of the conversation there is beyond what the window has.
    pub(super) fn draw_edges(&self) {
        let Some(state) = &self.state else { return };
        let (above, below) = self.timeline.out_of_reach();
        self.with_window(|window| {
            let timeline = window.global::<Timeline<'_>>();
            timeline.set_at_start(state.at_start && above == 0);
            timeline.set_at_end(state.at_end && below == 0);
            let below = state.below.saturating_add(below as u64);
            timeline.set_below(number(below));
            // Of what is not held, the positions say how much there is.
            let first = self.timeline.at_or_after(0).map_or(0, |position| position.0.saturating_sub(1));
            let above = if state.at_start { 0 } else { first }.saturating_add(above as u64);
            timeline.set_above(number(above));
        });
    }

    fn say_what_is_read(&mut self) {
        let Some(position) = self.timeline.position_read() else { return };
        if self.said_to_read.is_none_or(|said| said.0.abs_diff(position.0) >= FAR_ENOUGH) {
            self.said_to_read = Some(position);
            self.act(Intent::Reading { position });
        }
    }

    fn ask_for_more(&self) {
        let Some(state) = self.state.as_ref().filter(|state| !state.loading) else { return };
        let (above, below) = self.timeline.out_of_sight();
        if !state.at_start && above < NEAR_THE_EDGE {
            self.act(Intent::LoadOlder);
        }
        if !state.at_end && below < NEAR_THE_EDGE {
            self.act(Intent::LoadNewer);
        }
    }

    fn jump_to_end(&self) {
        if self.state.as_ref().is_some_and(|state| !state.at_end) {
            self.act(Intent::JumpTo { position: Position(u64::MAX) });
        }
        self.go_to_end();
    }

    /// Shows the end of what is held, and stays there.
    pub(super) fn go_to_end(&self) {
        let fresh = self.timeline.show_end();
        self.draw_edges();
        self.with_window(|window| {
            let timeline = window.global::<Timeline<'_>>();
            if fresh {
                rows_are_others(&timeline);
            }
            timeline.set_follow(true);
        });
    }

    /// Goes so many messages on with the keyboard; where it is at none, to the last in sight.
    fn step_cursor(&self, by: i32) {
        let Some(window) = self.window.upgrade() else { return };
        let timeline = window.global::<Timeline<'_>>();
        let at = match self.timeline.index(&timeline.get_cursor_key()) {
            Some(at) => at.saturating_add_signed(isize::try_from(by).unwrap_or(0)),
            None if timeline.get_pinned() => usize::MAX,
            None => self.timeline.top().saturating_add(1),
        };
        let row = self.timeline.nearest(at).unwrap_or_default();
        if self.timeline.index(&row.key).is_some_and(|at| self.timeline.show_around(at)) {
            self.draw_edges();
            timeline.set_pinned(false);
            rows_are_others(&timeline);
        }
        timeline.set_cursor_readout(row.readout);
        timeline.set_cursor_key(row.key);
    }

    /// Forgets where the person was: another conversation is opened.
    pub(super) fn forget_pane(&mut self) {
        (self.state, self.said_to_read, self.revealed) = (None, None, None);
        self.take_height();
        self.with_window(|window| {
            let timeline = window.global::<Timeline<'_>>();
            timeline.set_reveal_key(SharedString::default());
            timeline.set_cursor_key(SharedString::default());
            timeline.set_at_start(true);
            timeline.set_at_end(true);
            timeline.set_above(0);
            timeline.set_below(0);
            // Until the first of the next has come: that it is empty is yet to be seen.
            timeline.set_loading(true);
        });
    }

    fn take_height(&self) {
        self.with_window(|window| {
            let rows = window.global::<Timeline<'_>>().get_screen_rows();
            self.timeline.set_screen(usize::try_from(rows).unwrap_or(0));
        });
    }
}

/// Tells the pane that it has none of the rows it had.
pub(super) fn rows_are_others(timeline: &Timeline<'_>) {
    timeline.set_fresh(timeline.get_fresh().wrapping_add(1));
}
