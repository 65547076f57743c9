//! The Markdown parser's events, reduced to our blocks and spans. Knows nothing of what a window makes of them.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};

use super::document::{Block, Content, LEVELS_MAX, Marker, NESTING_MAX, PARTS_MAX, Role, Span, Style};
use super::link::{self, Link};
use super::protect::Protected;
use super::{inline, layout};
use crate::text::chars::is_invisible;

/// The blocks of a document; none if there are too many, or too deep ones.
pub(super) fn reduce(protected: &Protected) -> Option<Vec<Block>> {
    let mut reducer = Reducer::new(protected);
    let events = Parser::new_ext(&protected.source, Options::ENABLE_STRIKETHROUGH).into_offset_iter();
    for (event, range) in events {
        reducer.take(event, range);
        if reducer.is_too_much() {
            return None;
        }
    }
    reducer.end_block();
    Some(reducer.blocks)
}

struct Reducer<'a> {
    protected: &'a Protected,
    blocks: Vec<Block>,
    /// The number of blocks and spans so far.
    parts: usize,
    /// The number of tags that are open.
    depth: usize,
    /// For each open quote and heading, how many blocks there were before it.
    blocks_before: Vec<usize>,
    quotes: usize,
    lists: usize,
    /// The place where the block that is open, or the next one, begins.
    begins: usize,
    /// The place where the last one began.
    began: Option<usize>,
    /// A block or a line of it begins with what comes next.
    line_begins: bool,
    /// Of a list item that has shown nothing yet.
    marker: Option<Marker>,
    emphasis: Emphasis,
    /// Of the block that is open.
    spans: Vec<Span>,
    /// Of the span that is open, not yet restored.
    run: String,
    links: Vec<OpenLink>,
    fence: Option<Fence>,
}

/// The number of times that each style is on.
#[derive(Clone, Copy, Default)]
struct Emphasis {
    bold: usize,
    italic: usize,
    strike: usize,
}

enum OpenLink {
    /// Leads to `target`; its first span is at `from`.
    Leads { target: String, from: usize },
    /// Is shown as it was written, with `ending` at its end.
    Written { ending: String },
}

struct Fence {
    info: String,
    text: String,
}

impl<'a> Reducer<'a> {
    fn new(protected: &'a Protected) -> Self {
        Self {
            protected,
            blocks: Vec::new(),
            parts: 0,
            depth: 0,
            blocks_before: Vec::new(),
            quotes: 0,
            lists: 0,
            begins: 0,
            began: None,
            line_begins: true,
            marker: None,
            emphasis: Emphasis::default(),
            spans: Vec::new(),
            run: String::new(),
            links: Vec::new(),
            fence: None,
        }
    }

    fn take(&mut self, event: Event<'_>, range: Range<usize>) {
        let written = self.protected.source.get(range.clone()).unwrap_or_default();
        self.lay_out(&event, range.start);
        match event {
            Event::Start(tag) => {
                self.depth += 1;
                self.start(tag, written);
            }
            Event::End(tag) => {
                self.depth = self.depth.saturating_sub(1);
                self.end(tag, written);
            }
            Event::Text(text) => self.text(&text, written),
            Event::Code(code) => self.code(&code),
            Event::Html(html) | Event::InlineHtml(html) => self.run.push_str(&html),
            Event::SoftBreak | Event::HardBreak => {
                self.run.push('\n');
                self.line_begins = true;
            }
            Event::Rule => {
                self.end_block();
                self.run.push_str(written.trim());
                self.end_block();
            }
            Event::InlineMath(_) | Event::DisplayMath(_) | Event::FootnoteReference(_) | Event::TaskListMarker(_) => {
                self.run.push_str(written);
            }
        }
    }

    /// Notes where a block begins, and sets its lines in as they were written. In a list it is the list that is set in.
    fn lay_out(&mut self, event: &Event<'_>, start: usize) {
        if matches!(event, Event::End(_) | Event::SoftBreak | Event::HardBreak) || self.fence.is_some() {
            return;
        }
        if self.run.is_empty() && self.spans.is_empty() {
            self.begins = start;
            self.line_begins = true;
        }
        let shows = match event {
            Event::Start(tag) => {
                matches!(tag, Tag::Emphasis | Tag::Strong | Tag::Strikethrough | Tag::Link { .. } | Tag::Image { .. })
            }
            other => !matches!(other, Event::Rule),
        };
        if shows && core::mem::take(&mut self.line_begins) && self.lists == 0 {
            let indent = layout::indent(&self.protected.source, start, self.quotes > 0);
            self.run.push_str(indent);
        }
    }

    fn is_too_much(&self) -> bool {
        self.depth > NESTING_MAX || self.parts + self.spans.len() > PARTS_MAX
    }

    fn start(&mut self, tag: Tag<'_>, written: &str) {
        match tag {
            Tag::Emphasis | Tag::Strong | Tag::Strikethrough => self.change_emphasis(tag.to_end(), |on| on + 1),
            Tag::Link { link_type, dest_url, title, .. } => self.open_link(link_type, &dest_url, &title),
            Tag::Image { dest_url, title, .. } => {
                self.run.push_str("![");
                self.links.push(OpenLink::Written { ending: ending(&dest_url, &title) });
            }
            Tag::BlockQuote(_) => {
                self.end_block();
                self.blocks_before.push(self.blocks.len());
                self.quotes += 1;
            }
            Tag::List(_) => {
                self.end_item();
                self.lists += 1;
            }
            Tag::Item => {
                self.end_block();
                self.marker = Some(marker(written));
            }
            Tag::Heading { .. } => {
                self.end_block();
                self.blocks_before.push(self.blocks.len());
                self.emphasis.bold += usize::from(is_hash_heading(written));
            }
            Tag::CodeBlock(CodeBlockKind::Fenced(info)) => {
                self.end_block();
                self.fence = Some(Fence { info: info.to_string(), text: String::new() });
            }
            _ => self.end_block(),
        }
    }

    fn end(&mut self, tag: TagEnd, written: &str) {
        match tag {
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => {
                self.change_emphasis(tag, |on| on.saturating_sub(1));
            }
            TagEnd::Link | TagEnd::Image => self.close_link(),
            TagEnd::BlockQuote(_) => {
                self.end_block();
                self.quotes = self.quotes.saturating_sub(1);
                self.end_container(written);
            }
            TagEnd::List(_) => {
                self.end_block();
                self.lists = self.lists.saturating_sub(1);
            }
            TagEnd::Item => self.end_item(),
            TagEnd::Heading(_) => self.end_heading(written),
            TagEnd::CodeBlock => self.end_code(written),
            _ => self.end_block(),
        }
    }

    fn text(&mut self, text: &str, written: &str) {
        match &mut self.fence {
            Some(fence) => fence.text.push_str(text),
            // What stands for a character is shown as it was written: it could stand for one that hides others.
            None if written.starts_with('&') && written.ends_with(';') => self.run.push_str(written),
            None => {
                self.run.push_str(text);
                // Lines that are set in come whole, with their ends.
                self.line_begins = text.ends_with('\n');
            }
        }
    }

    fn code(&mut self, code: &str) {
        self.end_run();
        let text = self.protected.restore(code);
        self.spans.push(Span { text, style: self.emphasis.style(), role: Role::Code });
    }

    fn change_emphasis(&mut self, tag: TagEnd, change: impl Fn(usize) -> usize) {
        self.end_run();
        let count = match tag {
            TagEnd::Strong => &mut self.emphasis.bold,
            TagEnd::Emphasis => &mut self.emphasis.italic,
            _ => &mut self.emphasis.strike,
        };
        *count = change(*count);
    }

    fn open_link(&mut self, kind: LinkType, target: &str, title: &str) {
        let target = self.protected.restore(target);
        let target = if kind == LinkType::Email { format!("mailto:{target}") } else { target };
        let angled = matches!(kind, LinkType::Autolink | LinkType::Email);
        if title.is_empty() && link::allowed(&target) {
            self.end_run();
            self.links.push(OpenLink::Leads { target, from: self.spans.len() });
            return;
        }
        self.run.push(if angled { '<' } else { '[' });
        let ending = if angled { ">".to_owned() } else { ending(&target, title) };
        self.links.push(OpenLink::Written { ending });
    }

    fn close_link(&mut self) {
        match self.links.last() {
            Some(OpenLink::Written { ending }) => self.run.push_str(ending),
            _ => self.end_run(),
        }
        let Some(OpenLink::Leads { target, from }) = self.links.pop() else { return };
        let spans = self.spans.get_mut(from..).unwrap_or_default();
        let shown: String = spans.iter().map(|span| span.text.as_str()).collect();
        if shown.chars().all(|c| c.is_whitespace() || is_invisible(c)) {
            self.run.extend(["[", shown.as_str(), &ending(&target, "")]);
            self.spans.truncate(from);
            return;
        }
        let link = Arc::new(Link::new(&target, &shown));
        for span in spans {
            span.role = Role::Link(Arc::clone(&link));
        }
    }

    fn end_run(&mut self) {
        let text = self.protected.restore(&core::mem::take(&mut self.run));
        let style = self.emphasis.style();
        if self.links.iter().any(|link| matches!(link, OpenLink::Leads { .. })) {
            self.spans.extend((!text.is_empty()).then_some(Span { text, style, role: Role::Text }));
            return;
        }
        let before = self.spans.last().map(|span| span.text.clone()).unwrap_or_default();
        inline::split(&text, style, &before, &mut self.spans);
    }

    fn end_block(&mut self) {
        self.end_run();
        let spans = without_outer_breaks(core::mem::take(&mut self.spans));
        if !spans.is_empty() {
            self.push(Content::Text(spans));
        }
    }

    fn end_item(&mut self) {
        self.end_block();
        if self.marker.is_some() {
            self.push(Content::Text(Vec::new()));
        }
    }

    /// A quote or heading of nothing is shown as it was written.
    fn end_container(&mut self, written: &str) {
        if self.blocks_before.pop() == Some(self.blocks.len()) {
            self.run.push_str(written.trim());
            self.end_block();
        }
    }

    /// A line under a text is seldom meant to make a heading of it in a chat.
    fn end_heading(&mut self, written: &str) {
        if is_hash_heading(written) {
            self.end_block();
            self.emphasis.bold = self.emphasis.bold.saturating_sub(1);
            self.end_container(written);
            return;
        }
        let text = written.trim_end();
        let underline = text.get(text.trim_end_matches(['-', '=']).len()..).unwrap_or_default();
        self.run.push('\n');
        self.run.push_str(underline);
        self.end_block();
        self.end_container(written);
    }

    fn end_code(&mut self, written: &str) {
        let Some(Fence { info, text }) = self.fence.take() else {
            self.end_block();
            return;
        };
        if text.trim().is_empty() {
            self.run.push_str(written.trim());
            self.end_block();
            return;
        }
        let text = self.protected.restore(text.trim_end_matches('\n'));
        let info = self.protected.restore(info.trim());
        let is_word = |c: char| c.is_alphanumeric() || matches!(c, '+' | '-' | '#' | '.' | '_');
        let content = if info.is_empty() {
            Content::Code { language: None, text }
        } else if info.chars().all(is_word) {
            Content::Code { language: Some(info), text }
        } else {
            // More than a word is no language but a line of its own.
            Content::Code { language: None, text: format!("{info}\n{text}") }
        };
        self.push(content);
    }

    fn push(&mut self, content: Content) {
        self.parts += 1;
        if let Content::Text(spans) = &content {
            self.parts += spans.len();
        }
        let gap = layout::empty_lines(&self.protected.source, self.began, self.begins);
        self.began = Some(self.begins);
        self.blocks.push(Block {
            gap,
            quote_level: self.quotes.min(LEVELS_MAX),
            list_level: self.lists.min(LEVELS_MAX),
            marker: self.marker.take(),
            content,
        });
    }
}

impl Emphasis {
    fn style(self) -> Style {
        Style { bold: self.bold > 0, italic: self.italic > 0, strike: self.strike > 0 }
    }
}

/// The end of `[text](target "title")`.
fn ending(target: &str, title: &str) -> String {
    if title.is_empty() { format!("]({target})") } else { format!("]({target} \"{title}\")") }
}

/// The marker at the start of a list item. If part of a tab belongs to what is around the item, the parser's range
/// begins too early: with the sign of a quote, or the end of the line before.
fn marker(item: &str) -> Marker {
    let item = item.trim_start_matches(|c: char| c.is_whitespace() || c == '>');
    let digits = item.len() - item.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    item.get(..digits).and_then(|number| number.parse().ok()).map_or(Marker::Bullet, Marker::Number)
}

fn is_hash_heading(written: &str) -> bool {
    written.trim_start().starts_with('#')
}

fn without_outer_breaks(mut spans: Vec<Span>) -> Vec<Span> {
    if let Some(first) = spans.first_mut() {
        first.text = first.text.trim_start_matches('\n').to_owned();
    }
    if let Some(last) = spans.last_mut() {
        last.text.truncate(last.text.trim_end_matches('\n').len());
    }
    spans.retain(|span| !span.text.is_empty());
    spans
}
