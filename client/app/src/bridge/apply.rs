//! Draws what the model has decided. Knows nothing of what the person did.

use std::collections::VecDeque;

use raftchat_model::text::safe;
use raftchat_model::{ChatId, Failure, Notification, Person, Shown, TimelineChange};
use raftchat_schema::command::MemberRole;
use slint::{ComponentHandle, SharedString};

use super::drawn::bubble::{self, number};
use super::drawn::{face, ids};
use super::pane::rows_are_others;
use super::view::{Dirty, View};
use crate::backend::{Asked, Update};
use crate::ui::{Chats, Composer, OpenChat, Session, Settings, SheetKind, Shell, Stage, Timeline};

impl View {
    /// All updates of a frame, then what has to be drawn again because of them, once.
    pub(super) fn apply_all(&mut self, updates: VecDeque<Update>) {
        for update in updates {
            self.apply(update);
        }
        self.draw_what_is_stale();
    }

    /// All that is drawn of what is known, as the person wants it now: in another language, say.
    pub(super) fn draw_anew(&mut self) {
        self.timeline.refresh();
        self.draw_connection(self.connection);
        self.draw_ending();
        if let Some(chat) = self.open {
            let members = std::mem::take(&mut self.members);
            self.draw_members(chat, members);
            let pinned = std::mem::take(&mut self.pinned);
            self.draw_pinned(pinned);
        }
        self.dirty = Dirty { list: true, open_chat: true, people: true, timeline: false };
        self.draw_what_is_stale();
    }

    fn draw_what_is_stale(&mut self) {
        let dirty = std::mem::take(&mut self.dirty);
        if dirty.list {
            self.chats.settle(&self.phrases.clone());
        }
        if dirty.list || dirty.open_chat {
            self.draw_open_chat();
        }
        if dirty.people {
            self.draw_people();
        }
        if dirty.timeline {
            self.settle_pane();
        }
        // A short conversation never has to be scrolled to its end.
        if dirty.timeline && self.is_at_end() {
            self.mark_read();
        }
    }

    fn apply(&mut self, update: Update) {
        match update {
            Update::Shown(shown) => self.show(shown),
            Update::Notify(notification) => self.notify(&notification),
            Update::ClearNotification(chat) => self.platform.clear_notification(&ids::chat(chat)),
            Update::SignedIn => self.signed_in(),
            Update::SignedOut { reason } => self.signed_out(&self.phrases.sentence(&reason)),
            Update::Refused { request, sentence } => self.refused(request, &self.phrases.sentence(&sentence)),
            Update::Done(asked) => self.done(asked),
            Update::Sessions(sessions) => self.draw_sessions(&sessions),
            Update::Hits { query, hits } => self.draw_hits(&query, &hits),
            Update::Revisions(revisions) => self.draw_revisions(&revisions),
            Update::Cluster(nodes) => self.draw_cluster(nodes),
            Update::Lost(count) => {
                let sentence = self.phrases.say(|words| words.invoke_lost(i32::try_from(count).unwrap_or(i32::MAX)));
                self.toast(&sentence);
            }
            Update::CertificateEnds(at) => self.certificate_ends(at),
            Update::Stopped(sentence) => self.signed_out(&sentence),
        }
    }

    fn show(&mut self, shown: Shown) {
        match shown {
            Shown::Chat(summary) => {
                self.chats.put(*summary);
                self.dirty.list = true;
            }
            Shown::ChatGone(chat) => self.chat_gone(chat),
            Shown::Renamed { from, to } => self.renamed(from, to),
            Shown::Timeline { chat, changes } if self.open == Some(chat) => self.change_timeline(changes),
            Shown::Pinned { chat, messages } if self.open == Some(chat) => self.draw_pinned(messages),
            Shown::TimelineState(state) if self.shows(state.chat) => self.draw_timeline_state(state),
            Shown::Draft { chat, text, reply } if self.shows(chat) => {
                self.writing.reply_to = reply.as_ref().map(|reply| reply.position);
                let reply = bubble::quote(reply.as_ref(), &self.phrases);
                if self.writing.editing.is_none() {
                    self.put_text(&text);
                    self.with_window(|window| window.global::<Composer<'_>>().set_reply(reply));
                }
            }
            Shown::Members { chat, members } => self.draw_members(chat, members),
            Shown::Receipts { receipts, .. } => self.draw_receipts(&receipts),
            Shown::Typing { chat, names } => {
                self.chats.set_typing(chat, names);
                self.dirty.list = true;
            }
            Shown::Person(person) => self.put_person(*person),
            Shown::Connection(connection) => self.draw_connection(connection),
            Shown::Moved { to, ms, .. } => self.draw_move(to, ms),
            Shown::Total { unread, .. } => {
                self.with_window(|window| window.global::<Chats<'_>>().set_total_unread(number(unread)));
            }
            Shown::GroupCreated(conversation) => self.open_chat(ChatId::Known(conversation)),
            Shown::Failed(failure) => self.failed(&failure),
            Shown::SessionEnded(refusal) => self.signed_out(&self.phrases.refusal(refusal.code)),
            // Of a conversation that is no longer open, or of an earlier opening of this one.
            Shown::Timeline { .. } | Shown::Pinned { .. } | Shown::TimelineState(_) | Shown::Draft { .. } => {}
        }
    }

    /// True if that conversation is open and has been drawn since it was opened. What still comes of an earlier
    /// opening would be steps from a timeline that is gone.
    fn shows(&self, chat: ChatId) -> bool {
        self.begun && self.open == Some(chat)
    }

    fn change_timeline(&mut self, changes: Vec<TimelineChange>) {
        self.begun |= matches!(changes.first(), Some(TimelineChange::Reset(_)));
        if !self.begun {
            return;
        }
        self.dirty.timeline = true;
        let anew = changes.iter().any(|change| matches!(change, TimelineChange::Reset(_)));
        // What one has said oneself is always gone to.
        let said = changes.iter().any(|change| {
            matches!(change, TimelineChange::Insert { item, .. } if item.bubble().is_some_and(|bubble| bubble.own && bubble.position.is_none()))
        });
        for change in changes {
            self.timeline.apply(change);
        }
        if anew {
            self.with_window(|window| rows_are_others(&window.global::<Timeline<'_>>()));
        }
        if anew || said {
            self.go_to_end();
        }
    }

    /// True if the last message of the open conversation is in sight.
    pub(super) fn is_at_end(&self) -> bool {
        self.window.upgrade().is_some_and(|window| {
            let timeline = window.global::<Timeline<'_>>();
            timeline.get_pinned() && timeline.get_at_end()
        })
    }

    /// The head of the open conversation.
    pub(super) fn draw_open_chat(&self) {
        let Some(chat) = self.open else {
            self.with_window(|window| window.global::<Chats<'_>>().set_open_id(SharedString::default()));
            return;
        };
        let head = self.open_head(chat);
        let typing = self.phrases.typing(self.chats.typing(chat));
        self.with_window(|window| {
            window.global::<Timeline<'_>>().set_typing(typing);
            let chats = window.global::<Chats<'_>>();
            if chats.get_open_chat() != head {
                chats.set_open_chat(head);
            }
            chats.set_open_id(ids::chat(chat).into());
        });
    }

    fn open_head(&self, chat: ChatId) -> OpenChat {
        let summary = self.chats.get(chat);
        let other = summary.and_then(|summary| summary.other).or(match chat {
            ChatId::Direct(user) => Some(user),
            ChatId::Known(_) => None,
        });
        let person = other.and_then(|user| self.people.get(&user));
        let title = match (summary, person) {
            (Some(summary), _) => self.phrases.name(&summary.title, 80),
            (None, Some(person)) => self.phrases.name(&person.display_name, 80),
            (None, None) => String::new(),
        };
        let online = summary.map_or_else(|| person.is_some_and(|person| person.online), |summary| summary.online);
        let pinned = self.pinned_rows().pop().unwrap_or_default();
        let only_reads =
            summary.is_some_and(|summary| summary.profile.admins_only && summary.role == MemberRole::Member);
        OpenChat {
            id: ids::chat(chat).into(),
            subtitle: match (person, summary) {
                (Some(person), _) => self.presence(person),
                // In place of the entry field, which is not there.
                (None, Some(_)) if only_reads => self.phrases.say(|words| words.invoke_only_admins()),
                (None, Some(summary)) => {
                    self.phrases.say(|words| words.invoke_members(number(u64::from(summary.member_count))))
                }
                (None, None) => SharedString::default(),
            },
            face: face::chat(chat, other, &title, online),
            group: other.is_none(),
            muted: summary.is_some_and(|summary| summary.muted),
            pinned: summary.is_some_and(|summary| summary.pinned),
            other: other.map(|user| user.to_string()).unwrap_or_default().into(),
            can_write: person.is_none_or(|person| !person.deleted && !person.blocked) && !only_reads,
            admins_only: summary.is_some_and(|summary| summary.profile.admins_only),
            pinned_message: pinned.text,
            pinned_position: pinned.position,
            pinned_count: i32::try_from(self.pinned.len()).unwrap_or(i32::MAX),
            imitates: other.map_or_else(SharedString::default, |user| self.imitation(user)),
            given_title: summary.map_or_else(SharedString::default, |summary| summary.title.as_str().into()),
            title: title.into(),
        }
    }

    fn chat_gone(&mut self, chat: ChatId) {
        self.chats.remove(chat);
        self.dirty.list = true;
        if self.open == Some(chat) {
            self.close_chat();
        }
    }

    fn renamed(&mut self, from: ChatId, to: ChatId) {
        self.chats.rename(from, to);
        self.dirty.list = true;
        if self.open == Some(from) {
            self.open = Some(to);
        }
    }

    fn put_person(&mut self, person: Person) {
        if person.me {
            self.me = Some(person.user);
            self.draw_me(&person);
        }
        self.note_imitation(&person);
        self.likeness.put(&person);
        self.timeline.name(person.username.as_str(), person.user);
        self.people.insert(person.user, person);
        self.dirty.people = true;
        self.dirty.open_chat = true;
    }

    fn notify(&self, notification: &Notification) {
        let Some(window) = self.window.upgrade() else { return };
        let settings = window.global::<Settings<'_>>();
        if !settings.get_notifications() {
            return;
        }
        let title = safe::one_line(&notification.title, 80);
        let name = safe::one_line(&notification.sender_name, 64);
        let text = if settings.get_previews() {
            let said = safe::one_line(&notification.text, 200);
            if name == title { said } else { format!("{name}: {said}") }
        } else {
            self.phrases.say(|words| words.invoke_new_message()).into()
        };
        self.platform.notify(&ids::chat(notification.chat), &title, &text);
    }

    fn signed_in(&mut self) {
        self.with_window(|window| {
            let session = window.global::<Session<'_>>();
            session.set_busy(false);
            session.set_problem(SharedString::default());
            session.set_reason(SharedString::default());
            session.set_stage(Stage::SignedIn);
        });
    }

    fn signed_out(&mut self, reason: &str) {
        self.close_chat();
        self.chats.clear();
        self.people.clear();
        self.likeness.clear();
        self.imitators.clear();
        self.dirty.list = true;
        self.with_window(|window| {
            let session = window.global::<Session<'_>>();
            session.set_busy(false);
            session.set_reason(reason.into());
            session.set_stage(Stage::SignedOut);
            window.global::<Shell<'_>>().set_sheet(SheetKind::None);
        });
    }

    fn refused(&self, asked: Asked, sentence: &str) {
        self.with_window(|window| match asked {
            Asked::SignIn => {
                let session = window.global::<Session<'_>>();
                session.set_busy(false);
                session.set_problem(sentence.into());
            }
            Asked::ChangePassword | Asked::DeleteAccount => {
                window.global::<Settings<'_>>().set_problem(sentence.into());
            }
            Asked::Other => self.toast(sentence),
        });
    }

    fn done(&self, asked: Asked) {
        if asked == Asked::ChangePassword {
            let sentence = self.phrases.say(|words| words.invoke_password_changed());
            self.with_window(|window| {
                let settings = window.global::<Settings<'_>>();
                settings.set_problem(SharedString::default());
                settings.set_done(sentence);
            });
        }
    }

    fn failed(&self, failure: &Failure) {
        self.toast(&self.phrases.failure(&failure.why));
    }
}
