//! Joins what the client's model shows to the window, and what the person does to what the model can be asked for.
//! Decides nothing itself but what belongs to drawing alone.

#![expect(
    clippy::redundant_closure_for_method_calls,
    reason = "the window's sentences borrow it for a lifetime that a path to the method cannot name"
)]

mod account;
mod apply;
mod chats;
mod connection;
mod conversation;
mod drawn;
mod finding;
mod likeness;
mod list;
mod pane;
mod people;
mod preferences;
mod timeline;
mod undo;
mod view;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use raftchat_model::Intent;
use raftchat_schema::command::Switch;
use slint::{ComponentHandle, Timer};

use crate::backend::{Backend, Mailbox};
use crate::clock::Clock;
use crate::platform::Platform;
use crate::preferences::{Loaded, Preferences};
use crate::ui::AppWindow;
use view::View;

/// One drain in so long at most: a frame.
const FRAME: Duration = Duration::from_millis(16);

/// The window joined to its client. Dropping it leaves the window as it is.
pub struct Bridge {
    view: Rc<RefCell<View>>,
    mailbox: Mailbox,
}

impl Bridge {
    /// Joins `window` to `backend`, whose updates come through `mailbox`.
    pub fn attach(
        window: &AppWindow,
        backend: Rc<dyn Backend>,
        platform: Rc<dyn Platform>,
        mailbox: Mailbox,
        clock: Clock,
    ) -> Self {
        let view = Rc::new(RefCell::new(View::new(window, backend, platform, clock)));
        account::connect(window, &view);
        connection::connect(window, &view);
        conversation::connect(window, &view);
        finding::connect(window, &view);
        list::connect(window, &view);
        pane::connect(window, &view);
        people::connect(window, &view);
        undo::connect(window, &view);
        Self { view, mailbox }
    }

    /// Makes the window as the person wants it, and from now on tells `kept` whenever they want it otherwise.
    pub fn prefer(&self, loaded: Loaded, kept: mpsc::Sender<Preferences>) {
        let mut view = self.view.borrow_mut();
        view.with_window(|window| preferences::apply(window, &loaded.preferences));
        view.kept = Some(kept);
        if let Some(complaint) = loaded.complaint {
            tracing::warn!("{complaint}");
            view.toast(&complaint);
        }
    }

    /// Takes all updates that wait and draws them: one batch of changes for one frame.
    pub fn drain(&self) {
        let updates = self.mailbox.take();
        if !updates.is_empty() {
            self.view.borrow_mut().apply_all(updates);
        }
    }

    /// From now on drains by itself when something comes, at most once a frame. Needs a running event loop.
    pub fn run_with_event_loop(self: Rc<Self>, window: &AppWindow) {
        let mailbox = self.mailbox.clone();
        let last = RefCell::new(Instant::now().checked_sub(FRAME));
        let timer = Timer::default();
        // What rings may be on any thread; what draws stays on this one.
        let drain = Rc::new(move || {
            let wait = last.borrow().map_or(Duration::ZERO, |last| FRAME.saturating_sub(last.elapsed()));
            *last.borrow_mut() = Some(Instant::now());
            let bridge = self.clone();
            timer.start(slint::TimerMode::SingleShot, wait, move || bridge.drain());
        });
        DRAIN.with(|slot| *slot.borrow_mut() = Some(drain));
        let window = window.as_weak();
        mailbox.on_mail(move || {
            let rung = window.upgrade_in_event_loop(|_| {
                let drain = DRAIN.with(|slot| slot.borrow().clone());
                if let Some(drain) = drain {
                    drain();
                }
            });
            if let Err(error) = rung {
                tracing::debug!(%error, "the window is gone");
            }
        });
    }

    /// The person looks at the window, or no longer.
    pub fn attend(&self, looks: Switch) {
        let mut view = self.view.borrow_mut();
        view.is_looked_at = looks.is_on();
        view.act(Intent::Attend(looks));
        if view.is_at_end() {
            view.mark_read();
        }
    }

    /// Does at once what could still have been undone: the program ends.
    pub fn finish(&self) {
        let mut view = self.view.borrow_mut();
        view.commit_undoable();
        view.kept = None;
    }

    /// The number of rows of messages that were made so far: what drawing costs.
    pub fn rows_made(&self) -> u64 {
        self.view.borrow().timeline.reads()
    }
}

thread_local! {
    static DRAIN: RefCell<Option<Rc<dyn Fn()>>> = const { RefCell::new(None) };
}
