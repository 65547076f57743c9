//! Taking a list piece by piece, over whatever link: where its next piece begins. Knows nothing of how one is asked for.

use crate::error::ClientError;

/// Something that is taken piece by piece, over whatever link: where its next piece begins. Places are whatever orders it:
/// ids, positions, or bytes.
#[derive(Debug)]
pub(crate) struct Pager<At> {
    at: At,
    is_whole: bool,
}

/// A piece that is not from where it was asked for, or promises more and brings nothing nearer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node's list does not go on where it was")]
pub(crate) struct Misplaced;

impl<At: Copy + Ord> Pager<At> {
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

impl From<Misplaced> for ClientError {
    fn from(misplaced: Misplaced) -> Self {
        Self::Program(misplaced.to_string())
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;

    use super::*;

    #[test]
    fn what_comes_piece_by_piece_goes_on_after_the_last_whole_one() {
        let mut list = Pager::after(0);
        assert_eq!((list.take([1, 4], true), list.next()), (Ok(()), Some(4)));
        // The next was cut off, and comes over another link from where it began.
        assert_eq!((list.take([5, 6, 9], true), list.next()), (Ok(()), Some(9)));
        assert_eq!((list.take([], false), list.next()), (Ok(()), None));
        let mut backwards = Pager::after(Reverse(7));
        assert_eq!((backwards.take([3, 5].map(Reverse), true), backwards.next()), (Ok(()), Some(Reverse(3))));
    }

    #[test]
    fn a_piece_from_elsewhere_or_without_end_is_refused() {
        for (places, more) in [(vec![9, 4], true), (vec![4], false), (vec![], true)] {
            assert_eq!(Pager::after(4).take(places.clone(), more), Err(Misplaced), "{places:?}");
        }
    }
}
