//! What goes on over another link when one is left, and from where. Knows no link and no clock.
//!
//! | moves | resumes at | owner |
//! | --- | --- | --- |
//! | a feed | the cursor after the last change that was told; what a link brings that is not above that change falls | [`FeedPoint`] |
//! | an unanswered call | its request number, or the message id in it: who asks again gets the first outcome | [`Repeatable`] |
//! | what is taken piece by piece | after its last whole piece; one that was cut off with a link is asked for again | [`Transfer`] |
//! | that the person is writing | now: it is said again over the new link, for as long as it holds | [`Announced`] |
//! | that the person is there | now: a session that is held on a link, armed or not, says so itself | – |
//!
//! A link whose feed begins at a cursor that is not beyond what was told has no gap in itself. So whatever several such
//! links bring, in whatever order between them, makes one feed without a gap once doubles have fallen by number.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use raftchat_schema::id::{ChangeNumber, RequestNumber, SessionId};
use raftchat_schema::limits::TYPING_MS;
use raftchat_schema::view::Change;
use tokio::time::Instant;

use crate::client::Target;
use crate::cursor;
use crate::feed::Following;

/// Where a feed stands.
#[derive(Debug)]
pub(crate) struct FeedPoint {
    /// Everything up to here was told; none while "now" is not known.
    cursor: Option<Vec<u8>>,
    /// The last change that was told.
    last: Option<ChangeNumber>,
    /// Whose feed it is.
    session: Option<SessionId>,
}

/// What is left of a page after doubles have fallen.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) changes: Vec<Change>,
    /// Where the feed stood before, and where it stands after.
    pub(crate) begin: Vec<u8>,
    pub(crate) end: Vec<u8>,
}

impl FeedPoint {
    pub(crate) fn new(from: Following) -> Self {
        let cursor = match from {
            Following::FromStart => Some(Vec::new()),
            Following::FromNow => None,
            Following::After(cursor) => Some(cursor),
        };
        let last = cursor.as_deref().and_then(cursor::number);
        Self { cursor, last, session: None }
    }

    /// Where to go on from; none: "now" is to be asked first.
    pub(crate) fn cursor(&self) -> Option<&[u8]> {
        self.cursor.as_deref()
    }

    /// "Now" is here, unless it was known already.
    pub(crate) fn begin(&mut self, now: Vec<u8>) {
        if self.cursor.is_none() {
            self.last = cursor::number(&now);
            self.cursor = Some(now);
        }
    }

    /// Whose feed it is; none before it was followed.
    pub(crate) fn session(&self) -> Option<SessionId> {
        self.session
    }

    /// It is followed with that session from now on.
    pub(crate) fn belong_to(&mut self, session: SessionId) {
        self.session.get_or_insert(session);
    }

    /// Takes a page that any link has brought.
    pub(crate) fn take(&mut self, mut changes: Vec<Change>, page_end: Vec<u8>) -> News {
        let begin = self.cursor.clone().unwrap_or_default();
        changes.retain(|change| self.last.is_none_or(|last| change.number > last));
        self.last = changes.last().map(|change| change.number).max(self.last);
        if cursor::supersedes(&page_end, self.cursor.as_deref()) {
            self.cursor = Some(page_end);
        }
        News { changes, begin, end: self.cursor.clone().unwrap_or_default() }
    }
}

/// How far an armed link was told that this device holds the feed.
#[derive(Debug)]
pub(crate) struct Advance {
    upto: Vec<u8>,
    told: Instant,
}

impl Advance {
    /// How far a link may lag behind in changes, and in time.
    const CHANGES_MAX: u64 = 64;
    const TIME_MAX: Duration = Duration::from_secs(1);

    pub(crate) fn new(upto: Vec<u8>, now: Instant) -> Self {
        Self { upto, told: now }
    }

    /// What to tell now that the feed stands at `cursor`, if it is time.
    pub(crate) fn due(&mut self, cursor: &[u8], now: Instant) -> Option<Vec<u8>> {
        if !cursor::supersedes(cursor, Some(&self.upto)) {
            return None;
        }
        let behind = match (cursor::number(cursor), cursor::number(&self.upto)) {
            (Some(cursor), Some(upto)) => cursor.0.saturating_sub(upto.0),
            _ => Self::CHANGES_MAX,
        };
        if behind < Self::CHANGES_MAX && now.saturating_duration_since(self.told) < Self::TIME_MAX {
            return None;
        }
        (self.upto, self.told) = (cursor.to_vec(), now);
        Some(self.upto.clone())
    }
}

/// Where all feeds of a client stand, by who follows.
#[derive(Debug, Default)]
pub(crate) struct FeedPoints {
    next: u64,
    points: BTreeMap<u64, Vec<u8>>,
}

impl FeedPoints {
    pub(crate) fn enter(&mut self) -> u64 {
        self.next = self.next.wrapping_add(1);
        self.next
    }

    pub(crate) fn note(&mut self, feed: u64, cursor: &[u8]) {
        self.points.insert(feed, cursor.to_vec());
    }

    pub(crate) fn leave(&mut self, feed: u64) {
        self.points.remove(&feed);
    }

    /// A cursor that no feed stands before; empty where they cannot be compared.
    pub(crate) fn lowest(&self) -> Vec<u8> {
        let mut points = self.points.values();
        let first = points.next();
        first
            .and_then(|first| points.try_fold(first, |lowest, point| cursor::lower(lowest, point)))
            .cloned()
            .unwrap_or_default()
    }
}

/// Something that is taken piece by piece, over whatever link: where its next piece begins. Places are whatever orders it:
/// ids, positions, or bytes.
#[derive(Debug)]
pub(crate) struct Transfer<At> {
    at: At,
    is_whole: bool,
}

/// A piece that is not from where it was asked for, or promises more and brings nothing nearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node's list does not go on where it was")]
pub(crate) struct Misplaced;

impl<At: Copy + Ord> Transfer<At> {
    /// What comes after that place.
    pub(crate) fn after(at: At) -> Self {
        Self { at, is_whole: false }
    }

    /// After which place the next piece begins; none: nothing is left.
    pub(crate) fn next(&self) -> Option<At> {
        (!self.is_whole).then_some(self.at)
    }

    /// Takes a whole piece, of which these are the places. `more`: something is left after it.
    pub(crate) fn take(&mut self, places: impl IntoIterator<Item = At>, more: bool) -> Result<(), Misplaced> {
        let before = self.at;
        for place in places {
            if place <= before {
                return Err(Misplaced);
            }
            self.at = self.at.max(place);
        }
        if more && self.at == before {
            return Err(Misplaced);
        }
        self.is_whole = !more;
        Ok(())
    }
}

/// A call that may be made over several links and has its effect once.
#[derive(Debug)]
pub(crate) struct Repeatable {
    /// None before it is asked for the first time.
    number: Cell<Option<RequestNumber>>,
    asked: Cell<u32>,
}

/// One attempt at such a call, over one link.
#[derive(Debug)]
pub(crate) struct Attempt<'a> {
    call: &'a Repeatable,
    asked: Cell<u32>,
}

impl Repeatable {
    /// A call under a number of its own; none: under one that is new when it is first made. By then a node has told what time
    /// it is, and which numbers it knows.
    pub(crate) fn new(number: Option<RequestNumber>) -> Self {
        Self { number: Cell::new(number), asked: Cell::new(0) }
    }

    pub(crate) fn attempt(&self) -> Attempt<'_> {
        Attempt { call: self, asked: Cell::new(0) }
    }
}

impl Attempt<'_> {
    /// The number to ask with; each time the same. Draws it from `new` if there is none yet.
    pub(crate) fn ask(&self, new: impl FnOnce() -> RequestNumber) -> RequestNumber {
        self.asked.set(1);
        self.call.asked.set(self.call.asked.get().saturating_add(1));
        let number = self.call.number.get().unwrap_or_else(new);
        self.call.number.set(Some(number));
        number
    }

    /// Whether another attempt has asked too, so that a refusal may be the echo of that one's effect.
    pub(crate) fn may_be_an_echo(&self) -> bool {
        self.call.asked.get() > self.asked.get()
    }
}

/// Where the person is writing, as others were told.
#[derive(Debug, Default)]
pub(crate) struct Announced {
    typing: BTreeMap<Target, Instant>,
}

impl Announced {
    pub(crate) fn typing(&mut self, target: &Target, active: bool, now: Instant) {
        if active {
            self.typing.insert(target.clone(), now);
        } else {
            self.typing.remove(target);
        }
    }

    /// What still holds, and is to be said again.
    pub(crate) fn still(&mut self, now: Instant) -> Vec<Target> {
        let good_for = Duration::from_millis(TYPING_MS);
        self.typing.retain(|_, said| now.saturating_duration_since(*said) < good_for);
        self.typing.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use raftchat_schema::id::{ConversationId, Cursor};
    use raftchat_schema::view::ChangedRow;

    use super::*;

    fn at(change: u64) -> Vec<u8> {
        Cursor { cluster: 7, epoch: 1, change: ChangeNumber(change) }.to_bytes().to_vec()
    }

    fn changes(numbers: impl IntoIterator<Item = u64>) -> Vec<Change> {
        let row = ChangedRow::Left(ConversationId(1));
        numbers.into_iter().map(|number| Change { number: ChangeNumber(number), row: row.clone() }).collect()
    }

    fn numbers(news: &News) -> Vec<u64> {
        news.changes.iter().map(|change| change.number.0).collect()
    }

    #[test]
    fn what_two_links_bring_is_told_once_and_in_order() {
        let mut feed = FeedPoint::new(Following::After(at(3)));
        assert_eq!(numbers(&feed.take(changes([4, 5]), at(5))), [4, 5]);
        // The other link begins where it was last told to: before what the first has brought.
        let news = feed.take(changes([4, 5, 6]), at(6));
        assert_eq!((numbers(&news), news.begin, news.end), (vec![6], at(5), at(6)));
        assert!(feed.take(changes([6]), at(6)).changes.is_empty());
        let late = feed.take(changes([5]), at(5));
        assert_eq!((late.changes.len(), late.end), (0, at(6)), "and never goes back");
    }

    #[test]
    fn a_feed_from_now_on_begins_once_and_belongs_to_one_session() {
        let mut feed = FeedPoint::new(Following::FromNow);
        assert_eq!(feed.cursor(), None);
        feed.begin(at(9));
        feed.begin(at(12));
        assert_eq!(feed.cursor(), Some(at(9).as_slice()));
        assert_eq!(numbers(&feed.take(changes([9, 10]), at(10))), [10]);
        feed.belong_to(SessionId(7));
        feed.belong_to(SessionId(8));
        assert_eq!(feed.session(), Some(SessionId(7)));
    }

    #[test]
    fn an_armed_link_is_told_each_second_or_64_changes() {
        let start = Instant::now();
        let mut advance = Advance::new(at(10), start);
        let soon = start + Duration::from_millis(999);
        assert_eq!(advance.due(&at(10), start + Duration::from_secs(9)), None, "nothing is new");
        assert_eq!(advance.due(&at(73), soon), None);
        assert_eq!(advance.due(&at(74), soon), Some(at(74)));
        assert_eq!(advance.due(&at(75), soon), None);
        assert_eq!(advance.due(&at(75), soon + Duration::from_secs(1)), Some(at(75)));
    }

    #[test]
    fn a_link_is_activated_from_where_the_slowest_feed_stands() {
        let mut points = FeedPoints::default();
        assert_eq!(points.lowest(), b"");
        let (tail, window) = (points.enter(), points.enter());
        points.note(tail, &at(9));
        assert_eq!(points.lowest(), at(9));
        points.note(window, &at(4));
        assert_eq!(points.lowest(), at(4));
        points.note(window, b"from a newer node");
        assert_eq!(points.lowest(), b"", "as it was last told");
        points.leave(window);
        assert_eq!(points.lowest(), at(9));
    }

    #[test]
    fn a_call_has_one_number_however_often_it_is_made() {
        let call = Repeatable::new(None);
        let (first, second) = (call.attempt(), call.attempt());
        assert_eq!((first.ask(|| RequestNumber(42)), first.may_be_an_echo()), (RequestNumber(42), false));
        assert!(second.may_be_an_echo(), "also where it was refused before it asked");
        assert_eq!((second.ask(|| RequestNumber(43)), second.may_be_an_echo()), (RequestNumber(42), true));
        assert!(first.may_be_an_echo());
    }

    #[test]
    fn what_comes_piece_by_piece_goes_on_after_the_last_whole_one() {
        let mut list = Transfer::after(0);
        assert_eq!((list.take([1, 4], true), list.next()), (Ok(()), Some(4)));
        // The next was cut off, and comes over another link from where it began.
        assert_eq!((list.take([5, 6, 9], true), list.next()), (Ok(()), Some(9)));
        assert_eq!((list.take([], false), list.next()), (Ok(()), None));
        let mut backwards = Transfer::after(Reverse(7));
        assert_eq!((backwards.take([3, 5].map(Reverse), true), backwards.next()), (Ok(()), Some(Reverse(3))));
    }

    #[test]
    fn a_piece_from_elsewhere_or_without_end_is_refused() {
        for (places, more) in [(vec![9, 4], true), (vec![4], false), (vec![], true)] {
            assert_eq!(Transfer::after(4).take(places.clone(), more), Err(Misplaced), "{places:?}");
        }
    }

    #[test]
    fn that_somebody_writes_is_said_again_for_as_long_as_it_holds() {
        let (start, bob) = (Instant::now(), Target::Conversation(ConversationId(1)));
        let mut announced = Announced::default();
        announced.typing(&bob, true, start);
        assert_eq!(announced.still(start + Duration::from_secs(5)), std::slice::from_ref(&bob));
        assert!(announced.still(start + Duration::from_secs(6)).is_empty());
        announced.typing(&bob, true, start);
        announced.typing(&bob, false, start);
        assert!(announced.still(start).is_empty());
    }
}
