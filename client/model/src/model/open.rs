//! Opening and closing a conversation. Knows nothing of windows.

use crate::interface::rows::ChatId;
use crate::interface::shown::Shown;
use crate::model::Model;
use crate::timeline::Timeline;
use crate::turn::Turn;

impl Model {
    /// Shows what is in memory of a conversation, and loads the rest of its end.
    pub(crate) fn open_chat(&mut self, turn: &mut Turn, asked: ChatId) {
        self.close_chat(turn);
        let chat = self.resolve(asked);
        if chat != asked {
            turn.show(Shown::Renamed { from: asked, to: chat });
        }
        let unread = match chat {
            ChatId::Known(conversation) if self.chats.contains_key(&conversation) => self.unread_range(conversation),
            ChatId::Known(_) => return,
            ChatId::Direct(user) if user == self.me => return,
            ChatId::Direct(_) => None,
        };
        let mut timeline = Timeline::new(chat, self.me, unread);
        if let Some(held) = self.scene(chat).chat
            && let Some(newest) = held.newest.as_ref().filter(|newest| newest.position > held.since(self.me))
        {
            timeline.take(newest, held.visible(self.me));
        }
        self.timeline = Some(timeline);
        let touched = turn.touch(chat);
        touched.members = true;
        touched.draft = true;
        if let ChatId::Known(conversation) = chat {
            self.show_typing(turn, conversation);
        }
        self.fetch_open_members(turn);
        self.load_end(turn);
    }

    /// Shows no conversation. What was written in it goes to the nodes at once.
    pub(crate) fn close_chat(&mut self, turn: &mut Turn) {
        let Some(timeline) = self.timeline.take() else { return };
        self.stop_typing(turn, timeline.chat);
        self.save_draft(turn, timeline.chat);
        turn.touch(timeline.chat);
    }
}
