//! The rows of the open conversation. They are kept as the model shows them and made into the window's when it reads
//! them, so that what is out of sight costs nothing.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

use raftchat_model::{Item, TimelineChange};
use raftchat_schema::id::{Position, UserId};
use slint::{Model, ModelNotify, ModelTracker};

use super::bubble::{self, Place};
use super::ids;
use super::phrases::Phrases;
use crate::ui::TimelineRow;

/// The open conversation's window of messages.
pub(super) struct TimelineModel {
    items: RefCell<VecDeque<Item>>,
    unread_line: Cell<Option<Position>>,
    going: RefCell<Option<String>>,
    usernames: RefCell<BTreeMap<String, UserId>>,
    imitators: RefCell<BTreeMap<UserId, String>>,
    phrases: Phrases,
    notify: ModelNotify,
    reads: Cell<u64>,
}

impl TimelineModel {
    /// An empty one.
    pub(super) fn new(phrases: Phrases) -> Self {
        Self {
            items: RefCell::default(),
            unread_line: Cell::new(None),
            going: RefCell::default(),
            usernames: RefCell::default(),
            imitators: RefCell::default(),
            phrases,
            notify: ModelNotify::default(),
            reads: Cell::new(0),
        }
    }

    /// Applies one step.
    pub(super) fn apply(&self, change: TimelineChange) {
        match change {
            TimelineChange::Reset(items) => self.replace(items),
            TimelineChange::Insert { at, item } => self.insert(at, item),
            TimelineChange::Update { at, item } => self.update(at, item),
            TimelineChange::Remove { at } => self.remove(at),
        }
    }

    /// Draws the line of the unread above another message.
    pub(super) fn set_unread_line(&self, line: Option<Position>) {
        let old = self.unread_line.replace(line);
        if old == line {
            return;
        }
        let touched: Vec<usize> = {
            let items = self.items.borrow();
            let marked = |item: &Item| {
                let position = item.bubble().and_then(|bubble| bubble.position);
                position.is_some() && (position == old || position == line)
            };
            items.iter().enumerate().filter(|(_, item)| marked(item)).map(|(at, _)| at).collect()
        };
        for at in touched {
            self.notify.row_changed(at);
        }
    }

    /// Takes note of who is called what, for those who are mentioned.
    pub(super) fn name(&self, username: &str, user: UserId) {
        self.usernames.borrow_mut().insert(username.to_owned(), user);
    }

    /// Takes note that `user`'s name can be taken for somebody else's; no username: no longer.
    pub(super) fn mark(&self, user: UserId, username: Option<&str>) {
        let changed = match username {
            Some(username) => self.imitators.borrow_mut().insert(user, username.to_owned()).is_none(),
            None => self.imitators.borrow_mut().remove(&user).is_some(),
        };
        if changed {
            self.refresh();
        }
    }

    /// Draws a message as deleted, as long as that can be undone; none: all as they are.
    pub(super) fn set_going(&self, key: Option<&str>) {
        let old = self.going.replace(key.map(str::to_owned));
        let touched: Vec<usize> = {
            let items = self.items.borrow();
            let is_touched = |item: &Item| {
                let name = ids::item(item.key());
                Some(&name) == old.as_ref() || Some(name.as_str()) == key
            };
            items.iter().enumerate().filter(|(_, item)| is_touched(item)).map(|(at, _)| at).collect()
        };
        for at in touched {
            self.notify.row_changed(at);
        }
    }

    /// Reads all rows again: the language or the day has changed.
    pub(super) fn refresh(&self) {
        (0..self.row_count()).for_each(|at| self.notify.row_changed(at));
    }

    /// The item of that name.
    pub(super) fn find(&self, key: &str) -> Option<Item> {
        self.items.borrow().iter().find(|item| ids::item(item.key()) == key).cloned()
    }

    /// The item at that position of the conversation.
    pub(super) fn at_position(&self, position: Position) -> Option<Item> {
        let is_there = |item: &&Item| item.bubble().and_then(|bubble| bubble.position) == Some(position);
        self.items.borrow().iter().find(is_there).cloned()
    }

    /// The last item that `wanted` accepts.
    pub(super) fn last(&self, wanted: impl Fn(&Item) -> bool) -> Option<Item> {
        self.items.borrow().iter().rev().find(|item| wanted(item)).cloned()
    }

    /// How often rows were made: what a frame costs.
    pub(super) fn reads(&self) -> u64 {
        self.reads.get()
    }

    // Rows are taken away and added one by one: a model that says "reset" loses the place of who reads.
    fn replace(&self, items: Vec<Item>) {
        let old = std::mem::take(&mut *self.items.borrow_mut()).len();
        if old > 0 {
            self.notify.row_removed(0, old);
        }
        let new = items.len();
        *self.items.borrow_mut() = items.into();
        if new > 0 {
            self.notify.row_added(0, new);
        }
    }

    fn insert(&self, at: usize, item: Item) {
        let at = at.min(self.row_count());
        self.items.borrow_mut().insert(at, item);
        self.notify.row_added(at, 1);
        self.row_after_changed(at);
    }

    fn update(&self, at: usize, item: Item) {
        let Some(slot) = self.items.borrow_mut().get_mut(at).map(|slot| std::mem::replace(slot, item)) else { return };
        self.notify.row_changed(at);
        let now = self.items.borrow().get(at).map(bubble::at);
        if now != Some(bubble::at(&slot)) {
            self.row_after_changed(at);
        }
    }

    fn remove(&self, at: usize) {
        if self.items.borrow_mut().remove(at).is_some() {
            self.notify.row_removed(at, 1);
            if at < self.row_count() {
                self.notify.row_changed(at);
            }
        }
    }

    /// The day line of the next row may come or go.
    fn row_after_changed(&self, at: usize) {
        if at + 1 < self.row_count() {
            self.notify.row_changed(at + 1);
        }
    }
}

impl Model for TimelineModel {
    type Data = TimelineRow;

    fn row_count(&self) -> usize {
        self.items.borrow().len()
    }

    fn row_data(&self, at: usize) -> Option<TimelineRow> {
        self.reads.set(self.reads.get().wrapping_add(1));
        let items = self.items.borrow();
        let item = items.get(at)?;
        let previous = at.checked_sub(1).and_then(|before| items.get(before));
        let usernames = self.usernames.borrow();
        let imitators = self.imitators.borrow();
        let place = Place {
            phrases: &self.phrases,
            previous,
            usernames: &usernames,
            imitators: &imitators,
            unread_line: self.unread_line.get(),
        };
        let row = bubble::row(item, &place);
        let going = self.going.borrow().as_deref() == Some(row.key.as_str());
        Some(if going { bubble::as_deleted(row, &self.phrases) } else { row })
    }

    fn model_tracker(&self) -> &dyn ModelTracker {
        &self.notify
    }
}
