//! Where all feeds of a client stand, for the link that takes over. Knows no link.

use std::collections::BTreeMap;

use crate::cursor;

/// Where all feeds of a client stand, by who follows.
#[derive(Debug, Default)]
pub(crate) struct ResumePoints {
    next: u64,
    points: BTreeMap<u64, Vec<u8>>,
}

impl ResumePoints {
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

#[cfg(test)]
mod tests {
    use raftchat_schema::id::{ChangeNumber, Cursor};

    use super::*;

    fn at(change: u64) -> Vec<u8> {
        Cursor { cluster: 7, epoch: 1, change: ChangeNumber(change) }.to_bytes().to_vec()
    }

    #[test]
    fn a_link_is_activated_from_where_the_slowest_feed_stands() {
        let mut points = ResumePoints::default();
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
}
