//! The items of a timeline in order, and the steps that lead there. Knows nothing of what an item says, but who of two
//! neighbours belongs to the same run.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use raftchat_schema::id::{Position, Stamp, UserId};

use crate::interface::shown::{Bubble, Item, ItemKey, Run, TimelineChange};

/// Two bubbles further apart than this are not of one run.
const RUN_GAP_MS: u64 = 10 * 60 * 1000;

/// The place that an item takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    /// A message, at its position, and after it what happened before the next.
    Held(Position, Rank),
    /// A message that is being sent; last, in order of entry.
    Pending(u64),
}

/// The order of items at the same position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// The message itself.
    Message,
    /// An event after it, in order of time, and of users at the same.
    Notice(Stamp, UserId),
}

/// The items, and the steps since they were last taken.
#[derive(Debug, Default)]
pub(crate) struct Items {
    list: VecDeque<(Order, Item)>,
    orders: BTreeMap<ItemKey, Order>,
    steps: Vec<TimelineChange>,
}

impl Items {
    /// Puts an item where it belongs: in place of what has its name, if that is there.
    pub(crate) fn put(&mut self, order: Order, item: Item) {
        let key = item.key();
        match self.orders.get(&key).copied() {
            Some(held) if held == order => self.update(order, item),
            Some(held) => self.relocate(held, order, item),
            None => self.insert(order, item),
        }
    }

    /// Takes an item away, if it is there.
    pub(crate) fn remove(&mut self, key: ItemKey) {
        let Some(order) = self.orders.remove(&key) else { return };
        let at = self.index(order);
        self.list.remove(at);
        self.steps.push(TimelineChange::Remove { at });
        self.settle_run(at.checked_sub(1));
        self.settle_run(Some(at));
    }

    /// Takes away what is not wanted at either end.
    pub(crate) fn keep_between(&mut self, wanted: impl Fn(Order) -> bool) {
        let before = self.list.len();
        while let Some((_, item)) = self.list.pop_front_if(|(order, _)| !wanted(*order)) {
            self.orders.remove(&item.key());
            self.steps.push(TimelineChange::Remove { at: 0 });
        }
        if self.list.len() < before {
            self.settle_run(Some(0));
        }
        let before = self.list.len();
        while let Some((_, item)) = self.list.pop_back_if(|(order, _)| !wanted(*order)) {
            self.orders.remove(&item.key());
            self.steps.push(TimelineChange::Remove { at: self.list.len() });
        }
        if self.list.len() < before {
            self.settle_run(self.list.len().checked_sub(1));
        }
    }

    /// The place of the item of that name.
    pub(crate) fn order(&self, key: ItemKey) -> Option<Order> {
        self.orders.get(&key).copied()
    }

    /// True if a message of that name is there as one that the nodes hold.
    pub(crate) fn holds(&self, key: ItemKey) -> bool {
        matches!(self.order(key), Some(Order::Held(..)))
    }

    /// The names of all whose place is such.
    pub(crate) fn keys_where(&self, wanted: impl Fn(Order) -> bool) -> Vec<ItemKey> {
        self.orders.iter().filter(|(_, order)| wanted(**order)).map(|(key, _)| *key).collect()
    }

    /// The steps since they were last taken.
    pub(crate) fn take_steps(&mut self) -> Vec<TimelineChange> {
        core::mem::take(&mut self.steps)
    }

    /// All items, instead of the steps.
    pub(crate) fn take_all(&mut self) -> Vec<Item> {
        self.steps.clear();
        self.list.iter().map(|(_, item)| item.clone()).collect()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    fn index(&self, order: Order) -> usize {
        self.list.partition_point(|(held, _)| *held < order)
    }

    fn insert(&mut self, order: Order, mut item: Item) {
        let at = self.index(order);
        self.orders.insert(item.key(), order);
        let run = self.run(at.checked_sub(1), &item, Some(at));
        set_run(&mut item, run);
        self.list.insert(at, (order, item.clone()));
        self.steps.push(TimelineChange::Insert { at, item });
        self.settle_run(at.checked_sub(1));
        self.settle_run(at.checked_add(1));
    }

    fn update(&mut self, order: Order, item: Item) {
        let at = self.index(order);
        self.replace(at, order, item);
    }

    /// Puts `item` in the place of what is at `at`; a step only if that is another.
    fn replace(&mut self, at: usize, order: Order, mut item: Item) {
        let run = self.run(at.checked_sub(1), &item, at.checked_add(1));
        set_run(&mut item, run);
        let Some((held_order, held)) = self.list.get_mut(at) else { return };
        *held_order = order;
        if *held == item {
            return;
        }
        *held = item.clone();
        self.steps.push(TimelineChange::Update { at, item });
        self.settle_run(at.checked_sub(1));
        self.settle_run(at.checked_add(1));
    }

    /// The item goes to another place; where that is the same index nothing moves on the screen.
    fn relocate(&mut self, from: Order, to: Order, item: Item) {
        let at = self.index(from);
        let fits_below = at.checked_sub(1).and_then(|below| self.list.get(below)).is_none_or(|(order, _)| *order < to);
        let fits_above = at.checked_add(1).and_then(|above| self.list.get(above)).is_none_or(|(order, _)| *order > to);
        if fits_below && fits_above {
            self.orders.insert(item.key(), to);
            self.replace(at, to, item);
            return;
        }
        self.remove(item.key());
        self.insert(to, item);
    }

    fn settle_run(&mut self, at: Option<usize>) {
        let Some(at) = at else { return };
        let Some((_, item)) = self.list.get(at) else { return };
        let run = self.run(at.checked_sub(1), item, at.checked_add(1));
        let Some((_, item)) = self.list.get_mut(at) else { return };
        if item.bubble().is_none_or(|bubble| bubble.run == run) {
            return;
        }
        set_run(item, run);
        let item = item.clone();
        self.steps.push(TimelineChange::Update { at, item });
    }

    fn run(&self, before: Option<usize>, item: &Item, after: Option<usize>) -> Run {
        let neighbour = |at: Option<usize>| at.and_then(|at| self.list.get(at)).and_then(|(_, item)| item.bubble());
        let Some(bubble) = item.bubble() else { return Run { first: true, last: true } };
        Run {
            first: !neighbour(before).is_some_and(|before| belong_together(before, bubble)),
            last: !neighbour(after).is_some_and(|after| belong_together(bubble, after)),
        }
    }
}

fn belong_together(one: &Bubble, next: &Bubble) -> bool {
    // What is being sent has this device's time, which may be any.
    let close = next.position.is_none() || one.at.0.abs_diff(next.at.0) <= RUN_GAP_MS;
    one.sender == next.sender && close
}

fn set_run(item: &mut Item, run: Run) {
    if let Item::Bubble(bubble) = item {
        bubble.run = run;
    }
}
