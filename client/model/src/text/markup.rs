//! A safe subset of Markdown, as blocks and spans to draw. Knows nothing of fonts, colours or windows.

mod document;
mod inline;
mod layout;
mod link;
mod protect;
mod reduce;

use alloc::vec::Vec;

use raftchat_schema::id::UserId;
use raftchat_schema::limits::TEXT_BYTES_MAX;

use super::safe;
pub use document::{Block, Content, Document, GAP_MAX, LEVELS_MAX, Marker, NESTING_MAX, PARTS_MAX, Role, Span, Style};
pub use link::Link;

/// The document that `text` describes. What is no markup of ours is shown as it was written, and so is a text that is
/// longer than a message or that nests too deep.
pub fn parse(text: &str) -> Document {
    let text = safe::body(text);
    // The parser's white space is ASCII's.
    if text.trim().is_empty() {
        return Document::default();
    }
    if text.len() > TEXT_BYTES_MAX || nests_too_deep(&text) {
        return Document::unformatted(text);
    }
    let reduced = protect::Protected::new(&text).and_then(|protected| reduce::reduce(&protected));
    let Some(mut blocks) = reduced else { return Document::unformatted(text) };
    if safe::changes_direction(&text) {
        blocks.iter_mut().for_each(Block::balance);
    }
    Document { blocks }
}

/// The users that `text` mentions outside of code, in order of id: at most
/// [`MENTIONS_MAX`](raftchat_schema::limits::MENTIONS_MAX), the first ones.
///
/// `is_member` is asked for usernames. The longest one that is a member counts, less full stops, hyphens and
/// underscores at its end: `@bob.` is bob unless there is a `bob.`. Capital letters are taken for small ones, as
/// keyboards start a sentence with them, and full-width ones for narrow ones.
///
/// Names are of Latin letters, so that a word of Latin letters goes on with them and any other letter does not: people
/// write `@bob님`, `@bobさん`, `ל@bob`, and `👍@bob` without a space.
pub fn mentioned(text: &str, is_member: impl Fn(&str) -> Option<UserId>) -> Vec<UserId> {
    parse(text).resolve_mentions(is_member)
}

/// True if some line opens more quotes and lists than may nest: found before parsing, because the parser looks at all
/// of them again on each line that follows.
fn nests_too_deep(text: &str) -> bool {
    text.lines().any(|line| {
        let markers = line
            .chars()
            .take_while(|c| c.is_ascii_digit() || matches!(c, ' ' | '\t' | '>' | '-' | '+' | '*' | '.' | ')'));
        let mut before = ' ';
        let mut opened = 0_usize;
        for c in markers {
            let item = matches!(c, ' ' | '\t') && matches!(before, '-' | '+' | '*' | '.' | ')');
            opened += usize::from(c == '>' || item);
            before = c;
        }
        opened > NESTING_MAX
    })
}

#[cfg(test)]
mod tests;
