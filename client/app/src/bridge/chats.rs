//! The list of conversations: sorted, filtered, and changed row by row. Knows nothing of the open one.

use std::collections::BTreeMap;
use std::rc::Rc;

use raftchat_model::{Body, ChatId, ChatSummary, Preview};
use slint::{Model, ModelRc, VecModel};

use super::drawn::bubble::{self, number};
use super::drawn::phrases::Phrases;
use super::drawn::{face, ids};
use crate::ui::ChatRow;

/// All conversations, and the rows that are shown of them.
#[derive(Default)]
pub(super) struct ChatList {
    summaries: BTreeMap<ChatId, ChatSummary>,
    typing: BTreeMap<ChatId, Vec<String>>,
    shown: Vec<ChatId>,
    rows: Rc<VecModel<ChatRow>>,
    query: String,
}

impl ChatList {
    /// The rows, for the window.
    pub(super) fn rows(&self) -> ModelRc<ChatRow> {
        ModelRc::from(self.rows.clone())
    }

    /// One of the conversations.
    pub(super) fn get(&self, chat: ChatId) -> Option<&ChatSummary> {
        self.summaries.get(&chat)
    }

    /// The names of those who write there.
    pub(super) fn typing(&self, chat: ChatId) -> &[String] {
        self.typing.get(&chat).map_or(&[], Vec::as_slice)
    }

    /// Takes a new or changed conversation.
    pub(super) fn put(&mut self, summary: ChatSummary) {
        self.summaries.insert(summary.chat, summary);
    }

    /// Takes note of who is writing.
    pub(super) fn set_typing(&mut self, chat: ChatId, names: Vec<String>) {
        if names.is_empty() {
            self.typing.remove(&chat);
        } else {
            self.typing.insert(chat, names);
        }
    }

    /// A conversation is gone.
    pub(super) fn remove(&mut self, chat: ChatId) {
        self.summaries.remove(&chat);
        self.typing.remove(&chat);
    }

    /// A conversation has another name from now on.
    pub(super) fn rename(&mut self, from: ChatId, to: ChatId) {
        if let Some(mut summary) = self.summaries.remove(&from) {
            summary.chat = to;
            self.summaries.entry(to).or_insert(summary);
        }
        if let Some(names) = self.typing.remove(&from) {
            self.typing.insert(to, names);
        }
    }

    /// Nobody is logged in any more.
    pub(super) fn clear(&mut self) {
        self.summaries.clear();
        self.typing.clear();
    }

    /// Shows only what is called like this.
    pub(super) fn set_query(&mut self, query: &str) {
        self.query = query.trim().to_lowercase();
    }

    /// The conversation `by` rows below `from` in the list.
    pub(super) fn step(&self, from: Option<ChatId>, by: isize) -> Option<ChatId> {
        let at = from.and_then(|from| self.shown.iter().position(|chat| *chat == from));
        let next = at.map_or(0, |at| at.saturating_add_signed(by));
        self.shown.get(next.min(self.shown.len().saturating_sub(1))).copied()
    }

    /// The rows of those called like `query`, best first: for the switcher.
    pub(super) fn matching(&self, query: &str, phrases: &Phrases) -> Vec<ChatRow> {
        let query = query.trim().to_lowercase();
        let found = self.order(&query);
        found
            .iter()
            .take(30)
            .filter_map(|chat| self.summaries.get(chat))
            .map(|summary| self.row(summary, phrases))
            .collect()
    }

    /// Brings the rows up to date: each one that differs is set, moved, added or taken away by itself.
    pub(super) fn settle(&mut self, phrases: &Phrases) {
        let order = self.order(&self.query);
        for (at, chat) in order.iter().enumerate() {
            let Some(summary) = self.summaries.get(chat) else { continue };
            let row = self.row(summary, phrases);
            if self.shown.get(at) != Some(chat) {
                if let Some(old) = self.shown.iter().skip(at).position(|shown| shown == chat).map(|found| found + at) {
                    self.shown.remove(old);
                    self.rows.remove(old);
                }
                self.shown.insert(at, *chat);
                self.rows.insert(at, row);
            } else if self.rows.row_data(at).as_ref() != Some(&row) {
                self.rows.set_row_data(at, row);
            }
        }
        while self.shown.len() > order.len() {
            self.shown.pop();
            self.rows.remove(self.shown.len());
        }
    }

    fn order(&self, query: &str) -> Vec<ChatId> {
        let matches = |summary: &&ChatSummary| query.is_empty() || summary.title.to_lowercase().contains(query);
        let mut found: Vec<&ChatSummary> = self.summaries.values().filter(matches).collect();
        found.sort_by_key(|summary| std::cmp::Reverse((summary.pinned, summary.active, summary.chat)));
        found.into_iter().map(|summary| summary.chat).collect()
    }

    fn row(&self, summary: &ChatSummary, phrases: &Phrases) -> ChatRow {
        let title = phrases.name(&summary.title, 80);
        let typing = self.typing(summary.chat);
        let direct = summary.other.is_some();
        let preview = match (typing, &summary.draft, &summary.last) {
            ([], None, None) => slint::SharedString::default(),
            ([], None, Some(last)) => preview(last, direct, phrases),
            ([], Some(draft), _) => super::drawn::markup::line(draft, 120).into(),
            ([_], ..) if direct => phrases.say(|words| words.invoke_typing_short()),
            (names, ..) => phrases.typing(names),
        };
        let last = summary.last.as_ref();
        let mut row = ChatRow {
            id: ids::chat(summary.chat).into(),
            face: face::chat(summary.chat, summary.other, &title, summary.online),
            preview,
            time: last.map_or_else(slint::SharedString::default, |last| phrases.short(last.at)),
            unread: number(summary.unread),
            mentions: number(summary.mentions),
            marked_unread: summary.marked_unread,
            muted: summary.muted,
            pinned: summary.pinned,
            draft: summary.draft.is_some() && typing.is_empty(),
            typing: !typing.is_empty(),
            delivery: if summary.draft.is_some() || !typing.is_empty() {
                crate::ui::DeliveryState::None
            } else {
                bubble::delivery(last.and_then(|last| last.delivery.as_ref()))
            },
            title: title.into(),
            ..ChatRow::default()
        };
        row.readout = readout(&row, phrases).into();
        row
    }
}

fn preview(last: &Preview, direct: bool, phrases: &Phrases) -> slint::SharedString {
    if last.hidden_blocked {
        return "…".into();
    }
    let text = bubble::one_line(&last.body, last.own, phrases);
    // That one was deleted is nothing that somebody has said.
    if last.body == Body::Deleted {
        return text;
    }
    if last.own && !direct {
        return phrases.say(|words| words.invoke_you_said(text));
    }
    if last.own || direct {
        return text;
    }
    let name = phrases.name(&last.sender_name, 32);
    let first = name.split(' ').next().unwrap_or_default();
    phrases.say(|words| words.invoke_said(first.into(), text))
}

fn readout(row: &ChatRow, phrases: &Phrases) -> String {
    let mut parts = vec![row.title.to_string()];
    if row.unread > 0 {
        parts.push(phrases.say(|words| words.invoke_unread(row.unread)).into());
    }
    if row.face.online {
        parts.push(phrases.say(|words| words.invoke_online()).into());
    }
    parts.push(row.preview.to_string());
    parts.push(row.time.to_string());
    parts.retain(|part| !part.is_empty());
    parts.join(", ")
}
