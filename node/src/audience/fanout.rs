//! Brings what was just applied to the subscriptions that it concerns, so that they need not read it from the tables. An
//! inbox that overflows is emptied and its subscription reads the tables instead: nothing is lost, nobody is waited for. The
//! same where somebody leaves a conversation: the tables show what is left for them, and nothing of it after that they left.
//! Never knows how a change gets to a device.

mod inbox;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use raftchat_schema::id::{ChangeNumber, ConversationId, Position, UserId};
use raftchat_schema::view::ChangedRow;
use raftchat_state::{Feed, FeedChange, Joined};
use raftchat_transport::counters;

use crate::audience::typing_news::TypingNews;
use inbox::Inbox;

pub(crate) use inbox::Taken;

/// A subscription, by the order in which they were made.
type SubscriberId = u64;

counters! {
    /// What was brought to subscriptions.
    pub(crate) struct FanoutCounters of "fanout" {
        /// Changes that came from the apply thread.
        changes,
        /// Changes that were put into inboxes, one for each subscription that they concern.
        delivered,
        /// Hints of typing that were put into inboxes.
        hints,
        /// Subscriptions that were sent to the tables, by an inbox that was full.
        overflowed,
    }
}

/// All subscriptions of a node.
#[derive(Debug, Default)]
pub(crate) struct Fanout {
    state: Mutex<State>,
    pub(crate) counters: FanoutCounters,
}

#[derive(Debug, Default)]
struct State {
    last: SubscriberId,
    subscribers: HashMap<SubscriberId, Subscriber>,
    by_user: HashMap<UserId, BTreeSet<SubscriberId>>,
    /// Who listens, and above which position messages are for them.
    by_feed: HashMap<Feed, BTreeMap<SubscriberId, Position>>,
}

#[derive(Debug)]
struct Subscriber {
    user: UserId,
    feeds: BTreeSet<Feed>,
    /// How often the user has joined or left something meanwhile.
    moves: u64,
    inbox: Arc<Inbox>,
}

/// A place among the subscriptions; dropping it gives it up.
#[derive(Debug)]
pub(crate) struct Place {
    fanout: Arc<Fanout>,
    id: SubscriberId,
    inbox: Arc<Inbox>,
}

impl Fanout {
    /// A new subscription of the user, to what is theirs and everybody's so far, and to what they join from now on.
    ///
    /// To miss nothing: join, then [`Place::follow`] the feeds, then read the tables; from there on the inbox is complete.
    pub(crate) fn join(self: &Arc<Self>, user: UserId) -> Place {
        let inbox = Arc::new(Inbox::default());
        let mut state = self.lock();
        state.last = state.last.saturating_add(1);
        let id = state.last;
        state.subscribers.insert(id, Subscriber { user, feeds: BTreeSet::new(), moves: 0, inbox: inbox.clone() });
        state.by_user.entry(user).or_default().insert(id);
        state.add(id, Feed::Directory, Position(0));
        state.add(id, Feed::Own(user), Position(0));
        Place { fanout: self.clone(), id, inbox }
    }

    /// Brings what an entry changed to whom it concerns. Called on the apply thread, after the rows can be read.
    pub(crate) fn deliver(&self, joined: &[Joined], left: &[(UserId, ConversationId)], changes: Vec<FeedChange>) {
        let mut state = self.lock();
        for Joined { user, conversation, since } in joined {
            state.each_of(*user, |state, id| state.add(id, Feed::Conversation(*conversation), *since));
        }
        for (user, conversation) in left {
            // Whoever has joined again in the same entry finds that in the tables.
            state.each_of(*user, |state, id| state.take_away(id, Feed::Conversation(*conversation)));
        }
        self.counters.changes.add(changes.len());
        let mut filled = BTreeSet::new();
        for FeedChange { feed, change } in changes {
            let Some(listeners) = state.by_feed.get(&feed) else { continue };
            let position = message_position(&change.row);
            let change = Arc::new(change);
            for (id, since) in listeners {
                if position.is_some_and(|position| position <= *since) {
                    continue;
                }
                if let Some(subscriber) = state.subscribers.get(id) {
                    self.counters.delivered.add(1);
                    self.counters.overflowed.add(usize::from(subscriber.inbox.push(&change)));
                    filled.insert(*id);
                }
            }
        }
        for id in filled {
            state.wake(id);
        }
    }

    /// Brings a hint to who listens to its conversation, but not to who it is about.
    pub(crate) fn hint(&self, news: TypingNews) {
        let state = self.lock();
        let Some(listeners) = state.by_feed.get(&Feed::Conversation(news.conversation)) else { return };
        for subscriber in listeners.keys().filter_map(|id| state.subscribers.get(id)) {
            if subscriber.user != news.user {
                self.counters.hints.add(1);
                subscriber.inbox.push_hint(news);
                subscriber.inbox.filled.notify_one();
            }
        }
    }

    /// The rows were replaced: whatever is in the inboxes is not to be relied on.
    pub(crate) fn reset(&self) {
        for subscriber in self.lock().subscribers.values() {
            subscriber.inbox.overflow();
            subscriber.inbox.filled.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole after every step, whoever panicked meanwhile.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Of a change that is not for who joined after it: which message it is of.
fn message_position(row: &ChangedRow) -> Option<Position> {
    match row {
        ChangedRow::Message(message) => Some(message.position),
        ChangedRow::Reactions { position, .. } => Some(*position),
        ChangedRow::Conversation(_)
        | ChangedRow::ReadMark { .. }
        | ChangedRow::User(_)
        | ChangedRow::DeliveredMark { .. }
        | ChangedRow::Member { .. }
        | ChangedRow::MemberLeft { .. }
        | ChangedRow::Place(_)
        | ChangedRow::Left(_)
        | ChangedRow::Block { .. } => None,
    }
}

impl State {
    /// Changes each subscription of the user, who joined or left something.
    fn each_of(&mut self, user: UserId, change: impl Fn(&mut Self, SubscriberId)) {
        for id in self.by_user.get(&user).cloned().unwrap_or_default() {
            change(self, id);
            if let Some(subscriber) = self.subscribers.get_mut(&id) {
                subscriber.moves = subscriber.moves.saturating_add(1);
            }
        }
    }

    fn add(&mut self, id: SubscriberId, feed: Feed, since: Position) {
        if let Some(subscriber) = self.subscribers.get_mut(&id) {
            subscriber.feeds.insert(feed);
            self.by_feed.entry(feed).or_default().insert(id, since);
        }
    }

    /// What is in the inbox may be of that feed: it goes as well.
    fn take_away(&mut self, id: SubscriberId, feed: Feed) {
        if let Some(subscriber) = self.subscribers.get_mut(&id) {
            subscriber.feeds.remove(&feed);
            subscriber.inbox.overflow();
        }
        discard(&mut self.by_feed, &feed, |ids| ids.remove(&id).is_some() && ids.is_empty());
        self.wake(id);
    }

    fn wake(&self, id: SubscriberId) {
        if let Some(subscriber) = self.subscribers.get(&id) {
            subscriber.inbox.filled.notify_one();
        }
    }

    fn remove(&mut self, id: SubscriberId) {
        let Some(subscriber) = self.subscribers.remove(&id) else { return };
        for feed in subscriber.feeds {
            discard(&mut self.by_feed, &feed, |ids| ids.remove(&id).is_some() && ids.is_empty());
        }
        discard(&mut self.by_user, &subscriber.user, |ids| ids.remove(&id) && ids.is_empty());
    }
}

/// Takes something out of the value at `key`, and the value too if that leaves it empty.
fn discard<K: std::hash::Hash + Eq, V>(map: &mut HashMap<K, V>, key: &K, take: impl FnOnce(&mut V) -> bool) {
    if map.get_mut(key).is_some_and(take) {
        map.remove(key);
    }
}

impl Place {
    /// Follows the feeds of the user that `read` finds in the tables, and no others. It is asked again where the user joined
    /// or left something meanwhile.
    pub(crate) fn follow<E>(&self, read: impl Fn() -> Result<Vec<(Feed, Position)>, E>) -> Result<(), E> {
        loop {
            let moves = self.moves();
            let feeds = read()?;
            let mut state = self.fanout.lock();
            if state.subscribers.get(&self.id).map(|subscriber| subscriber.moves) != moves {
                continue;
            }
            let known: BTreeSet<_> = feeds.iter().map(|(feed, _)| *feed).collect();
            let before = state.subscribers.get(&self.id).map(|subscriber| subscriber.feeds.clone());
            for gone in before.unwrap_or_default().difference(&known) {
                state.take_away(self.id, *gone);
            }
            for (feed, since) in feeds {
                state.add(self.id, feed, since);
            }
            return Ok(());
        }
    }

    fn moves(&self) -> Option<u64> {
        self.fanout.lock().subscribers.get(&self.id).map(|subscriber| subscriber.moves)
    }

    /// Takes the hints.
    pub(crate) fn take_hints(&self) -> VecDeque<TypingNews> {
        self.inbox.take_hints()
    }

    /// Begins anew after an overflow, before the tables are read.
    pub(crate) fn restart(&self) {
        self.inbox.restart();
    }

    /// Takes what is above `after`, up to so many changes and bytes; a single larger one comes alone.
    pub(crate) fn take(&self, after: ChangeNumber, changes_max: usize, bytes_max: usize) -> Taken {
        self.inbox.take(after, changes_max, bytes_max)
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
    use raftchat_schema::view::Change;

    use super::inbox::{INBOX_CHANGES_MAX, INBOX_HINTS_MAX};
    use super::*;

    const ALICE: UserId = UserId(1001);
    const BOB: UserId = UserId(2001);
    const HERE: ConversationId = ConversationId(7);

    fn read_mark(number: u64, conversation: ConversationId) -> FeedChange {
        let row = ChangedRow::ReadMark { conversation, user: BOB, position: Position(number) };
        FeedChange { feed: Feed::Conversation(conversation), change: Change { number: ChangeNumber(number), row } }
    }

    fn reactions(number: u64, position: u64) -> FeedChange {
        let row = ChangedRow::Reactions { conversation: HERE, position: Position(position), reactions: Vec::new() };
        FeedChange { feed: Feed::Conversation(HERE), change: Change { number: ChangeNumber(number), row } }
    }

    fn joined(user: UserId, since: u64) -> Joined {
        Joined { user, conversation: HERE, since: Position(since) }
    }

    fn follow(place: &Place, feeds: &[(Feed, Position)]) {
        place.follow(|| Ok::<_, std::convert::Infallible>(feeds.to_vec())).unwrap();
        place.restart();
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
        follow(&bob, &[(Feed::Directory, Position(0)), (Feed::Conversation(HERE), Position(0))]);
        fanout.deliver(&[], &[], vec![read_mark(1, HERE), read_mark(2, ConversationId(8))]);
        fanout.deliver(&[joined(ALICE, 0)], &[], vec![read_mark(3, HERE), read_mark(4, HERE)]);
        assert_eq!(numbers(&alice, 0, 9), [3, 4]);
        assert_eq!(numbers(&bob, 1, 1), [3], "1 is known already");
        assert_eq!(numbers(&bob, 3, 9), [4]);
        drop((alice, bob));
        assert!(fanout.lock().by_feed.is_empty() && fanout.lock().by_user.is_empty());
    }

    #[test]
    fn what_was_said_before_the_joining_never_comes() {
        let fanout = Arc::new(Fanout::default());
        let (alice, bob) = (fanout.join(ALICE), fanout.join(BOB));
        follow(&bob, &[(Feed::Conversation(HERE), Position(0))]);
        fanout.deliver(&[joined(ALICE, 5)], &[], vec![reactions(1, 5), reactions(2, 6), read_mark(3, HERE)]);
        assert_eq!(numbers(&alice, 0, 9), [2, 3]);
        assert_eq!(numbers(&bob, 0, 9), [1, 2, 3]);
    }

    #[test]
    fn who_left_is_sent_to_the_tables_and_hears_no_more_of_it() {
        let fanout = Arc::new(Fanout::default());
        let (alice, bob) = (fanout.join(ALICE), fanout.join(BOB));
        fanout.deliver(&[joined(ALICE, 0), joined(BOB, 0)], &[], vec![read_mark(1, HERE)]);
        let own = FeedChange {
            feed: Feed::Own(ALICE),
            change: Change { number: ChangeNumber(2), row: ChangedRow::Left(HERE) },
        };
        fanout.deliver(&[], &[(ALICE, HERE)], vec![own.clone(), read_mark(3, HERE)]);
        assert_eq!(alice.take(ChangeNumber(0), 9, 9), Taken::Overflowed, "nothing of it is left here");
        alice.restart();
        fanout.deliver(&[], &[], vec![read_mark(4, HERE), own]);
        assert_eq!(numbers(&alice, 0, 9), [2], "what is theirs comes for ever");
        assert_eq!(numbers(&bob, 0, 9), [1, 3, 4]);
        fanout.deliver(&[joined(ALICE, 9)], &[], vec![reactions(5, 9), reactions(6, 10)]);
        assert_eq!(numbers(&alice, 2, 9), [6], "added again");
    }

    #[test]
    fn feeds_that_were_read_before_the_user_left_are_read_again() {
        let fanout = Arc::new(Fanout::default());
        let alice = fanout.join(ALICE);
        fanout.deliver(&[joined(ALICE, 0)], &[], vec![]);
        let reads = std::cell::Cell::new(0);
        let read = || {
            reads.set(reads.get() + 1);
            if reads.get() == 1 {
                fanout.deliver(&[], &[(ALICE, HERE)], vec![]);
                return Ok::<_, std::convert::Infallible>(vec![(Feed::Conversation(HERE), Position(0))]);
            }
            Ok(vec![(Feed::Directory, Position(0))])
        };
        alice.follow(read).unwrap();
        assert_eq!(reads.get(), 2);
        assert!(!fanout.lock().by_feed.contains_key(&Feed::Conversation(HERE)));
    }

    #[test]
    fn an_inbox_that_overflows_says_so_until_it_begins_anew() {
        let fanout = Arc::new(Fanout::default());
        let alice = fanout.join(ALICE);
        fanout.deliver(&[joined(ALICE, 0)], &[], vec![]);
        let many = (1..=INBOX_CHANGES_MAX as u64 + 1).map(|number| read_mark(number, HERE)).collect();
        fanout.deliver(&[], &[], many);
        fanout.deliver(&[], &[], vec![read_mark(5000, HERE)]);
        assert_eq!(alice.take(ChangeNumber(0), 9, 9), Taken::Overflowed);
        alice.restart();
        fanout.deliver(&[], &[], vec![read_mark(5001, HERE)]);
        assert_eq!(numbers(&alice, 0, 9), [5001]);
        fanout.reset();
        assert_eq!(alice.take(ChangeNumber(0), 9, 9), Taken::Overflowed);
    }

    #[test]
    fn a_hint_comes_to_the_others_in_the_conversation_and_only_so_many() {
        let fanout = Arc::new(Fanout::default());
        let (alice, bob, carol) = (fanout.join(ALICE), fanout.join(BOB), fanout.join(UserId(3001)));
        fanout.deliver(&[joined(ALICE, 0), joined(BOB, 0)], &[], vec![]);
        let news = TypingNews { conversation: HERE, user: BOB, active: true };
        (0..=INBOX_HINTS_MAX).for_each(|_| fanout.hint(news));
        assert_eq!(alice.take_hints().len(), INBOX_HINTS_MAX);
        assert_eq!((bob.take_hints().len(), carol.take_hints().len()), (0, 0));
    }
}
