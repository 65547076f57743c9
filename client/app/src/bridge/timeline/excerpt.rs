//! Which of the rows that are held are given to the window: those in sight and some around them. Each row that the window
//! has costs something in each frame. Knows nothing of what a row is.

use std::ops::Range;

/// So many rows are ready above and below what is in sight.
const MARGIN: usize = 16;

/// So many more may be there before they are taken away: that is done for several at once.
const SLACK: usize = 16;

/// So many rows come at once, so that they do not come one a frame.
const AHEAD: usize = 2;

/// The rows that the window has, as a part of those that are held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Excerpt {
    shown: Range<usize>,
}

/// One step of the window's rows to those that it is to have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// So many rows come, from there on.
    Add { at: usize, count: usize },
    /// So many rows go, from there on.
    Drop { at: usize, count: usize },
}

impl Excerpt {
    /// The last rows of so many: what fills the pane, and the margin.
    pub(super) fn at_end(held: usize, screen: usize) -> Self {
        Self { shown: held.saturating_sub(screen + MARGIN)..held }
    }

    /// Those around a row.
    pub(super) fn around(at: usize, held: usize, screen: usize) -> Self {
        let end = held.min(at + screen + MARGIN);
        Self { shown: at.saturating_sub(screen + MARGIN).min(end)..end }
    }

    /// The number of them.
    pub(super) fn count(&self) -> usize {
        self.shown.len()
    }

    /// The index, of those held, of the first.
    pub(super) fn first(&self) -> usize {
        self.shown.start
    }

    /// The number of those held above them.
    pub(super) fn above(&self) -> usize {
        self.shown.start
    }

    /// The number of those held below them, of so many.
    pub(super) fn below(&self, held: usize) -> usize {
        held.saturating_sub(self.shown.end)
    }

    /// The window's row for that row of those held.
    pub(super) fn place(&self, at: usize) -> Option<usize> {
        self.shown.contains(&at).then(|| at - self.shown.start)
    }

    /// One was put in at `at` where `held` were; which row of the window it is, if it is one.
    pub(super) fn insert(&mut self, at: usize, held: usize) -> Option<usize> {
        let Range { start, end } = self.shown;
        if at > end || (at == end && end < held) {
            return None;
        }
        // What comes above comes into sight only when the person goes there.
        if at < start || (at == start && start < end) {
            self.shown = start + 1..end + 1;
            return None;
        }
        self.shown.end += 1;
        Some(at - start)
    }

    /// One was taken away; which row of the window it was, if it was one.
    pub(super) fn remove(&mut self, at: usize) -> Option<usize> {
        let place = self.place(at);
        if at < self.shown.start {
            self.shown = self.shown.start - 1..self.shown.end - 1;
        } else if place.is_some() {
            self.shown.end -= 1;
        }
        place
    }

    /// Makes ready what is around the row at the upper edge of the pane, and drops what is far from it.
    pub(super) fn settle(&mut self, top: usize, screen: usize, held: usize) -> Vec<Step> {
        let wanted = top.saturating_sub(MARGIN)..held.min(top + screen + MARGIN);
        let mut steps = Vec::new();
        let Range { start, end } = self.shown;
        let new_end = if end < wanted.end {
            held.min(wanted.end + AHEAD)
        } else if end > wanted.end + SLACK {
            wanted.end
        } else {
            end
        };
        let new_start = if start > wanted.start {
            wanted.start.saturating_sub(AHEAD)
        } else if start + SLACK < wanted.start {
            wanted.start
        } else {
            start
        };
        // From below, so that each step counts from where the window has its rows.
        if new_end > end {
            steps.push(Step::Add { at: end - start, count: new_end - end });
        } else if new_end < end {
            steps.push(Step::Drop { at: new_end - start, count: end - new_end });
        }
        if new_start < start {
            steps.push(Step::Add { at: 0, count: start - new_start });
        } else if new_start > start {
            steps.push(Step::Drop { at: 0, count: new_start - start });
        }
        self.shown = new_start..new_end;
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: usize = 20;

    /// Follows the steps as the window does, and checks that it ends with what the excerpt says.
    fn settle(excerpt: &mut Excerpt, rows: &mut Vec<usize>, top: usize, held: usize) {
        let steps = excerpt.settle(top, SCREEN, held);
        for step in &steps {
            match *step {
                Step::Add { at, count } => drop(rows.splice(at..at, std::iter::repeat_n(0, count))),
                Step::Drop { at, count } => drop(rows.drain(at..at + count)),
            }
        }
        assert_eq!(rows.len(), excerpt.count(), "{steps:?}");
        for (row, at) in rows.iter_mut().zip(excerpt.first()..) {
            *row = at;
        }
    }

    #[test]
    fn who_reads_through_a_thousand_rows_always_has_a_margin_and_never_many() {
        let mut excerpt = Excerpt::at_end(1000, SCREEN);
        let mut rows: Vec<usize> = (964..1000).collect();
        for top in (0..980).rev().chain(0..980) {
            settle(&mut excerpt, &mut rows, top, 1000);
            assert!(excerpt.first() <= top.saturating_sub(MARGIN));
            assert!(excerpt.first() + excerpt.count() >= 1000.min(top + SCREEN + MARGIN));
            assert!(rows.len() <= SCREEN + 2 * (MARGIN + SLACK) + AHEAD, "{}", rows.len());
        }
    }

    #[test]
    fn what_comes_above_waits_until_the_person_goes_there_and_what_comes_below_is_seen() {
        let mut excerpt = Excerpt::at_end(30, SCREEN);
        assert_eq!(excerpt.count(), 30);
        assert_eq!(excerpt.insert(0, 30), None);
        assert_eq!(excerpt.insert(1, 31), None);
        assert_eq!((excerpt.above(), excerpt.count()), (2, 30));
        assert_eq!(excerpt.insert(32, 32), Some(30));
        assert_eq!(excerpt.insert(20, 33), Some(18));
        assert_eq!(excerpt.remove(1), None);
        assert_eq!(excerpt.remove(1), Some(0));
        assert_eq!((excerpt.above(), excerpt.count(), excerpt.below(32)), (1, 31, 0));
    }

    #[test]
    fn the_first_row_of_all_is_seen() {
        let mut excerpt = Excerpt::default();
        assert_eq!(excerpt.insert(0, 0), Some(0));
        assert_eq!(excerpt.insert(1, 1), Some(1));
    }

    #[test]
    fn what_comes_below_what_the_window_has_is_not_seen() {
        let mut excerpt = Excerpt::around(10, 200, SCREEN);
        assert_eq!((excerpt.first(), excerpt.count()), (0, 46));
        assert_eq!(excerpt.insert(46, 200), None);
        assert_eq!(excerpt.insert(200, 201), None);
        assert_eq!(excerpt.below(202), 156);
    }
}
