//! Where a link leads, and whether it says so. Knows nothing of opening it.

mod find;

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use unicode_normalization::UnicodeNormalization;

use crate::text::chars::is_invisible;

/// The address that a link leads to, and whether its text hides that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    target: String,
    deceives: bool,
}

impl Link {
    /// A link to `target` that is seen as `shown`.
    pub(super) fn new(target: &str, shown: &str) -> Self {
        let deceives = hides_host(target) || shows_another(target, shown);
        Self { target: target.to_owned(), deceives }
    }

    /// The address it leads to: `http`, `https` or `mailto`.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// True if its text looks like another address than the one it leads to: show [`Link::target`] beside it.
    pub fn deceives(&self) -> bool {
        self.deceives
    }
}

/// True if a link may lead to `target`.
pub(super) fn allowed(target: &str) -> bool {
    let Some((scheme, rest)) = target.split_once(':') else { return false };
    let leads = match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" => rest.starts_with("//") && !address(target).host.is_empty(),
        "mailto" => !rest.is_empty(),
        _ => false,
    };
    leads && is_clean(target)
}

/// True if nothing in it is hidden or could end it early. Words of Persian and Hindi have joiners in them, and so may a
/// path; a host would only look like another one with them.
fn is_clean(target: &str) -> bool {
    let rest = target.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.find('/').and_then(|at| rest.get(at..)).unwrap_or_default();
    let place = target.len() - path.len();
    !target.char_indices().any(|(at, c)| {
        let joiner = matches!(c, '\u{200C}' | '\u{200D}') && at > place;
        c.is_whitespace() || c.is_control() || (is_invisible(c) && !joiner) || matches!(c, '\\' | '<' | '>' | '"' | '`')
    })
}

/// The addresses that stand in `text` as they are, and what each leads to.
pub(super) fn find(text: &str) -> Vec<(Range<usize>, String)> {
    let addresses = find::addresses(text).into_iter();
    let with_targets = addresses.filter_map(|found| {
        let shown = text.get(found.range.clone())?;
        let target = match found.kind {
            find::Kind::Whole => shown.to_owned(),
            find::Kind::Web => format!("https://{shown}"),
            find::Kind::Mail => format!("mailto:{shown}"),
        };
        Some((found.range, target))
    });
    with_targets.filter(|(_, target)| allowed(target)).collect()
}

/// The user, host and port that an address reaches.
#[derive(PartialEq, Eq)]
struct Address {
    user: Option<String>,
    host: String,
}

/// The address that a browser would see in `text`.
fn address(text: &str) -> Address {
    let (mail, rest) = match text.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto") => (true, rest),
        _ => (false, text.split_once("://").map_or(text, |(_, rest)| rest)),
    };
    let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let (user, place) = authority.rsplit_once('@').map_or((None, authority), |(user, place)| (Some(user), place));
    let mail = mail || (user.is_some() && !text.contains("://"));
    let name = match place.split_once(']') {
        Some((numbers, _)) => numbers,
        None => place.split(':').next().unwrap_or_default(),
    };
    let name = name.trim_end_matches('.').to_lowercase();
    Address {
        user: user.filter(|_| mail).map(str::to_lowercase),
        host: name.strip_prefix("www.").unwrap_or(&name).to_owned(),
    }
}

/// `https://bank.example@evil.example` leads to the latter.
fn hides_host(target: &str) -> bool {
    target
        .split_once("://")
        .is_some_and(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default().contains('@'))
}

fn shows_another(target: &str, shown: &str) -> bool {
    let leads_to = address(target);
    let visible: String = shown.nfkc().filter(|c| !is_invisible(*c)).map(|c| if c == '。' { '.' } else { c }).collect();
    visible
        .split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '<' | '>' | '"' | '\'' | '“' | '”' | ',' | ';'))
        .filter(|word| looks_like_address(word))
        .map(address)
        .any(|seen| seen.host != leads_to.host || (seen.user.is_some() && seen.user != leads_to.user))
}

fn looks_like_address(word: &str) -> bool {
    if word.contains("://") {
        return true;
    }
    let host = address(word).host;
    let labels: Vec<&str> = host.split('.').collect();
    let (Some(last), true) = (labels.last(), labels.len() > 1) else { return false };
    let named = last.chars().count() > 1 && last.chars().all(char::is_alphabetic) || last.starts_with("xn--");
    let numbered = labels.len() == 4 && labels.iter().all(|label| label.parse::<u8>().is_ok());
    (named || numbered)
        && labels.iter().all(|label| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-'))
}
