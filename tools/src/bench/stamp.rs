//! Texts that say when they were sent. Knows nothing of who sends them.

use std::time::Duration;

/// Digits at the beginning of a text.
const STAMP_DIGITS: usize = 20;

/// A text of `size` bytes, or a little more, that begins with the moment it was sent.
pub(super) fn stamped(since_start: Duration, size: usize) -> String {
    let stamp = since_start.as_nanos();
    let rest = size.saturating_sub(STAMP_DIGITS);
    format!("{stamp:0STAMP_DIGITS$}{:x<rest$}", "")
}

/// When a text was sent; none if it does not say so.
pub(super) fn sent_at(text: &str) -> Option<Duration> {
    Some(Duration::from_nanos(text.get(..STAMP_DIGITS)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_carries_its_moment() {
        let moment = Duration::new(3, 42);
        let text = stamped(moment, 200);
        assert_eq!((text.len(), sent_at(&text)), (200, Some(moment)));
        assert_eq!(stamped(moment, 0).len(), STAMP_DIGITS);
        assert_eq!(sent_at("hello"), None);
    }
}
