//! Who there is: the picker, a person's card, the members of a group. Knows nothing of messages.

use std::rc::Rc;

use raftchat_model::text::safe;
use raftchat_model::{ChatId, Intent, MemberItem, Person, Receipt};
use raftchat_schema::command::{AccountAct, ConversationAct, MemberRole};
use raftchat_schema::id::UserId;
use slint::{ComponentHandle, ModelRc, SharedString, VecModel};

use super::drawn::{bubble, face, ids};
use super::list::switch;
use super::view::{Shared, View};
use crate::ui::{AppWindow, Details, MemberRow, People, PersonRow, ReceiptRow, SheetKind, Shell};

/// Joins the callbacks.
pub(super) fn connect(window: &AppWindow, view: &Shared) {
    connect_picker(&window.global::<People<'_>>(), view);
    connect_details(&window.global::<Details<'_>>(), view);
}

fn connect_picker(people: &People<'_>, view: &Shared) {
    let shared = Rc::clone(view);
    people.on_filter(move |_| shared.borrow().draw_people());
    let shared = Rc::clone(view);
    people.on_toggle(move |id| shared.borrow_mut().toggle(&id));
    let shared = Rc::clone(view);
    people.on_clear(move || {
        let mut view = shared.borrow_mut();
        view.chosen.clear();
        view.with_window(|window| window.global::<People<'_>>().set_query(SharedString::default()));
        view.draw_people();
    });
    let shared = Rc::clone(view);
    people.on_write_to(move |id| {
        if let Some(user) = ids::parse_user(&id) {
            shared.borrow_mut().open_chat(ChatId::Direct(user));
        }
    });
    let shared = Rc::clone(view);
    people.on_create_group(move |title| {
        let mut view = shared.borrow_mut();
        let members = std::mem::take(&mut view.chosen).into_iter().collect();
        view.act(Intent::Account(AccountAct::CreateGroup { title: title.trim().to_owned(), members }));
        view.close_sheet();
    });
    let shared = Rc::clone(view);
    people.on_add_chosen(move || {
        let mut view = shared.borrow_mut();
        let members: Vec<UserId> = std::mem::take(&mut view.chosen).into_iter().collect();
        if let (Some(chat), false) = (view.open, members.is_empty()) {
            view.act(Intent::Act { chat, act: ConversationAct::AddMembers { members } });
        }
        view.close_sheet();
    });
    let shared = Rc::clone(view);
    people.on_show(move |id| {
        let mut view = shared.borrow_mut();
        view.person_shown = ids::parse_user(&id);
        view.draw_people();
    });
    let shared = Rc::clone(view);
    people.on_block(move |id, on| {
        if let Some(user) = ids::parse_user(&id) {
            shared.borrow().act(Intent::Account(AccountAct::Block { user, switch: switch(on) }));
        }
    });
}

fn connect_details(details: &Details<'_>, view: &Shared) {
    let shared = Rc::clone(view);
    details.on_rename(move |title| {
        let view = shared.borrow();
        if let (Some(chat), false) = (view.open, safe::is_blank(&title)) {
            view.act(Intent::Act { chat, act: ConversationAct::Rename { title: title.trim().to_owned() } });
        }
    });
    let shared = Rc::clone(view);
    details.on_set_admins_only(move |on| {
        let view = shared.borrow();
        if let Some(chat) = view.open {
            view.act(Intent::Act { chat, act: ConversationAct::SetAdminsOnly { switch: switch(on) } });
        }
    });
    let shared = Rc::clone(view);
    details.on_remove(move |id| {
        let view = shared.borrow();
        if let (Some(chat), Some(user)) = (view.open, ids::parse_user(&id)) {
            view.act(Intent::Act { chat, act: ConversationAct::RemoveMember { user } });
        }
    });
    let shared = Rc::clone(view);
    details.on_set_role(move |id, level| {
        let view = shared.borrow();
        if let (Some(chat), Some(user)) = (view.open, ids::parse_user(&id)) {
            view.act(Intent::Act { chat, act: ConversationAct::SetRole { user, role: role(level) } });
        }
    });
}

fn role(level: i32) -> MemberRole {
    match level {
        2 => MemberRole::Owner,
        1 => MemberRole::Admin,
        _ => MemberRole::Member,
    }
}

fn level(role: MemberRole) -> i32 {
    match role {
        MemberRole::Member => 0,
        MemberRole::Admin => 1,
        MemberRole::Owner => 2,
    }
}

impl View {
    /// Draws the picker and the card.
    pub(super) fn draw_people(&self) {
        let Some(window) = self.window.upgrade() else { return };
        let people = window.global::<People<'_>>();
        let query = people.get_query().trim().to_lowercase();
        let matches = |person: &&Person| {
            !person.me
                && !person.deleted
                && (person.display_name.to_lowercase().contains(&query) || person.username.as_str().contains(&query))
        };
        let mut found: Vec<&Person> = self.people.values().filter(matches).collect();
        found.sort_by_cached_key(|person| (person.display_name.to_lowercase(), person.user));
        self.picker.set_vec(found.into_iter().map(|person| self.person_row(person)).collect::<Vec<_>>());
        let chosen = self.chosen.iter().filter_map(|user| self.people.get(user)).map(|person| self.person_row(person));
        people.set_chosen(ModelRc::new(VecModel::from(chosen.collect::<Vec<_>>())));
        if let Some(person) = self.person_shown.and_then(|user| self.people.get(&user)) {
            people.set_shown(self.person_row(person));
        }
    }

    /// "Online", "Last seen yesterday".
    pub(super) fn presence(&self, person: &Person) -> SharedString {
        if person.deleted {
            return self.phrases.say(|words| words.invoke_gone_account());
        }
        if person.online {
            return self.phrases.say(|words| words.invoke_online());
        }
        person.last_seen.map_or_else(
            || format!("@{}", person.username).into(),
            |at| self.phrases.say(|words| words.invoke_last_seen(self.phrases.moment_within(at))),
        )
    }

    /// Remembers whose name can be taken for somebody else's.
    pub(super) fn note_imitation(&mut self, person: &Person) {
        if self.people.get(&person.user).is_some_and(|known| known.display_name == person.display_name) {
            return;
        }
        if person.deleted {
            // They are all called the same, and nobody takes them for anybody.
            self.timeline.mark(person.user, None);
            self.imitators.remove(&person.user);
            return;
        }
        let other = self.likeness.first_like(person).and_then(|user| self.people.get(&user));
        // Who was there first is the one imitated.
        let (imitator, imitated) = match other {
            Some(other) if other.user < person.user => (person, Some(&other.display_name)),
            Some(other) => (other, Some(&person.display_name)),
            None => (person, None),
        };
        let user = imitator.user;
        self.timeline.mark(user, imitated.map(|_| imitator.username.as_str()));
        match imitated.map(|name| super::drawn::markup::line(name, 64)) {
            Some(name) => drop(self.imitators.insert(user, name)),
            None => drop(self.imitators.remove(&user)),
        }
    }

    /// The person whom that one's name can be taken for, as a sentence; empty if nobody.
    pub(super) fn imitation(&self, user: UserId) -> SharedString {
        self.imitators.get(&user).map_or_else(SharedString::default, |other| {
            self.phrases.say(|words| words.invoke_imitates(other.as_str().into()))
        })
    }

    fn person_row(&self, person: &Person) -> PersonRow {
        let name = self.phrases.name(&person.display_name, 64);
        PersonRow {
            id: person.user.to_string().into(),
            face: face::person(person.user, &name, person.online),
            username: format!("@{}", person.username).into(),
            status: self.presence(person),
            chosen: self.chosen.contains(&person.user),
            me: person.me,
            blocked: person.blocked,
            imitates: self.imitation(person.user),
            name: name.into(),
            ..PersonRow::default()
        }
    }

    fn toggle(&mut self, id: &str) {
        let Some(user) = ids::parse_user(id) else { return };
        if !self.chosen.remove(&user) {
            self.chosen.insert(user);
        }
        self.draw_people();
    }

    pub(super) fn close_sheet(&self) {
        self.with_window(|window| window.global::<Shell<'_>>().set_sheet(SheetKind::None));
    }

    /// Draws who is in the open group.
    pub(super) fn draw_members(&mut self, chat: ChatId, members: Vec<MemberItem>) {
        if self.open != Some(chat) {
            return;
        }
        self.members = members;
        let mut sorted: Vec<&MemberItem> = self.members.iter().collect();
        sorted.sort_by_cached_key(|member| (std::cmp::Reverse(level(member.role)), member.name.to_lowercase()));
        let rows: Vec<MemberRow> = sorted.into_iter().map(|member| self.member_row(member)).collect();
        let mine =
            self.members.iter().find(|member| Some(member.user) == self.me).map_or(0, |member| level(member.role));
        self.with_window(|window| {
            let details = window.global::<Details<'_>>();
            details.set_members(ModelRc::new(VecModel::from(rows)));
            details.set_my_level(mine);
        });
    }

    fn member_row(&self, member: &MemberItem) -> MemberRow {
        let name = self.phrases.name(&member.name, 64);
        let person = self.people.get(&member.user);
        MemberRow {
            id: member.user.to_string().into(),
            face: face::person(member.user, &name, person.is_some_and(|person| person.online)),
            role: self.phrases.say(|words| words.invoke_role(level(member.role))),
            role_level: level(member.role),
            me: Some(member.user) == self.me,
            note: person.map(|person| format!("@{}", person.username)).unwrap_or_default().into(),
            imitates: self.imitation(member.user),
            name: name.into(),
        }
    }

    /// Asks who has received a message.
    pub(super) fn show_receipts(&self, key: &str) {
        let Some((chat, position)) = self.place(key) else { return };
        self.act(Intent::ShowReceipts { chat, position });
        self.with_window(|window| {
            window.global::<Details<'_>>().set_receipts(ModelRc::default());
            window.global::<Shell<'_>>().set_sheet(SheetKind::Receipts);
        });
    }

    /// Draws who has received it.
    pub(super) fn draw_receipts(&self, receipts: &[Receipt]) {
        let rows = receipts.iter().map(|receipt| {
            let name = self.phrases.name(&receipt.name, 64);
            ReceiptRow {
                face: face::person(receipt.user, &name, false),
                state: bubble::delivery(Some(&receipt.delivery)),
                text: self.phrases.delivery(&receipt.delivery),
                name: name.into(),
            }
        });
        let rows: Vec<ReceiptRow> = rows.collect();
        self.with_window(|window| window.global::<Details<'_>>().set_receipts(ModelRc::new(VecModel::from(rows))));
    }
}
