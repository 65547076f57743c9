//! The little that a client makes of cursors: which is further, and where a single change of a page stands. Whatever it
//! cannot read stays opaque.

use raftchat_schema::id::{ChangeNumber, Cursor};

/// Whether `new` is further than `old`, or of another history than it.
pub(crate) fn supersedes(new: &[u8], old: Option<&[u8]>) -> bool {
    let Some(old) = old else { return !new.is_empty() };
    match (Cursor::from_bytes(new), Cursor::from_bytes(old)) {
        (Some(new), Some(old)) if (new.cluster, new.epoch) == (old.cluster, old.epoch) => new.change > old.change,
        _ => !new.is_empty() && new != old,
    }
}

/// The one of two cursors that is less far; none where they cannot be compared.
pub(crate) fn lower<'a>(one: &'a Vec<u8>, other: &'a Vec<u8>) -> Option<&'a Vec<u8>> {
    match (Cursor::from_bytes(one), Cursor::from_bytes(other)) {
        (Some(a), Some(b)) if (a.cluster, a.epoch) == (b.cluster, b.epoch) => {
            Some(if a.change <= b.change { one } else { other })
        }
        _ => (one == other).then_some(one),
    }
}

/// The number of the last change at or before `cursor`; none if that cannot be read from it.
pub(crate) fn number(cursor: &[u8]) -> Option<ChangeNumber> {
    Cursor::from_bytes(cursor).map(|cursor| cursor.change)
}

/// The cursor right after the change `number` of a page that ends at `page_end`. Where that cannot be told it is
/// `before`, the cursor that the page began at: going on from there repeats changes, and loses none.
pub(crate) fn after_change(number: ChangeNumber, page_end: &[u8], before: &[u8]) -> Vec<u8> {
    match Cursor::from_bytes(page_end) {
        Some(end) => Cursor { change: number.min(end.change), ..end }.to_bytes().to_vec(),
        None => before.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(epoch: u32, change: u64) -> Vec<u8> {
        Cursor { cluster: 7, epoch, change: ChangeNumber(change) }.to_bytes().to_vec()
    }

    #[test]
    fn only_a_further_cursor_supersedes_within_one_history() {
        assert!(supersedes(&at(1, 5), None));
        assert!(supersedes(&at(1, 6), Some(&at(1, 5))));
        assert!(!supersedes(&at(1, 5), Some(&at(1, 5))));
        assert!(!supersedes(&at(1, 4), Some(&at(1, 5))));
        assert!(supersedes(&at(2, 1), Some(&at(1, 5))), "a restored cluster starts afresh");
        assert!(!supersedes(b"", None));
        assert!(supersedes(b"from a newer node", Some(&at(1, 5))));
    }

    #[test]
    fn a_change_inside_a_page_has_a_cursor_of_its_own() {
        assert_eq!(after_change(ChangeNumber(3), &at(1, 9), &at(1, 1)), at(1, 3));
        assert_eq!(after_change(ChangeNumber(9), &at(1, 9), &at(1, 1)), at(1, 9));
        assert_eq!(after_change(ChangeNumber(3), b"opaque", &at(1, 1)), at(1, 1));
    }
}
