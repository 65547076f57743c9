//! What the members of the open conversation have pinned: the last of it in a line above the messages, all of it in a
//! sheet.

use raftchat_model::{Original, PinnedMessage, Quote};
use slint::{ComponentHandle, ModelRc, VecModel};

use crate::bridge::drawn::bubble;
use crate::bridge::view::View;
use crate::ui::{Details, PinnedRow};

impl View {
    /// Draws what is pinned now.
    pub(crate) fn draw_pinned(&mut self, messages: Vec<PinnedMessage>) {
        self.pinned = messages;
        let rows = self.pinned_rows();
        self.with_window(|window| {
            window.global::<Details<'_>>().set_pinned(ModelRc::new(VecModel::from(rows)));
        });
        self.dirty.open_chat = true;
    }

    /// The pinned messages, as they are drawn, in the order in which they were pinned.
    pub(crate) fn pinned_rows(&self) -> Vec<PinnedRow> {
        self.pinned.iter().map(|pinned| self.pinned_row(pinned)).collect()
    }

    fn pinned_row(&self, pinned: &PinnedMessage) -> PinnedRow {
        let position = bubble::number(pinned.position.0);
        if pinned.hidden_blocked {
            let text = self.phrases.say(|words| words.invoke_hidden_message());
            return PinnedRow { position, text, ..PinnedRow::default() };
        }
        let quote = Quote { position: pinned.position, original: pinned.original.clone() };
        let drawn = bubble::quote(Some(&quote), &self.phrases);
        PinnedRow { position, name: drawn.name, text: drawn.text, gone: matches!(pinned.original, Original::Gone) }
    }
}
