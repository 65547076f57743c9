//! Who a message asks for by `@name`. Knows nothing of members but what it is told name by name.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use core::str::FromStr;

use raftchat_schema::id::{UserId, Username};

use super::chars::{EMOJI_STYLE, WORD_BREAK, is_blank_letter, is_invisible, is_latin, is_mark};

/// The number of characters that are looked at to see what a word begins with: marks and what is not seen. No language has
/// more of them.
const LOOK_BACK_MAX: usize = 64;

/// Ranges of `text` in which a mention may stand: `@` at the start of a word, and all that could belong to a username after it.
pub fn find(text: &str) -> Vec<Range<usize>> {
    find_after("", text)
}

/// The ranges that [`find`] gives, for a text that follows on `before`.
pub(super) fn find_after(before: &str, text: &str) -> Vec<Range<usize>> {
    text.match_indices(is_sign).filter_map(|(at, sign)| candidate(before, text, at, sign)).collect()
}

/// The member that `written`, which may begin with `@`, names, and how many of its bytes are the mention.
pub(super) fn longest_member(written: &str, is_member: &impl Fn(&str) -> Option<UserId>) -> Option<(UserId, usize)> {
    let after_sign = written.trim_start_matches(is_sign);
    let sign = written.len() - after_sign.len();
    let lower: String = after_sign.chars().map(|c| of_name(c).unwrap_or(c)).collect();
    let mut name = lower.as_str();
    loop {
        let member = Username::from_str(name).ok().and_then(|valid| is_member(valid.as_str()));
        if let Some(user) = member {
            let length = name.chars().count();
            let bytes: usize = after_sign.chars().take(length).map(char::len_utf8).sum();
            return Some((user, sign + bytes));
        }
        name = name.strip_suffix(['.', '-', '_'])?;
    }
}

fn candidate(before: &str, text: &str, at: usize, sign: &str) -> Option<Range<usize>> {
    let (left, right) = text.split_at_checked(at)?;
    if goes_on_from(left.chars().rev().chain(before.chars().rev())) {
        return None;
    }
    let name = right.get(sign.len()..)?;
    let rest = name.trim_start_matches(|c| of_name(c).is_some());
    let length = name.len() - rest.len();
    if length == 0 || goes_on_with(rest) {
        return None;
    }
    Some(at..at + sign.len() + length)
}

/// `@` as it is on a keyboard, full-width and small.
fn is_sign(c: char) -> bool {
    matches!(c, '@' | '＠' | '﹫')
}

/// The character that stands for `c` in a username, if it may be in one.
fn of_name(c: char) -> Option<char> {
    let narrow = match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0)?,
        _ => c,
    };
    let may_be = narrow.is_ascii_alphanumeric() || matches!(narrow, '.' | '_' | '-');
    may_be.then(|| narrow.to_ascii_lowercase())
}

/// True if what stands on the left, from its end on, is a word that the sign would be in the middle of, as in a mail
/// address.
fn goes_on_from(left: impl Iterator<Item = char>) -> bool {
    for c in left.take(LOOK_BACK_MAX) {
        // Emoji are no words, not even `1️⃣`.
        if matches!(c, EMOJI_STYLE | '\u{20E3}' | WORD_BREAK) || is_blank_letter(c) {
            return false;
        }
        // A mark belongs to the letter that it is put on.
        if !is_mark(c) && !is_invisible(c) {
            return is_sign(c) || of_name(c).is_some_and(|c| !matches!(c, '.' | '-')) || is_latin(c);
        }
    }
    false
}

/// True if a word goes on with `rest`: then it is another word.
fn goes_on_with(rest: &str) -> bool {
    let seen = rest.chars().find(|c| *c == WORD_BREAK || is_blank_letter(*c) || !is_invisible(*c));
    seen.is_some_and(|c| is_latin(c) || (is_mark(c) && !is_blank_letter(c)))
}

#[cfg(test)]
mod tests;
