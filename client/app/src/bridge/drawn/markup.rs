//! What a message says as blocks that the window can draw. Every character that could be read as markup is escaped:
//! nothing that was written can become a style that our own parser did not see.

use raftchat_model::text::markup::{self, Block, Content, Marker, Role, Span};
use raftchat_model::text::safe;
use raftchat_schema::id::UserId;
use slint::{ModelRc, StyledText, VecModel};
use unicode_segmentation::UnicodeSegmentation;

use crate::fonts;
use crate::ui::{BlockKind, TextBlock};

/// The blocks of a message; who is mentioned stands out.
pub(crate) fn blocks(text: &str, is_known: impl Fn(&str) -> Option<UserId>) -> ModelRc<TextBlock> {
    let mut document = markup::parse(&fonts::visible(text));
    document.resolve_mentions(is_known);
    let mut blocks: Vec<TextBlock> = Vec::new();
    let mut running = Running::default();
    for block in &document.blocks {
        match &block.content {
            Content::Code { text, .. } => {
                running.end(&mut blocks);
                blocks.push(TextBlock { kind: BlockKind::Code, styled: StyledText::default(), plain: text.into() });
            }
            Content::Text(spans) => {
                if running.quoted != (block.quote_level > 0) {
                    running.end(&mut blocks);
                    running.quoted = block.quote_level > 0;
                }
                running.add(block, spans);
            }
        }
    }
    running.end(&mut blocks);
    ModelRc::new(VecModel::from(blocks))
}

/// The targets of the first `limit` of its links.
pub(crate) fn links(text: &str, limit: usize) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let document = markup::parse(text);
    let spans = document.blocks.iter().filter_map(|block| match &block.content {
        Content::Text(spans) => Some(spans),
        Content::Code { .. } => None,
    });
    for span in spans.flatten() {
        if let Role::Link(link) = &span.role {
            let target = plain_target(link.target());
            if !found.contains(&target) {
                found.push(target);
            }
        }
        if found.len() >= limit {
            break;
        }
    }
    found
}

/// The address without what would end it in the window's markup.
fn plain_target(target: &str) -> String {
    target.chars().filter(|c| !matches!(c, '<' | '>' | '\\' | '\n')).collect()
}

/// A text in one line, of at most `limit` letters.
pub(crate) fn line(text: &str, limit: usize) -> String {
    fonts::visible(&safe::one_line(text, limit)).into_owned()
}

/// The words of a message in one line, with `ranges` in bold.
pub(crate) fn highlighted(text: &str, ranges: &[std::ops::Range<usize>]) -> StyledText {
    let mut markdown = String::new();
    let mut end = 0;
    for range in ranges {
        let (Some(before), Some(found)) = (text.get(end..range.start), text.get(range.clone())) else { continue };
        escape_into(&mut markdown, before);
        markdown.push_str("<u>");
        escape_into(&mut markdown, found);
        markdown.push_str("</u>");
        end = range.end;
    }
    escape_into(&mut markdown, text.get(end..).unwrap_or_default());
    StyledText::from_markdown(&markdown).unwrap_or_else(|_| StyledText::from_plain_text(text))
}

/// The text if it is one to three emoji and nothing else: it is drawn large.
pub(crate) fn large(text: &str) -> Option<&str> {
    let text = text.trim();
    let small = text.len() <= 96 && !text.is_empty();
    let emoji = |grapheme: &str| grapheme.chars().any(is_emoji);
    (small && text.graphemes(true).count() <= 3 && text.graphemes(true).all(emoji)).then_some(text)
}

fn is_emoji(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27bf}' | '\u{1f000}'..='\u{1faff}' | '\u{2b00}'..='\u{2bff}' | '\u{231a}'..='\u{23ff}')
}

/// Paragraphs that are drawn as one text.
#[derive(Default)]
struct Running {
    markdown: String,
    plain: String,
    quoted: bool,
}

impl Running {
    fn add(&mut self, block: &Block, spans: &[Span]) {
        if !self.markdown.is_empty() {
            // An empty line is a paragraph of a space: Markdown knows no other.
            self.markdown.extend(std::iter::repeat_n("\n\n\u{a0}", block.gap));
            self.plain.extend(std::iter::repeat_n('\n', block.gap));
            // Paragraphs of a list stand closer together than others.
            let gap = if block.marker.is_some() && block.gap == 0 { "\n" } else { "\n\n" };
            self.markdown.push_str(gap);
            self.plain.push('\n');
        }
        for _ in 1..block.list_level.max(1) {
            self.markdown.push_str("\u{a0}\u{a0}\u{a0}\u{a0}");
        }
        match block.marker {
            Some(Marker::Bullet) => self.markdown.push_str("•\u{a0} "),
            Some(Marker::Number(number)) => self.markdown.extend([number.to_string().as_str(), "\\.\u{a0}"]),
            None => {}
        }
        for span in spans {
            self.add_span(span);
        }
    }

    fn add_span(&mut self, span: &Span) {
        self.plain.push_str(&span.text);
        let style = [(span.style.bold, "**"), (span.style.italic, "*"), (span.style.strike, "~~")];
        let marks: Vec<&str> = style.into_iter().filter_map(|(on, mark)| on.then_some(mark)).collect();
        // Marks must stand at words, not at spaces: else they are read as letters.
        let words = span.text.trim();
        let lead = span.text.get(..span.text.len() - span.text.trim_start().len()).unwrap_or_default();
        let tail = span.text.get(span.text.trim_end().len()..).unwrap_or_default();
        escape_into(&mut self.markdown, lead);
        if words.is_empty() {
            return;
        }
        self.markdown.extend(marks.iter().copied());
        match &span.role {
            Role::Text | Role::Name => escape_into(&mut self.markdown, words),
            Role::Code => self.code(words),
            Role::Mention(_) => {
                self.markdown.push_str("**");
                escape_into(&mut self.markdown, words);
                self.markdown.push_str("**");
            }
            Role::Link(link) => self.link(words, link.target(), link.deceives()),
        }
        self.markdown.extend(marks.iter().rev().copied());
        escape_into(&mut self.markdown, tail);
    }

    fn code(&mut self, words: &str) {
        // Back-quotes within are replaced by a letter that looks the same.
        let words = words.replace('`', "\u{2cb}").replace('\n', " ");
        self.markdown.extend(["`", &words, "`"]);
    }

    fn link(&mut self, words: &str, target: &str, deceives: bool) {
        self.markdown.push('[');
        escape_into(&mut self.markdown, words);
        let target = plain_target(target);
        self.markdown.extend(["](<", &target, ">)"]);
        if deceives {
            self.markdown.push_str(" \\(");
            escape_into(&mut self.markdown, &target);
            self.markdown.push_str("\\)");
        }
    }

    fn end(&mut self, blocks: &mut Vec<TextBlock>) {
        if self.markdown.is_empty() {
            return;
        }
        let kind = if self.quoted { BlockKind::Quote } else { BlockKind::Text };
        let styled =
            StyledText::from_markdown(&self.markdown).unwrap_or_else(|_| StyledText::from_plain_text(&self.plain));
        blocks.push(TextBlock { kind, styled, plain: self.plain.as_str().into() });
        self.markdown.clear();
        self.plain.clear();
    }
}

/// Adds `text` so that it is read as it stands.
fn escape_into(markdown: &mut String, text: &str) {
    let mut line_begins = markdown.is_empty() || markdown.ends_with('\n');
    for c in text.chars() {
        match c {
            '\n' => markdown.push_str("  \n"),
            // Spaces at the beginning of a line mean something.
            ' ' if line_begins => markdown.push('\u{a0}'),
            '\t' if line_begins => markdown.push_str("\u{a0}\u{a0}\u{a0}\u{a0}"),
            c if c.is_ascii_punctuation() => {
                markdown.push('\\');
                markdown.push(c);
            }
            c => markdown.push(c),
        }
        line_begins = c == '\n' || (line_begins && matches!(c, ' ' | '\t'));
    }
}
