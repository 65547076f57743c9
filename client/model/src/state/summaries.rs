//! The lines of the list of conversations as they were last drawn, and what there is to read in all. Knows nothing of how a line
//! comes about.

use alloc::collections::BTreeMap;

use crate::interface::rows::ChatId;
use crate::interface::shown::ChatSummary;

/// The lines as they were last drawn, and their sum.
#[derive(Debug, Default)]
pub(crate) struct Summaries {
    pub(crate) lines: BTreeMap<ChatId, ChatSummary>,
    pub(crate) unread: u64,
    pub(crate) mentions: u64,
    pub(crate) shown: Option<(u64, u64)>,
}

impl Summaries {
    /// Takes a line in; true if it is another than before.
    pub(crate) fn put(&mut self, line: ChatSummary) -> bool {
        if self.lines.get(&line.chat) == Some(&line) {
            return false;
        }
        self.count_out(line.chat);
        let (unread, mentions) = weight(&line);
        self.unread = self.unread.saturating_add(unread);
        self.mentions = self.mentions.saturating_add(mentions);
        self.lines.insert(line.chat, line);
        true
    }

    fn count_out(&mut self, chat: ChatId) {
        if let Some(before) = self.lines.get(&chat) {
            let (unread, mentions) = weight(before);
            self.unread = self.unread.saturating_sub(unread);
            self.mentions = self.mentions.saturating_sub(mentions);
        }
    }

    /// Drops a line; true if there was one.
    pub(crate) fn forget(&mut self, chat: ChatId) -> bool {
        self.count_out(chat);
        self.lines.remove(&chat).is_some()
    }
}

/// The unread and the mentions that a line adds to the sum.
fn weight(line: &ChatSummary) -> (u64, u64) {
    if line.muted {
        return (0, 0);
    }
    (line.unread.max(u64::from(line.marked_unread)), line.mentions)
}
