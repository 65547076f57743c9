//! A text as blocks and spans to draw: what a reader makes of it, whatever was written. Knows nothing of markup.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use raftchat_schema::id::UserId;
use raftchat_schema::limits::MENTIONS_MAX;

use super::link::Link;
use crate::text::{mentions, safe};

/// The deepest nesting of markup before a text is shown as it was written. People nest three or four deep.
pub const NESTING_MAX: usize = 32;

/// The most blocks and spans that a text may come to before it is shown as it was written: a window draws each.
pub const PARTS_MAX: usize = 4096;

/// The number of levels of quotes and lists that are told apart; what lies deeper is shown on the last one.
pub const LEVELS_MAX: usize = 3;

/// The most empty lines that are shown between two blocks: a message is not to push all others out of sight.
pub const GAP_MAX: usize = 8;

/// A text as blocks, from top to bottom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// From top to bottom.
    pub blocks: Vec<Block>,
}

/// A part of a document that begins on a line of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The number of empty lines that were written before it, at most [`GAP_MAX`]; none before the first.
    pub gap: usize,
    /// In how many quotes it stands, at most [`LEVELS_MAX`].
    pub quote_level: usize,
    /// In how many lists it stands, at most [`LEVELS_MAX`].
    pub list_level: usize,
    /// The sign before it, as the first block of a list item.
    pub marker: Option<Marker>,
    /// The content that it shows.
    pub content: Content,
}

/// The sign before a list item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marker {
    /// A bullet, whichever sign was typed for it.
    Bullet,
    /// A number, as it was written.
    Number(u64),
}

/// The content of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Running text; line breaks in the spans are line breaks, and outside of lists each line is set in as it was
    /// written.
    Text(Vec<Span>),
    /// Lines of code.
    Code {
        /// The word after the fence.
        language: Option<String>,
        /// The lines, without a line break at the end.
        text: String,
    },
}

/// A piece of running text that looks the same all along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The text that is seen.
    pub text: String,
    /// The look of the text.
    pub style: Style,
    /// The part that it plays.
    pub role: Role,
}

/// The look of a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// Bold, as are headings.
    pub bold: bool,
    /// Italic, as between two signs of emphasis.
    pub italic: bool,
    /// Struck through, as if taken back.
    pub strike: bool,
}

/// The part that a span plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// Words without a meaning of their own.
    Text,
    /// Code within a line.
    Code,
    /// Leads somewhere; several spans may belong to one link.
    Link(Arc<Link>),
    /// `@` and what may be a username; [`Document::resolve_mentions`] tells.
    Name,
    /// `@name` of somebody.
    Mention(UserId),
}

impl Document {
    /// `text` as one paragraph with nothing in it understood.
    pub(super) fn unformatted(text: String) -> Self {
        let span = Span { text, style: Style::default(), role: Role::Text };
        Self {
            blocks: vec![Block {
                gap: 0,
                quote_level: 0,
                list_level: 0,
                marker: None,
                content: Content::Text(vec![span]),
            }],
        }
    }

    /// Makes a [`Role::Mention`] of each [`Role::Name`] that `is_member` knows, and mere text of the others.
    ///
    /// Tells who is mentioned, in order of id: at most [`MENTIONS_MAX`], the first ones; the rest is highlighted only.
    pub fn resolve_mentions(&mut self, is_member: impl Fn(&str) -> Option<UserId>) -> Vec<UserId> {
        let mut users = BTreeSet::new();
        for block in &mut self.blocks {
            let Content::Text(spans) = &mut block.content else { continue };
            let unresolved = core::mem::take(spans);
            for span in unresolved {
                let Role::Name = span.role else {
                    spans.push(span);
                    continue;
                };
                let mention = resolve_span(span, spans, &is_member);
                users.extend(mention.filter(|_| users.len() < MENTIONS_MAX));
            }
        }
        users.into_iter().collect()
    }

    /// What is seen, without styles: for previews and for reading out. A link that deceives is followed by where it
    /// leads.
    pub fn plain(&self) -> String {
        let mut plain = String::new();
        for block in &self.blocks {
            if !plain.is_empty() {
                plain.push('\n');
            }
            plain.extend(core::iter::repeat_n('\n', block.gap));
            plain.push_str(&block.plain());
        }
        plain
    }
}

impl Block {
    /// What ends a change of direction may have been in what is not shown of the markup.
    pub(super) fn balance(&mut self) {
        match &mut self.content {
            Content::Text(spans) => safe::balance(spans.iter_mut().map(|span| &mut span.text)),
            Content::Code { text, .. } => safe::balance(core::iter::once(text)),
        }
    }

    fn plain(&self) -> String {
        let mut line = "> ".repeat(self.quote_level);
        match self.marker {
            Some(Marker::Bullet) => line.push_str("• "),
            Some(Marker::Number(number)) => {
                line.push_str(&number.to_string());
                line.push_str(". ");
            }
            None => {}
        }
        match &self.content {
            Content::Code { text, .. } => line.push_str(text),
            Content::Text(spans) => plain_spans(spans, &mut line),
        }
        line
    }
}

fn plain_spans(spans: &[Span], line: &mut String) {
    for (at, span) in spans.iter().enumerate() {
        line.push_str(&span.text);
        let Role::Link(link) = &span.role else { continue };
        let goes_on =
            spans.get(at + 1).is_some_and(|next| matches!(&next.role, Role::Link(other) if Arc::ptr_eq(other, link)));
        if link.deceives() && !goes_on {
            line.push_str(" (");
            line.push_str(link.target());
            line.push(')');
        }
    }
}

fn resolve_span(span: Span, into: &mut Vec<Span>, is_member: &impl Fn(&str) -> Option<UserId>) -> Option<UserId> {
    let member = mentions::longest_member(&span.text, is_member);
    let Some((user, (name, rest))) = member.and_then(|(user, end)| Some((user, span.text.split_at_checked(end)?)))
    else {
        into.push(Span { role: Role::Text, ..span });
        return None;
    };
    into.push(Span { text: name.to_owned(), style: span.style, role: Role::Mention(user) });
    if !rest.is_empty() {
        into.push(Span { text: rest.to_owned(), style: span.style, role: Role::Text });
    }
    Some(user)
}
