//! The list of conversations: one line each, and what there is to read in all. Knows nothing of its order on the screen.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use raftchat_schema::command::{GroupProfile, MemberRole};
use raftchat_schema::id::{ConversationId, Position, Stamp, UserId};
use raftchat_schema::limits::TITLE_BYTES_MAX;
use raftchat_schema::view::{ConversationKind, MessageView};

use crate::interface::effect::PageRange;
use crate::interface::rows::ChatId;
use crate::interface::shown::{ChatSummary, MemberItem, Original, Preview, Quote, Shown};
use crate::model::Model;
use crate::model::notify::is_muted;
use crate::state::chat::{Chat, EffectivePlace, effective_pins, sent_by};
use crate::state::marks;
use crate::state::scene::Scene;
use crate::state::timers::Timer;
use crate::text::safe;
use crate::timeline::bubble::{self, Effective};
use crate::turn::Turn;

impl Model {
    /// Draws the lines of what was touched, and the sum.
    pub(crate) fn draw_summaries(&mut self, turn: &mut Turn) {
        for id in turn.touched_chats() {
            match self.summary(id, turn) {
                Some(line) => {
                    self.wake_when_unmuted(&line);
                    if self.summaries.put(line.clone()) {
                        turn.show(Shown::Chat(Box::new(line)));
                    }
                }
                None if self.summaries.forget(id) => turn.show(Shown::ChatGone(id)),
                None => {}
            }
        }
        let sum = (self.summaries.unread, self.summaries.mentions);
        if self.summaries.shown != Some(sum) {
            self.summaries.shown = Some(sum);
            turn.show(Shown::Total { unread: sum.0, mentions: sum.1 });
        }
    }

    fn wake_when_unmuted(&mut self, line: &ChatSummary) {
        let ChatId::Known(conversation) = line.chat else { return };
        if line.muted && line.muted_until < Stamp(u64::MAX) {
            self.timers.set(Timer::Unmute(conversation), line.muted_until);
        } else {
            self.timers.cancel(Timer::Unmute(conversation));
        }
    }

    fn summary(&self, id: ChatId, turn: &Turn) -> Option<ChatSummary> {
        let scene = self.scene(id);
        match id {
            ChatId::Known(conversation) => {
                let chat = scene.chat.filter(|chat| chat.is_known())?;
                Some(known(&scene, chat, &self.place(conversation)?, turn))
            }
            ChatId::Direct(user) => {
                let draft = self.draft(id);
                let is_wanted = !draft.is_empty() || scene.waiting().next().is_some() || self.is_open(id);
                is_wanted.then(|| coming(&scene, user, draft))
            }
        }
    }

    /// The members of a conversation, to be shown.
    pub(crate) fn shown_members(&self, id: ChatId) -> Shown {
        let members = self.scene(id).chat.into_iter().flat_map(|chat| chat.members.values());
        let members = members
            .map(|member| MemberItem {
                user: member.user,
                name: self.people.name(member.user),
                role: member.role,
                joined: member.joined,
            })
            .collect();
        Shown::Members { chat: id, members }
    }

    /// The stretch that the messages to read are in; some between them may be the person's own.
    pub(crate) fn unread_range(&self, conversation: ConversationId) -> Option<PageRange> {
        let (place, chat) = (self.place(conversation)?, self.chats.get(&conversation)?);
        let first = place.read_position.max(chat.since(self.me)).next();
        (place.unread > 0).then_some(PageRange { first, last: chat.row.last_position })
    }
}

fn known(scene: &Scene<'_>, chat: &Chat, place: &EffectivePlace<'_>, turn: &Turn) -> ChatSummary {
    let other = chat.other(scene.me);
    let last = last(scene);
    let active = last.as_ref().map_or(chat.row.created, |preview| preview.at);
    ChatSummary {
        chat: scene.id,
        kind: chat.row.kind,
        title: title(scene),
        profile: chat.row.profile.clone(),
        other,
        online: other.and_then(|user| scene.people.get(user)).is_some_and(|view| view.online),
        member_count: chat.row.member_count,
        role: chat.role(scene.me),
        last,
        active,
        unread: place.unread,
        mentions: place.mentions,
        marked_unread: place.marked_unread,
        first_unread: (place.unread > 0).then(|| place.read_position.next()),
        last_position: chat.row.last_position,
        muted: is_muted(place.muted_until, turn.cluster_now()),
        muted_until: turn.to_device(place.muted_until),
        pinned: place.pinned,
        draft: draft_text(scene, place.draft),
        pinned_messages: effective_pins(&chat.row.pinned_messages, scene.acts()),
    }
}

/// The line of a direct conversation before its first message.
fn coming(scene: &Scene<'_>, user: UserId, draft: &[u8]) -> ChatSummary {
    let last = last(scene);
    ChatSummary {
        chat: scene.id,
        kind: ConversationKind::Direct,
        title: scene.people.name(user),
        profile: GroupProfile::default(),
        other: Some(user),
        online: scene.people.get(user).is_some_and(|view| view.online),
        member_count: 2,
        role: MemberRole::Member,
        active: last.as_ref().map_or(Stamp(0), |preview| preview.at),
        last,
        unread: 0,
        mentions: 0,
        marked_unread: false,
        first_unread: None,
        last_position: Position(0),
        muted: false,
        muted_until: Stamp(0),
        pinned: false,
        draft: draft_text(scene, draft),
        pinned_messages: Vec::new(),
    }
}

/// The name of a conversation, on one line: of a direct one the other's.
pub(crate) fn title(scene: &Scene<'_>) -> String {
    let Some(chat) = scene.chat else { return String::new() };
    match chat.other(scene.me) {
        Some(user) => scene.people.name(user),
        None => safe::one_line(&chat.row.profile.title, TITLE_BYTES_MAX),
    }
}

fn draft_text(scene: &Scene<'_>, draft: &[u8]) -> Option<String> {
    scene.codec.draft(draft).map(|payload| payload.text).filter(|text| !text.is_empty())
}

/// The last that was said: by the person themselves, if something of theirs waits to be sent.
fn last(scene: &Scene<'_>) -> Option<Preview> {
    let newest = scene.chat.and_then(|chat| chat.newest.as_ref()).filter(|newest| newest.position > scene.floor());
    pending(scene).or_else(|| newest.map(|message| committed(scene, message)))
}

fn pending(scene: &Scene<'_>) -> Option<Preview> {
    let (entry, send) = scene.waiting().filter_map(|entry| sent_by(&entry.act).map(|send| (entry, send))).last()?;
    let item = bubble::pending(scene, entry, send, bubble::delivery_of(entry), |position| Quote {
        position,
        original: Original::Loading,
    });
    let bubble = item.bubble()?.clone();
    Some(Preview {
        sender: scene.me,
        sender_name: bubble.sender_name,
        own: true,
        body: bubble.body,
        at: bubble.at,
        delivery: bubble.delivery,
        hidden_blocked: false,
    })
}

fn committed(scene: &Scene<'_>, message: &MessageView) -> Preview {
    let own = message.sender == scene.me;
    let delivery = |chat| marks::delivery(chat, scene.people, scene.me, message.position);
    Preview {
        sender: message.sender,
        sender_name: bubble::sender_name(scene, message),
        own,
        body: Effective::of(scene, message).body(),
        at: message.sent_at,
        delivery: scene.chat.filter(|_| own).map(delivery),
        hidden_blocked: scene.hides(message.sender),
    }
}
