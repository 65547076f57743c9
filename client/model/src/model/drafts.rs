//! What is written and not sent: kept at once, and given to the person's other devices when it was left alone for a moment.
//! Knows nothing of entry fields.

use alloc::string::String;
use alloc::vec::Vec;

use raftchat_schema::command::{Act, ConversationAct};
use raftchat_schema::id::{Position, Stamp};
use raftchat_schema::payload::Payload;

use crate::interface::effect::Write;
use crate::interface::rows::{ChatId, Lane};
use crate::interface::shown::Shown;
use crate::model::Model;
use crate::state::scene::Scene;
use crate::state::timers::Timer;
use crate::timeline::Timeline;
use crate::turn::Turn;

/// The time, in ms, that a draft is left alone before it is saved at the nodes.
const SAVE_AFTER_MS: u64 = 1_500;

impl Model {
    /// Takes in that the contents of the entry field have changed.
    pub(crate) fn draft_written(&mut self, turn: &mut Turn, chat: ChatId, text: String, reply_to: Option<Position>) {
        let chat = self.resolve(chat);
        if text.is_empty() {
            self.stop_typing(turn, chat);
        } else {
            self.writing(turn, chat);
        }
        let draft = Payload { text, reply_to, forwarded_from: None };
        if let Some(timeline) = self.timeline.as_mut().filter(|timeline| timeline.chat == chat) {
            timeline.draft = draft.clone();
        }
        let bytes = self.codec.draft_bytes(&draft);
        if bytes == self.draft(chat) {
            return;
        }
        self.keep_draft(turn, chat, bytes);
        self.timers.set(Timer::SaveDraft(chat), Stamp(turn.now.0.saturating_add(SAVE_AFTER_MS)));
    }

    /// The draft as it now is, as a payload; empty if there is none.
    pub(crate) fn draft(&self, chat: ChatId) -> &[u8] {
        match chat {
            ChatId::Known(conversation) => self.chats.get(&conversation).map_or(&[], |held| {
                held.effective_place(self.outbox.of(Lane::Chat(chat)).map(|entry| &entry.act)).draft
            }),
            ChatId::Direct(user) => self.direct_drafts.get(&user).map_or(&[], Vec::as_slice),
        }
    }

    fn keep_draft(&mut self, turn: &mut Turn, chat: ChatId, draft: Vec<u8>) {
        turn.touch(chat);
        match chat {
            ChatId::Known(conversation) => {
                let Some(held) = self.chats.get_mut(&conversation) else { return };
                held.place.unsaved_draft = Some(draft);
                turn.write(Write::Place(held.place.clone()));
            }
            ChatId::Direct(user) => {
                turn.write(Write::DirectDraft { user, draft: draft.clone() });
                if draft.is_empty() {
                    self.direct_drafts.remove(&user);
                } else {
                    self.direct_drafts.insert(user, draft);
                }
            }
        }
    }

    /// The draft was left alone: it goes to the nodes, if they do not have it.
    pub(crate) fn save_draft(&mut self, turn: &mut Turn, chat: ChatId) {
        self.timers.cancel(Timer::SaveDraft(chat));
        let ChatId::Known(conversation) = chat else { return };
        let Some(held) = self.chats.get_mut(&conversation) else { return };
        let Some(draft) = held.place.unsaved_draft.take() else { return };
        turn.write(Write::Place(held.place.clone()));
        let act = Act::In(conversation, ConversationAct::SaveDraft { draft });
        let lane = Lane::Chat(chat);
        self.outbox.cancel(turn, lane, &act);
        let Act::In(_, ConversationAct::SaveDraft { draft }) = &act else { return };
        if self.draft(chat) != draft.as_slice() {
            self.outbox.enter(turn, lane, act);
        }
        turn.touch(chat);
    }

    /// The draft has become a message: it is gone here, and at the nodes as soon as that can be said.
    pub(crate) fn draft_sent(&mut self, turn: &mut Turn, chat: ChatId) {
        if let Some(timeline) = self.timeline.as_mut().filter(|timeline| timeline.chat == chat) {
            timeline.draft = Payload::default();
            turn.show(Shown::Draft { chat, text: String::new(), reply: None });
        }
        if self.draft(chat).is_empty() {
            return;
        }
        self.keep_draft(turn, chat, Vec::new());
        self.save_draft(turn, chat);
    }

    /// Drafts that were not given to the nodes when the program ended.
    pub(crate) fn resume_drafts(&mut self, turn: &mut Turn) {
        for chat in self.chats.values().filter(|chat| chat.place.unsaved_draft.is_some()) {
            self.timers.set(Timer::SaveDraft(ChatId::Known(chat.id())), turn.now);
        }
    }

    /// The draft of the open conversation, if it is another than stands in the entry field.
    pub(crate) fn new_draft(&self, scene: &Scene<'_>, timeline: &mut Timeline) -> Option<Shown> {
        let draft = self.codec.draft(self.draft(timeline.chat)).unwrap_or_default();
        if draft == timeline.draft {
            return None;
        }
        timeline.draft = draft.clone();
        let reply = draft.reply_to.map(|position| timeline.quote(scene, position, Position(u64::MAX)));
        Some(Shown::Draft { chat: timeline.chat, text: draft.text, reply })
    }
}
