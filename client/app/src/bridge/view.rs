//! What the bridge has to remember between two updates. Knows nothing of how it is drawn.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::mpsc;

use raftchat_model::{ChatId, Connection, Intent, MemberItem, Person, PinnedMessage, TimelineState};
use raftchat_schema::id::{Position, Stamp, UserId};
use slint::{ComponentHandle, Timer, VecModel, Weak};

use super::chats::ChatList;
use super::drawn::phrases::Phrases;
use super::likeness::Likeness;
use super::timeline::TimelineModel;
use super::undo::Undoable;
use crate::backend::{Backend, Request};
use crate::clock::Clock;
use crate::platform::Platform;
use crate::preferences::Preferences;
use crate::ui::{AppWindow, Chats, Composer, PersonRow, Timeline};

/// Shared by the callbacks of the window.
pub(super) type Shared = Rc<RefCell<View>>;

/// The state of what is shown.
pub(super) struct View {
    pub(super) window: Weak<AppWindow>,
    pub(super) backend: Rc<dyn Backend>,
    pub(super) platform: Rc<dyn Platform>,
    pub(super) phrases: Phrases,
    pub(super) chats: ChatList,
    pub(super) timeline: Rc<TimelineModel>,
    pub(super) people: BTreeMap<UserId, Person>,
    pub(super) likeness: Likeness,
    /// Those whose name could be taken for somebody else's.
    pub(super) imitators: BTreeMap<UserId, String>,
    pub(super) me: Option<UserId>,
    pub(super) open: Option<ChatId>,
    /// The open conversation has been drawn since it was opened: what comes of it now is of this opening.
    pub(super) begun: bool,
    /// The timeline's place in the open conversation.
    pub(super) state: Option<TimelineState>,
    /// The position that the model was told the person reads.
    pub(super) said_to_read: Option<Position>,
    /// The message that the person was taken to.
    pub(super) revealed: Option<Position>,
    /// True while what the window has of the conversation is about to be brought to where the person is.
    pub(super) settling: bool,
    pub(super) members: Vec<MemberItem>,
    pub(super) pinned: Vec<PinnedMessage>,
    pub(super) writing: Writing,
    pub(super) chosen: BTreeSet<UserId>,
    pub(super) picker: Rc<VecModel<PersonRow>>,
    pub(super) person_shown: Option<UserId>,
    pub(super) undoable: Option<Undoable>,
    pub(super) forwarding: Option<String>,
    pub(super) connection: Connection,
    /// When this device's certificate ends; none before that is told.
    pub(super) certificate_ends: Option<Stamp>,
    pub(super) moves: Rc<VecModel<slint::SharedString>>,
    /// Takes the news of the connection back.
    pub(super) news: Timer,
    pub(super) is_looked_at: bool,
    /// Told what the person prefers; none: nothing is kept.
    pub(super) kept: Option<mpsc::Sender<Preferences>>,
    pub(super) dirty: Dirty,
}

/// A message that is being written.
#[derive(Default)]
pub(super) struct Writing {
    /// The message that it answers.
    pub(super) reply_to: Option<Position>,
    /// The message that it replaces.
    pub(super) editing: Option<Position>,
    /// The text that stood there before the editing began.
    pub(super) put_aside: String,
}

/// The parts that have to be drawn again after a batch of updates.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each part of the window is stale by itself")]
pub(super) struct Dirty {
    pub(super) list: bool,
    pub(super) open_chat: bool,
    pub(super) people: bool,
    /// Something came of the open conversation, which may be looked at.
    pub(super) timeline: bool,
}

impl View {
    pub(super) fn new(window: &AppWindow, backend: Rc<dyn Backend>, platform: Rc<dyn Platform>, clock: Clock) -> Self {
        let phrases = Phrases::new(window, clock);
        let view = Self {
            window: window.as_weak(),
            backend,
            platform,
            chats: ChatList::default(),
            timeline: Rc::new(TimelineModel::new(phrases.clone())),
            phrases,
            people: BTreeMap::new(),
            likeness: Likeness::default(),
            imitators: BTreeMap::new(),
            me: None,
            open: None,
            begun: false,
            state: None,
            said_to_read: None,
            revealed: None,
            settling: false,
            members: Vec::new(),
            pinned: Vec::new(),
            writing: Writing::default(),
            chosen: BTreeSet::new(),
            picker: Rc::default(),
            person_shown: None,
            undoable: None,
            forwarding: None,
            connection: Connection::Connecting,
            certificate_ends: None,
            moves: Rc::default(),
            news: Timer::default(),
            is_looked_at: true,
            kept: None,
            dirty: Dirty::default(),
        };
        window.global::<Timeline<'_>>().set_rows(slint::ModelRc::from(view.timeline.clone()));
        window.global::<Chats<'_>>().set_rows(view.chats.rows());
        window.global::<crate::ui::People<'_>>().set_rows(slint::ModelRc::from(view.picker.clone()));
        window.global::<crate::ui::Connection<'_>>().set_moves(slint::ModelRc::from(view.moves.clone()));
        view
    }

    /// Asks the model for something.
    pub(super) fn act(&self, intent: Intent) {
        self.backend.act(intent);
    }

    /// Asks the client for something.
    pub(super) fn ask(&self, request: Request) {
        self.backend.ask(request);
    }

    /// Does something with the window, if there still is one.
    pub(super) fn with_window(&self, work: impl FnOnce(&AppWindow)) {
        if let Some(window) = self.window.upgrade() {
            work(&window);
        }
    }

    /// Puts a text into the entry field, and the cursor at its end.
    pub(super) fn put_text(&self, text: &str) {
        self.put_text_at(text, text.len());
    }

    /// Puts a text into the entry field, and the cursor behind so many of its bytes.
    pub(super) fn put_text_at(&self, text: &str, cursor: usize) {
        self.with_window(|window| {
            let composer = window.global::<Composer<'_>>();
            composer.set_text(text.into());
            composer.set_cursor_wanted(i32::try_from(cursor).unwrap_or(i32::MAX));
            // In an empty field there is but one place, and moving there would let the cursor blink.
            if !text.is_empty() {
                composer.set_replaced(composer.get_replaced().wrapping_add(1));
            }
        });
    }

    /// The contents of the entry field.
    pub(super) fn text(&self) -> String {
        self.window.upgrade().map(|window| window.global::<Composer<'_>>().get_text().into()).unwrap_or_default()
    }
}
