//! Addresses that stand in running text, with or without spaces around them. Knows nothing of where they lead.
//!
//! Where a link ends is a guess in scripts without spaces. The guess: addresses are of Latin letters, or of another
//! script from a `/`, `.` or `=` on. So letters that follow without a break on Latin ones belong to the sentence (`https://example.com에서`,
//! `https://example.com/aを見て`), and `https://ja.wikipedia.org/wiki/東京` is whole.

use alloc::vec::Vec;
use core::ops::Range;

use crate::text::chars::{
    is_invisible, is_latin, is_letter_or_number, is_mark, is_of_any_script, is_other_punctuation, is_picture,
    is_unspaced, parts_text, script,
};

/// The most bytes of who is reached and where, so that no text costs more than a look at so much for each sign in it.
const PLACE_BYTES_MAX: usize = 512;

/// An address in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// The range of the text that it takes.
    pub(super) range: Range<usize>,
    pub(super) kind: Kind,
}

/// Ways to write an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// With `http://`, `https://` or `mailto:`.
    Whole,
    /// `www.` and more.
    Web,
    /// A mail address, as `name@host`.
    Mail,
}

/// The addresses in `text`, in order.
pub(super) fn addresses(text: &str) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    let mut done = 0;
    for (at, c) in text.char_indices() {
        if at < done || !matches!(c, ':' | '@' | 'w' | 'W') {
            continue;
        }
        let address = match c {
            ':' => with_scheme(text, done, at),
            '@' => mail(text, done, at),
            _ => web(text, done, at),
        };
        if let Some(address) = address {
            done = address.range.end;
            found.push(address);
        }
    }
    found
}

/// The address with a scheme whose colon is at `colon`.
fn with_scheme(text: &str, done: usize, colon: usize) -> Option<Found> {
    let after = text.get(colon..)?.strip_prefix("://")?;
    let left = text.get(done..colon)?;
    let before = left.trim_end_matches(|c: char| c.is_ascii_alphanumeric());
    let scheme = left.get(before.len()..)?;
    let known = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    if !known || before.ends_with(['@', '+', '-']) {
        return None;
    }
    let start = colon - scheme.len();
    let quoted = before.ends_with('\'');
    let (place, kind) = (place(after)?, Kind::Whole);
    let end = colon + "://".len() + place + tail(after.get(place..)?, quoted);
    Some(Found { range: start..end, kind })
}

/// The address that begins with `www.` at `start`.
fn web(text: &str, done: usize, start: usize) -> Option<Found> {
    let right = text.get(start..)?;
    let named = right.get(..4).is_some_and(|www| www.eq_ignore_ascii_case("www."));
    let left = text.get(done..start)?;
    let letter = left.chars().rev().take(PLACE_BYTES_MAX).find(|c| !is_mark(*c));
    let goes_on = letter.is_some_and(|c| {
        is_latin(c) || c.is_ascii_digit() || matches!(c, '_' | '-' | '.' | '/' | '@' | ':' | '#' | '=')
    });
    if !named || goes_on {
        return None;
    }
    let host = host(right, Needs::Domain)?;
    let place = host + port(right.get(host..)?);
    // At least a name and a domain after `www.`, and no name of somebody at a host.
    let whole = right.get(..host)?.matches('.').count() >= 2 && !right.get(place..)?.starts_with('@');
    let end = start + place + tail(right.get(place..)?, left.ends_with('\''));
    whole.then_some(Found { range: start..end, kind: Kind::Web })
}

/// The mail address whose sign is at `sign`.
fn mail(text: &str, done: usize, sign: usize) -> Option<Found> {
    const SCHEME: &str = "mailto:";
    let left = text.get(done..sign)?;
    let local =
        |c: &char| c.is_ascii_alphanumeric() || is_latin(*c) || is_mark(*c) || ".!#$%&'*+-/=?^_{|}~".contains(*c);
    let taken: usize = left.chars().rev().take_while(local).take(PLACE_BYTES_MAX).map(char::len_utf8).sum();
    let name = left.get(left.len() - taken..)?;
    let name = name.rsplit("..").next()?.trim_start_matches(|c: char| c == '.' || is_mark(c));
    let before = left.get(..left.len() - name.len())?;
    let host = host(text.get(sign + 1..)?, Needs::Domain)?;
    if name.is_empty() || name.ends_with('.') || before.ends_with('@') {
        return None;
    }
    let scheme = before.len().saturating_sub(SCHEME.len());
    let named = before.get(scheme..).is_some_and(|before| before.eq_ignore_ascii_case(SCHEME));
    let (before, kind) = if named { (scheme, Kind::Whole) } else { (before.len(), Kind::Mail) };
    Some(Found { range: done + before..sign + 1 + host, kind })
}

/// The length of the part of `text` that names a place: a user, a host and a port.
fn place(text: &str) -> Option<usize> {
    let in_user = |c: &char| c.is_ascii_alphanumeric() || ".-_~%!$&+=:".contains(*c) || is_latin(*c);
    let user: usize = text.chars().take_while(in_user).take(PLACE_BYTES_MAX).map(char::len_utf8).sum();
    let user = if text.get(user..)?.starts_with('@') { user + 1 } else { 0 };
    let host = user + host(text.get(user..)?, Needs::Nothing)?;
    Some(host + port(text.get(host..)?))
}

/// The parts that a host must have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// A full stop with a domain behind it.
    Domain,
}

/// The length of the part of `text` that is a host.
fn host(text: &str, needs: Needs) -> Option<usize> {
    if let Some(numbers) = text.strip_prefix('[') {
        let end = numbers.find(|c: char| !c.is_ascii_hexdigit() && !matches!(c, ':' | '.'))?;
        let whole = end > 1 && numbers.get(end..)?.starts_with(']') && needs == Needs::Nothing;
        return whole.then_some(end + 2);
    }
    let in_host = |c: &char| is_letter_or_number(*c) || is_mark(*c) || matches!(c, '-' | '.' | '_');
    let in_host = |c: &char| in_host(c) && !is_invisible(*c) && !is_picture_beyond_ascii(*c);
    let length: usize = text.chars().take(PLACE_BYTES_MAX).take_while(in_host).map(char::len_utf8).sum();
    let name = text.get(..length)?;
    let name = name.get(..name.find("..").unwrap_or(length))?.trim_end_matches(['.', '-', '_']);
    let last = name.rfind('.').map_or(0, |dot| dot + 1);
    let name = name.get(..last + of_one_script(name.get(last..)?))?.trim_end_matches(['-', '_']);
    if name.is_empty() || name.starts_with(['.', '-']) {
        return None;
    }
    let (last, dotted) = (name.get(last..)?, last > 0);
    let numbered = name.split('.').all(|label| label.parse::<u8>().is_ok()) && name.matches('.').count() == 3;
    let named = last.chars().count() > 1 && last.chars().take(2).all(char::is_alphabetic);
    let valid = match needs {
        Needs::Domain => dotted && named,
        Needs::Nothing => numbered || if dotted { named } else { name.contains(char::is_alphabetic) },
    };
    valid.then_some(name.len())
}

/// The length of the part of a label that is of the script it begins with: no domain has Latin letters and others.
fn of_one_script(label: &str) -> usize {
    let Some(first) = label.chars().next().filter(|c| is_latin(*c)) else { return label.len() };
    let other = |c: char| !is_of_any_script(c) && script(c) != script(first);
    label.find(other).unwrap_or(label.len())
}

/// The length of the part of `text` that is a port.
fn port(text: &str) -> usize {
    let Some(number) = text.strip_prefix(':') else { return 0 };
    let digits = number.len() - number.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    if (1..=5).contains(&digits) { 1 + digits } else { 0 }
}

/// How much of `text`, which follows on a host, is a path, a query and a fragment. `quoted`: the address is between
/// single quotes.
fn tail(text: &str, quoted: bool) -> usize {
    if !text.starts_with(['/', '?', '#']) {
        return 0;
    }
    let mut open = Brackets::default();
    let mut quote_open = false;
    let mut end = 0;
    let mut before = ' ';
    let mut ends_before = true;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        if never_in_address(c) || (quoted && c == '\'') || ends_tail(before, c, next) || !open.admits(c) {
            break;
        }
        let may_end = match c {
            '?' | '!' | '.' | ',' | ':' | ';' | '*' | '_' | '~' | '(' | '[' | '{' => false,
            '/' => ends_before,
            '\'' => {
                quote_open = !quote_open;
                !quote_open
            }
            _ => !is_other_punctuation(c) && !is_invisible(c),
        };
        if may_end {
            end = at + c.len_utf8();
        }
        (before, ends_before) = (c, may_end);
    }
    end
}

fn never_in_address(c: char) -> bool {
    c.is_whitespace() || c.is_control() || matches!(c, '|' | '"' | '<' | '>' | '`' | '\\')
}

/// True if the text goes on with `c` and the address does not.
fn ends_tail(before: char, c: char, next: Option<char>) -> bool {
    if c.is_ascii() {
        return false;
    }
    // `L’Équipe`, and joiners within words of Persian or Hindi.
    let in_word = is_letter_or_number(before) || is_mark(before);
    match c {
        '\u{2019}' => return !(in_word && next.is_some_and(is_latin)),
        '\u{200C}' | '\u{200D}' => return !(in_word && next.is_some_and(is_letter_or_number)),
        _ => {}
    }
    let glued = before.is_ascii_alphanumeric() || matches!(before, ')' | ']' | '}');
    parts_text(c) || is_invisible(c) || (glued && (is_unspaced(c) || is_picture_beyond_ascii(c)))
}

fn is_picture_beyond_ascii(c: char) -> bool {
    !c.is_ascii() && is_picture(c)
}

/// Brackets that were opened.
#[derive(Default)]
struct Brackets {
    round: usize,
    square: usize,
    curly: usize,
}

impl Brackets {
    /// False for one that closes what was not opened in the address.
    fn admits(&mut self, c: char) -> bool {
        let (count, opens) = match c {
            '(' | ')' => (&mut self.round, c == '('),
            '[' | ']' => (&mut self.square, c == '['),
            '{' | '}' => (&mut self.curly, c == '{'),
            _ => return true,
        };
        let changed = if opens { count.checked_add(1) } else { count.checked_sub(1) };
        *count = changed.unwrap_or_default();
        changed.is_some()
    }
}
