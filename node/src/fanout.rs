//! Brings what was just applied to the subscriptions that it concerns, so that they need not read it from the tables. An
//! inbox that overflows is emptied and its subscription reads the tables instead: nothing is lost, nobody is waited for.
//! Never knows how a change gets to a device.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raftchat_schema::id::{ChangeNumber, ConversationId, UserId};
use raftchat_schema::view::Change;
use raftchat_state::{Feed, FeedChange};
use tokio::sync::Notify;

/// The most changes in an inbox.
const INBOX_CHANGES_MAX: usize = 1024;
/// The most bytes in an inbox.
const INBOX_BYTES_MAX: usize = 1 << 20;

/// A subscription, by the order in which they were made.
type SubscriberId = u64;

/// All subscriptions of a node.
#[derive(Debug, Default)]
pub(crate) struct Fanout {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    last: SubscriberId,
    subscribers: HashMap<SubscriberId, Subscriber>,
    by_user: HashMap<UserId, BTreeSet<SubscriberId>>,
    by_feed: HashMap<Feed, BTreeSet<SubscriberId>>,
}

#[derive(Debug)]
struct Subscriber {
    user: UserId,
    feeds: BTreeSet<Feed>,
    inbox: Arc<Inbox>,
}

/// Where a subscription finds what is new.
#[derive(Debug, Default)]
pub(crate) struct Inbox {
    contents: Mutex<Contents>,
    filled: Notify,
}

#[derive(Debug, Default)]
struct Contents {
    changes: VecDeque<Arc<Change>>,
    bytes: usize,
    overflowed: bool,
}

/// A place among the subscriptions; dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Place {
    fanout: Arc<Fanout>,
    id: SubscriberId,
    inbox: Arc<Inbox>,
}

impl Fanout {
    /// A new subscription of the user, to the directory so far, and to what the user joins from now on.
    ///
    /// To miss nothing: join, then [`Place::add_feeds`] as a state shows them that was read after joining, then read the
    /// tables; from there on the inbox is complete.
    pub(crate) fn join(self: &Arc<Self>, user: UserId) -> Place {
        let inbox = Arc::new(Inbox::default());
        let mut state = self.lock();
        state.last = state.last.saturating_add(1);
        let id = state.last;
        let feeds = BTreeSet::from([Feed::Directory]);
        state.subscribers.insert(id, Subscriber { user, feeds, inbox: inbox.clone() });
        state.by_user.entry(user).or_default().insert(id);
        state.by_feed.entry(Feed::Directory).or_default().insert(id);
        Place { fanout: self.clone(), id, inbox }
    }

    /// Brings what an entry changed to whom it concerns. Called on the apply thread, after the rows can be read.
    pub(crate) fn deliver(&self, joined: &[(UserId, ConversationId)], changes: Vec<FeedChange>) {
        let mut state = self.lock();
        for (user, conversation) in joined {
            let ids = state.by_user.get(user).cloned().unwrap_or_default();
            for id in ids {
                state.add(id, Feed::Conversation(*conversation));
            }
        }
        let mut filled = BTreeSet::new();
        for FeedChange { feed, change } in changes {
            let Some(ids) = state.by_feed.get(&feed) else { continue };
            let change = Arc::new(change);
            for id in ids {
                if let Some(subscriber) = state.subscribers.get(id) {
                    subscriber.inbox.push(&change);
                    filled.insert(*id);
                }
            }
        }
        for id in filled {
            if let Some(subscriber) = state.subscribers.get(&id) {
                subscriber.inbox.filled.notify_one();
            }
        }
    }

    /// The rows were replaced: whatever is in the inboxes is not to be relied on.
    pub(crate) fn reset(&self) {
        for subscriber in self.lock().subscribers.values() {
            subscriber.inbox.lock().overflow();
            subscriber.inbox.filled.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole after every step, whoever panicked meanwhile.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, id: SubscriberId, feed: Feed) {
        if let Some(subscriber) = self.subscribers.get_mut(&id) {
            subscriber.feeds.insert(feed);
            self.by_feed.entry(feed).or_default().insert(id);
        }
    }

    fn remove(&mut self, id: SubscriberId) {
        let Some(subscriber) = self.subscribers.remove(&id) else { return };
        for feed in subscriber.feeds {
            discard(&mut self.by_feed, &feed, id);
        }
        discard(&mut self.by_user, &subscriber.user, id);
    }
}

fn discard<K: std::hash::Hash + Eq>(map: &mut HashMap<K, BTreeSet<SubscriberId>>, key: &K, id: SubscriberId) {
    if let Some(ids) = map.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            map.remove(key);
        }
    }
}

impl Inbox {
    fn push(&self, change: &Arc<Change>) {
        let mut contents = self.lock();
        if contents.overflowed {
            return;
        }
        contents.bytes = contents.bytes.saturating_add(change.row.weight());
        contents.changes.push_back(change.clone());
        if contents.changes.len() > INBOX_CHANGES_MAX || contents.bytes > INBOX_BYTES_MAX {
            contents.overflow();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    fn overflow(&mut self) {
        *self = Self { overflowed: true, ..Self::default() };
    }
}

/// What an inbox has to give.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// These, in order of number, all above the cursor; nothing before them is missing.
    Changes(Vec<Arc<Change>>),
    /// It overflowed: the tables have to be read, from the cursor on.
    Overflowed,
}

impl Place {
    /// Adds feeds of the user.
    pub(crate) fn add_feeds(&self, feeds: impl IntoIterator<Item = Feed>) {
        let mut state = self.fanout.lock();
        feeds.into_iter().for_each(|feed| state.add(self.id, feed));
    }

    /// Begins anew after an overflow, before the tables are read.
    pub(crate) fn restart(&self) {
        *self.inbox.lock() = Contents::default();
    }

    /// Takes what is above `after`, up to so many changes and bytes; a single larger one comes alone.
    pub(crate) fn take(&self, after: ChangeNumber, changes_max: usize, bytes_max: usize) -> Taken {
        let mut contents = self.inbox.lock();
        if contents.overflowed {
            return Taken::Overflowed;
        }
        let (mut taken, mut bytes) = (Vec::new(), 0_usize);
        while let Some(next) = contents.changes.front() {
            let weight = next.row.weight();
            let known = next.number <= after;
            if !known && !taken.is_empty() && (taken.len() >= changes_max || bytes.saturating_add(weight) > bytes_max) {
                break;
            }
            let next = contents.changes.pop_front();
            contents.bytes = contents.bytes.saturating_sub(weight);
            if !known {
                bytes = bytes.saturating_add(weight);
                taken.extend(next);
            }
        }
        Taken::Changes(taken)
    }

    /// Waits until something may be there.
    pub(crate) async fn filled(&self) {
        self.inbox.filled.notified().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.fanout.lock().remove(self.id);
    }
}

#[cfg(test)]
#[expect(clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use raftchat_schema::id::Position;
    use raftchat_schema::view::ChangedRow;

    use super::*;

    const ALICE: UserId = UserId(1001);
    const BOB: UserId = UserId(2001);
    const HERE: ConversationId = ConversationId(7);

    fn read_mark(number: u64, conversation: ConversationId) -> FeedChange {
        let row = ChangedRow::ReadMark { conversation, user: BOB, position: Position(number) };
        FeedChange { feed: Feed::Conversation(conversation), change: Change { number: ChangeNumber(number), row } }
    }

    fn numbers(place: &Place, after: u64, most: usize) -> Vec<u64> {
        match place.take(ChangeNumber(after), most, usize::MAX) {
            Taken::Changes(changes) => changes.iter().map(|change| change.number.0).collect(),
            Taken::Overflowed => panic!("it overflowed"),
        }
    }

    #[test]
    fn a_change_comes_to_who_is_in_its_conversation_from_joining_on() {
        let fanout = Arc::new(Fanout::default());
        let (alice, bob) = (fanout.join(ALICE), fanout.join(BOB));
        bob.add_feeds([Feed::Conversation(HERE)]);
        fanout.deliver(&[], vec![read_mark(1, HERE), read_mark(2, ConversationId(8))]);
        fanout.deliver(&[(ALICE, HERE)], vec![read_mark(3, HERE), read_mark(4, HERE)]);
        assert_eq!(numbers(&alice, 0, 9), [3, 4]);
        assert_eq!(numbers(&bob, 1, 1), [3], "1 is known already");
        assert_eq!(numbers(&bob, 3, 9), [4]);
        drop((alice, bob));
        assert!(fanout.lock().by_feed.is_empty() && fanout.lock().by_user.is_empty());
    }

    #[test]
    fn an_inbox_that_overflows_says_so_until_it_begins_anew() {
        let fanout = Arc::new(Fanout::default());
        let alice = fanout.join(ALICE);
        alice.add_feeds([Feed::Conversation(HERE)]);
        let many = (1..=INBOX_CHANGES_MAX as u64 + 1).map(|number| read_mark(number, HERE)).collect();
        fanout.deliver(&[], many);
        fanout.deliver(&[], vec![read_mark(5000, HERE)]);
        assert_eq!(alice.take(ChangeNumber(0), 9, 9), Taken::Overflowed);
        alice.restart();
        fanout.deliver(&[], vec![read_mark(5001, HERE)]);
        assert_eq!(numbers(&alice, 0, 9), [5001]);
        fanout.reset();
        assert_eq!(alice.take(ChangeNumber(0), 9, 9), Taken::Overflowed);
    }
}
