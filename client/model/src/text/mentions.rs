//! Who a message asks for by `@name`. Knows nothing of members but what it is told name by name.

use std::ops::Range;
use std::str::FromStr;

use raftchat_schema::id::{UserId, Username};

use super::chars::{is_mark, is_unspaced};
use super::markup;

/// The users that `text` mentions outside of code, in order of id: at most
/// [`MENTIONS_MAX`](raftchat_schema::limits::MENTIONS_MAX), the first ones.
///
/// `is_member` is asked for usernames. The longest one that is a member counts, less full stops, hyphens and
/// underscores at its end: `@bob.` is bob unless there is a `bob.`. Capital letters are taken for small ones, as
/// keyboards start a sentence with them.
pub fn resolve(text: &str, is_member: impl Fn(&str) -> Option<UserId>) -> Vec<UserId> {
    markup::parse(text).resolve_mentions(is_member)
}

/// Where in `text` a mention may stand: `@` at the start of a word, and all that could belong to a username after it.
pub fn find(text: &str) -> Vec<Range<usize>> {
    find_after(None, text)
}

/// The same for a text that follows on the character `before`.
pub(super) fn find_after(before: Option<char>, text: &str) -> Vec<Range<usize>> {
    text.match_indices('@').filter_map(|(at, _)| candidate(before, text, at)).collect()
}

/// The member that `written`, which may begin with `@`, names, and how many of its bytes are the mention.
pub(super) fn longest_member(written: &str, is_member: &impl Fn(&str) -> Option<UserId>) -> Option<(UserId, usize)> {
    let sign = written.len() - written.trim_start_matches('@').len();
    let lower = written.to_ascii_lowercase();
    let mut name = lower.get(sign..)?;
    loop {
        let member = Username::from_str(name).ok().and_then(|valid| is_member(valid.as_str()));
        if let Some(user) = member {
            return Some((user, sign + name.len()));
        }
        name = name.strip_suffix(['.', '-', '_'])?;
    }
}

fn candidate(before: Option<char>, text: &str, at: usize) -> Option<Range<usize>> {
    let (left, right) = text.split_at_checked(at)?;
    if left.chars().next_back().or(before).is_some_and(joins_from_left) {
        return None;
    }
    let name = right.get(1..)?;
    let rest = name.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
    let length = name.len() - rest.len();
    // A word that goes on with other letters is another word.
    if length == 0 || rest.chars().next().is_some_and(|c| (c.is_alphanumeric() && !is_unspaced(c)) || is_mark(c)) {
        return None;
    }
    Some(at..at + 1 + length)
}

fn joins_from_left(c: char) -> bool {
    (c.is_alphanumeric() && !is_unspaced(c)) || is_mark(c) || matches!(c, '_' | '@')
}

#[cfg(test)]
mod tests;
