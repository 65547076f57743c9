//! Addresses and names in running text. Knows nothing of Markdown.

use alloc::borrow::ToOwned;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::document::{Role, Span, Style};
use super::link::{self, Link};
use crate::text::mentions;

/// Adds `text`, which follows on `before`, to `spans`, cut where an address or a name begins and ends.
pub(super) fn split(text: &str, style: Style, before: &str, spans: &mut Vec<Span>) {
    let mut cutter = Cutter { text, style, done: 0, spans };
    let mut words_from = 0;
    for (range, target) in link::find(text) {
        cutter.names(words_from, range.start, before);
        let shown = text.get(range.clone()).unwrap_or_default();
        cutter.cut(range.start, range.end, Role::Link(Arc::new(Link::new(&target, shown))));
        words_from = range.end;
    }
    cutter.names(words_from, text.len(), before);
    cutter.words_until(text.len());
}

struct Cutter<'a> {
    text: &'a str,
    style: Style,
    /// Up to here it is in `spans`.
    done: usize,
    spans: &'a mut Vec<Span>,
}

impl Cutter<'_> {
    fn names(&mut self, from: usize, to: usize, before: &str) {
        let part = self.text.get(from..to).unwrap_or_default();
        let before = self.text.get(..from).filter(|left| !left.is_empty()).unwrap_or(before);
        for name in mentions::find_after(before, part) {
            self.cut(from + name.start, from + name.end, Role::Name);
        }
    }

    fn cut(&mut self, start: usize, end: usize, role: Role) {
        self.words_until(start);
        self.push(start, end, role);
    }

    fn words_until(&mut self, end: usize) {
        self.push(self.done, end, Role::Text);
    }

    fn push(&mut self, start: usize, end: usize, role: Role) {
        if let Some(text) = self.text.get(start..end).filter(|text| !text.is_empty()) {
            self.spans.push(Span { text: text.to_owned(), style: self.style, role });
        }
        self.done = end;
    }
}
