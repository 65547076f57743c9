//! Empty lines and white space at the beginning of lines, which the Markdown parser passes over. Knows nothing of
//! what is in the lines.

use super::document::GAP_MAX;

/// The number of empty lines between the block that begins at `above`, if there is one, and the one that begins at
/// `below`; in a quote those with nothing but its signs.
pub(super) fn empty_lines(source: &str, above: Option<usize>, below: usize) -> usize {
    let Some(above) = above else { return 0 };
    let between = source.get(above..line_start(source, below)).unwrap_or_default();
    let Some(between) = between.strip_suffix('\n') else { return 0 };
    let is_empty = |line: &&str| line.trim_matches(is_blank_or_quote).is_empty();
    between.rsplit('\n').take_while(is_empty).take(GAP_MAX).count()
}

/// The white space in the line before `at`, if nothing else stands there; in a quote, after its signs and the one space
/// that belongs to them.
pub(super) fn indent(source: &str, at: usize, in_quote: bool) -> &str {
    let before = source.get(line_start(source, at)..at).unwrap_or_default();
    let text = before.trim_end_matches([' ', '\t']);
    let white = before.get(text.len()..).unwrap_or_default();
    if text.is_empty() {
        return white;
    }
    if in_quote && text.ends_with('>') && text.trim_matches(is_blank_or_quote).is_empty() {
        return white.strip_prefix(' ').unwrap_or(white);
    }
    ""
}

fn line_start(source: &str, at: usize) -> usize {
    source.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1)
}

fn is_blank_or_quote(c: char) -> bool {
    matches!(c, ' ' | '\t' | '>')
}
