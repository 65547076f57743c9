//! The rows of the open conversation. They are kept as the model shows them; the window has those around what is in sight,
//! and each is made once.

mod excerpt;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};

use raftchat_model::{Item, ItemKey, TimelineChange};
use raftchat_schema::id::{Position, UserId};
use slint::{Model, ModelNotify, ModelTracker};

use super::drawn::bubble::{self, Place};
use super::drawn::ids;
use super::drawn::phrases::Phrases;
use crate::ui::TimelineRow;
use excerpt::{Excerpt, Step};

/// The open conversation's messages, as far as they are held.
pub(super) struct TimelineModel {
    held: RefCell<VecDeque<Held>>,
    excerpt: RefCell<Excerpt>,
    /// The item at the upper edge of the pane.
    top: Cell<Option<ItemKey>>,
    /// So many of the shortest rows fill the pane.
    screen: Cell<usize>,
    unread_line: Cell<Option<Position>>,
    going: RefCell<Option<String>>,
    usernames: RefCell<BTreeMap<String, UserId>>,
    imitators: RefCell<BTreeMap<UserId, String>>,
    phrases: Phrases,
    notify: ModelNotify,
    reads: Cell<u64>,
}

/// One thing in the conversation, and the row that was made of it. That is kept: what the window is given again unchanged,
/// it does not lay out again.
struct Held {
    item: Item,
    row: Option<TimelineRow>,
}

impl Held {
    fn new(item: Item) -> Self {
        Self { item, row: None }
    }
}

impl TimelineModel {
    /// An empty one.
    pub(super) fn new(phrases: Phrases) -> Self {
        Self {
            held: RefCell::default(),
            excerpt: RefCell::default(),
            top: Cell::new(None),
            screen: Cell::new(0),
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
        if old != line {
            self.make_again(|item| {
                let position = item.bubble().and_then(|bubble| bubble.position);
                position.is_some() && (position == old || position == line)
            });
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
        if old.is_none() && key.is_none() {
            return;
        }
        self.make_again(|item| {
            let name = ids::item(item.key());
            Some(&name) == old.as_ref() || Some(name.as_str()) == key
        });
    }

    /// Makes all rows again: the language or the day has changed.
    pub(super) fn refresh(&self) {
        self.make_again(|_| true);
    }

    /// The item of that name.
    pub(super) fn find(&self, key: &str) -> Option<Item> {
        self.first(|item| ids::item(item.key()) == key)
    }

    /// The item at that position of the conversation.
    pub(super) fn at_position(&self, position: Position) -> Option<Item> {
        self.first(|item| item.bubble().and_then(|bubble| bubble.position) == Some(position))
    }

    /// The last item that `wanted` accepts.
    pub(super) fn last(&self, wanted: impl Fn(&Item) -> bool) -> Option<Item> {
        self.held.borrow().iter().rev().map(|held| &held.item).find(|item| wanted(item)).cloned()
    }

    fn first(&self, wanted: impl Fn(&Item) -> bool) -> Option<Item> {
        self.held.borrow().iter().map(|held| &held.item).find(|item| wanted(item)).cloned()
    }

    /// The number of times that rows were made: what a frame costs.
    pub(super) fn reads(&self) -> u64 {
        self.reads.get()
    }

    // Rows are taken away and added one by one: a model that says "reset" loses the place of who reads.
    fn replace(&self, items: Vec<Item>) {
        *self.held.borrow_mut() = items.into_iter().map(Held::new).collect();
        self.top.set(None);
        self.show(Excerpt::at_end(self.count(), self.screen.get()));
    }

    fn insert(&self, at: usize, item: Item) {
        let before = self.count();
        let at = at.min(before);
        self.held.borrow_mut().insert(at, Held::new(item));
        let place = self.excerpt.borrow_mut().insert(at, before);
        if let Some(place) = place {
            self.notify.row_added(place, 1);
        }
        // The day line of the next row may come or go.
        self.made_otherwise(at + 1);
    }

    fn update(&self, at: usize, item: Item) {
        let Some(old) = self.held.borrow_mut().get_mut(at).map(|held| std::mem::replace(held, Held::new(item))) else {
            return;
        };
        self.made_otherwise(at);
        let now = self.held.borrow().get(at).map(|held| bubble::at(&held.item));
        if now != Some(bubble::at(&old.item)) {
            self.made_otherwise(at + 1);
        }
    }

    fn remove(&self, at: usize) {
        if self.held.borrow_mut().remove(at).is_some() {
            let place = self.excerpt.borrow_mut().remove(at);
            if let Some(place) = place {
                self.notify.row_removed(place, 1);
            }
            self.made_otherwise(at);
        }
    }

    /// Those of which `is_other` is true are to be made again.
    fn make_again(&self, is_other: impl Fn(&Item) -> bool) {
        let touched: Vec<usize> = {
            let held = self.held.borrow();
            held.iter().enumerate().filter(|(_, held)| is_other(&held.item)).map(|(at, _)| at).collect()
        };
        for at in touched {
            self.made_otherwise(at);
        }
    }

    fn made_otherwise(&self, at: usize) {
        if let Some(held) = self.held.borrow_mut().get_mut(at) {
            held.row = None;
        }
        let place = self.excerpt.borrow().place(at);
        if let Some(place) = place {
            self.notify.row_changed(place);
        }
    }

    fn count(&self) -> usize {
        self.held.borrow().len()
    }
}

/// Which of them the window has.
impl TimelineModel {
    /// So many of the shortest rows fill the pane.
    pub(super) fn set_screen(&self, rows: usize) {
        self.screen.set(rows);
    }

    /// That row of the window is now at the upper edge of the pane.
    pub(super) fn set_top(&self, row: usize) {
        let at = self.excerpt.borrow().first() + row;
        self.top.set(self.held.borrow().get(at).map(|held| held.item.key()));
    }

    /// The person is at the end, whatever comes there.
    pub(super) fn forget_top(&self) {
        self.top.set(None);
    }

    /// The index, of those held, of the one at the upper edge of the pane. Until that is known the person is at the end.
    pub(super) fn top(&self) -> usize {
        let held = self.held.borrow();
        let known = self.top.get().and_then(|key| held.iter().position(|held| held.item.key() == key));
        known.unwrap_or_else(|| held.len().saturating_sub(self.screen.get()))
    }

    /// The numbers of those held above and below those that the window has.
    pub(super) fn out_of_reach(&self) -> (usize, usize) {
        let excerpt = self.excerpt.borrow();
        (excerpt.above(), excerpt.below(self.count()))
    }

    /// The numbers of those held above what is in sight, and below it.
    pub(super) fn out_of_sight(&self) -> (usize, usize) {
        let top = self.top();
        (top, self.count().saturating_sub(top + self.screen.get()))
    }

    /// The position of the message that is read, or of the next one below it.
    pub(super) fn position_read(&self) -> Option<Position> {
        let from = (self.top() + self.screen.get() / 4).min(self.count().saturating_sub(1));
        self.at_or_after(from)
    }

    /// The position of the first message from that row on.
    pub(super) fn at_or_after(&self, at: usize) -> Option<Position> {
        let held = self.held.borrow();
        held.iter().skip(at).find_map(|held| held.item.bubble().and_then(|bubble| bubble.position))
    }

    /// The index of the item of that name among those held.
    pub(super) fn index(&self, key: &str) -> Option<usize> {
        self.held.borrow().iter().position(|held| ids::item(held.item.key()) == key)
    }

    /// The name and the row of one of those held, none if there are none: the nearest to `at`.
    pub(super) fn nearest(&self, at: usize) -> Option<TimelineRow> {
        self.made(at.min(self.count().checked_sub(1)?))
    }

    /// Gives the window what is around the person, and takes what is far from them.
    pub(super) fn settle(&self) {
        let (top, held) = (self.top(), self.count());
        let steps = self.excerpt.borrow_mut().settle(top, self.screen.get(), held);
        for step in &steps {
            match *step {
                Step::Add { at, count } => self.notify.row_added(at, count),
                Step::Drop { at, count } => self.notify.row_removed(at, count),
            }
        }
    }

    /// Gives the window the last rows; whether it did not have the very last.
    pub(super) fn show_end(&self) -> bool {
        let (_, below) = self.out_of_reach();
        if below > 0 {
            self.top.set(None);
            self.show(Excerpt::at_end(self.count(), self.screen.get()));
        }
        below > 0
    }

    /// Gives the window the row of that item and those around it; whether it did not have it.
    pub(super) fn show_around(&self, at: usize) -> bool {
        let is_new = self.excerpt.borrow().place(at).is_none() && at < self.count();
        if is_new {
            self.top.set(self.held.borrow().get(at).map(|held| held.item.key()));
            self.show(Excerpt::around(at, self.count(), self.screen.get()));
        }
        is_new
    }

    fn show(&self, excerpt: Excerpt) {
        let new = excerpt.count();
        let old = self.excerpt.replace(Excerpt::default()).count();
        if old > 0 {
            self.notify.row_removed(0, old);
        }
        self.excerpt.replace(excerpt);
        if new > 0 {
            self.notify.row_added(0, new);
        }
    }

    fn made(&self, at: usize) -> Option<TimelineRow> {
        if let Some(row) = self.held.borrow().get(at)?.row.clone() {
            return Some(row);
        }
        let row = self.make(at)?;
        if let Some(held) = self.held.borrow_mut().get_mut(at) {
            held.row = Some(row.clone());
        }
        Some(row)
    }

    fn make(&self, at: usize) -> Option<TimelineRow> {
        self.reads.set(self.reads.get().wrapping_add(1));
        let held = self.held.borrow();
        let item = &held.get(at)?.item;
        let previous = at.checked_sub(1).and_then(|before| held.get(before)).map(|held| &held.item);
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
}

impl Model for TimelineModel {
    type Data = TimelineRow;

    fn row_count(&self) -> usize {
        self.excerpt.borrow().count()
    }

    fn row_data(&self, row: usize) -> Option<TimelineRow> {
        let at = {
            let excerpt = self.excerpt.borrow();
            (row < excerpt.count()).then(|| excerpt.first() + row)?
        };
        self.made(at)
    }

    fn model_tracker(&self) -> &dyn ModelTracker {
        &self.notify
    }
}
