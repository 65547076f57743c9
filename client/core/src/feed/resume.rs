//! Where a feed goes on when a link is left. Knows no link and no clock.
//!
//! A link whose feed begins at a cursor that is not beyond what was told has no gap in itself. So whatever several such
//! links bring, in whatever order between them, makes one feed without a gap once doubles have fallen by number.

use std::time::Duration;

use raftchat_schema::id::{ChangeNumber, SessionId};
use raftchat_schema::view::Change;
use tokio::time::Instant;

use crate::cursor;
use crate::options::Following;

/// Where a feed stands.
#[derive(Debug)]
pub(crate) struct ResumePoint {
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

impl ResumePoint {
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

#[cfg(test)]
mod tests {
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
        let mut feed = ResumePoint::new(Following::After(at(3)));
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
        let mut feed = ResumePoint::new(Following::FromNow);
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
}
