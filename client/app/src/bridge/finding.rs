//! Searching, switching and forwarding: where a conversation is chosen by its name or its words.

use std::rc::Rc;

use raftchat_model::text::{safe, words};
use raftchat_model::{Body, Intent};
use raftchat_schema::id::{MessageId, Position, Stamp};
use slint::{ComponentHandle, ModelRc, VecModel};

use super::drawn::{face, ids, markup};
use super::view::{Shared, View};
use crate::backend::{Hit, Request};
use crate::ui::{AppWindow, Details, HitRow, RevisionRow, Search, SheetKind, Shell};

/// So many are shown.
const HITS_MAX: usize = 50;

/// Joins the callbacks.
pub(super) fn connect(window: &AppWindow, view: &Shared) {
    let search = window.global::<Search<'_>>();
    let shared = Rc::clone(view);
    search.on_look_for(move |query| shared.borrow().look_for(&query));
    let shared = Rc::clone(view);
    search.on_open(move |chat, position| {
        let mut view = shared.borrow_mut();
        let Some(chat) = ids::parse_chat(&chat) else { return };
        view.open_chat(chat);
        view.close_sheet();
        view.jump_to(Position(u64::try_from(position).unwrap_or(0)));
    });
    let shared = Rc::clone(view);
    search.on_switch_to(move |query| shared.borrow().draw_matches(&query));
    let shared = Rc::clone(view);
    search.on_forward_to(move |chat| shared.borrow_mut().forward_to(&chat));
}

impl View {
    fn look_for(&self, query: &str) {
        if query.trim().is_empty() {
            self.draw_hits("", &[]);
        } else {
            self.ask(Request::Search { query: query.trim().to_owned(), limit: HITS_MAX });
        }
    }

    /// Draws what was found.
    pub(super) fn draw_hits(&self, query: &str, hits: &[Hit]) {
        let terms = words::query(query);
        let rows: Vec<HitRow> = hits.iter().map(|hit| self.hit_row(hit, &terms)).collect();
        self.with_window(|window| {
            let search = window.global::<Search<'_>>();
            search.set_hits(ModelRc::new(VecModel::from(rows)));
            search.set_searched(!query.is_empty());
        });
    }

    fn hit_row(&self, hit: &Hit, terms: &[words::Term]) -> HitRow {
        let summary = self.chats.get(hit.chat);
        let title = self.phrases.name(summary.map_or("", |summary| &summary.title), 80);
        let sender = self.people.values().find(|person| person.username.as_str() == hit.sender_name);
        let name = sender.map_or(hit.sender_name.as_str(), |person| &person.display_name);
        let said = raftchat_model::text::markup::parse(&hit.text).plain();
        let text = markup::line(&format!("{}: {said}", markup::line(name, 64)), 200);
        let other = summary.and_then(|summary| summary.other);
        HitRow {
            chat: ids::chat(hit.chat).into(),
            position: super::drawn::bubble::number(hit.position.0),
            face: face::chat(hit.chat, other, &title, false),
            text: markup::highlighted(&text, &words::highlight(&text, terms)),
            time: self.phrases.short(hit.at),
            readout: format!("{title}: {text}").into(),
            title: title.into(),
        }
    }

    fn draw_matches(&self, query: &str) {
        let rows = self.chats.matching(query, &self.phrases);
        self.with_window(|window| window.global::<Search<'_>>().set_matches(ModelRc::new(VecModel::from(rows))));
    }

    /// Lets the person choose where a message goes.
    pub(super) fn begin_forward(&mut self, key: &str) {
        self.forwarding = Some(key.to_owned());
        self.draw_matches("");
        self.with_window(|window| window.global::<Shell<'_>>().set_sheet(SheetKind::Forward));
    }

    fn forward_to(&mut self, chat: &str) {
        let (Some(chat), Some(key)) = (ids::parse_chat(chat), self.forwarding.take()) else { return };
        let Some(message) = self.message(&key) else { return };
        let Body::Text(text) = message.body else { return };
        let author = self.people.get(&message.sender).map(|person| person.username.clone());
        self.open_chat(chat);
        self.close_sheet();
        self.act(Intent::Send {
            chat,
            message_id: MessageId(uuid::Uuid::now_v7().into_bytes()),
            text,
            reply_to: None,
            forwarded_from: message.forwarded_from.or(author),
        });
    }

    /// Asks what a message said before.
    pub(super) fn show_revisions(&self, key: &str) {
        let Some((chat, position)) = self.place(key) else { return };
        self.ask(Request::Revisions { chat, position });
        self.with_window(|window| {
            window.global::<Details<'_>>().set_revisions(ModelRc::default());
            window.global::<Shell<'_>>().set_sheet(SheetKind::Revisions);
        });
    }

    /// Draws what it said before.
    pub(super) fn draw_revisions(&self, revisions: &[(Stamp, String)]) {
        let rows = revisions
            .iter()
            .rev()
            .map(|(at, text)| RevisionRow { text: safe::body(text).into(), time: self.phrases.moment(*at) });
        let rows: Vec<RevisionRow> = rows.collect();
        self.with_window(|window| window.global::<Details<'_>>().set_revisions(ModelRc::new(VecModel::from(rows))));
    }
}
