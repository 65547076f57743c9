//! Doing what the model wants, in the order in which it wants it. Knows nothing of why.

use std::time::Duration;

use raftchat_model::{ChatId, Durability, Effect, Input, OutboxId, StoredConversation, Write};
use raftchat_schema::id::{Stamp, UserId};
use raftchat_schema::view::{ConversationKind, UserView};
use tokio::time::Instant;

use super::Update;
use super::bootstrap::bootstrap;
use super::driver::Driver;
use super::tasks::{self, Fetch};
use crate::export::{self, Head};
use crate::store::StoreError;

impl Driver {
    /// Does all of it, and what follows from what the store has; then tells the window at once what came of it.
    pub(super) fn carry_out(&mut self, effects: Vec<Effect>) -> Result<(), StoreError> {
        let mut updates = Vec::new();
        let mut loaded = Vec::new();
        for effect in effects {
            match effect {
                Effect::Store(writes, durability) => self.write(&writes, durability)?,
                Effect::LoadStored { request, conversation, range } => {
                    let messages = self.store.messages(conversation, range)?;
                    loaded.push(Input::StoredPage { request, messages });
                }
                Effect::Show(shown) => updates.push(Update::Show(shown)),
                Effect::Notify(notification) => updates.push(Update::Notify(notification)),
                Effect::ClearNotification(chat) => updates.push(Update::ClearNotification(chat)),
                Effect::WakeAt(stamp) => self.wake = Some(self.when(stamp)),
                other => self.ask_nodes(other),
            }
        }
        if !updates.is_empty() {
            // A window that is gone needs nothing.
            let _ = self.updates.send(updates);
        }
        loaded.into_iter().try_for_each(|input| self.tell(input))
    }

    fn ask_nodes(&mut self, effect: Effect) {
        let (client, reports) = (self.client.clone(), self.reports.clone());
        match effect {
            Effect::Perform { id, number, act } => {
                tokio::task::spawn_local(tasks::perform(client, reports, id, number, act));
            }
            Effect::FetchHistory { request, conversation, range } => {
                tokio::task::spawn_local(tasks::fetch_history(client, reports, request, conversation, range));
            }
            Effect::SendTyping { conversation, switch } => {
                tokio::task::spawn_local(tasks::hint_typing(client, conversation, switch));
            }
            Effect::FetchConversation(conversation) => {
                self.fetch(Fetch::Conversation(conversation), tasks::fetch_conversation(client, reports, conversation));
            }
            Effect::FetchMembers(conversation) => {
                self.fetch(Fetch::Members(conversation), tasks::fetch_members(client, reports, conversation));
            }
            Effect::FetchPeople => self.fetch(Fetch::People, tasks::fetch_people(client, reports)),
            Effect::Bootstrap => self.fetch(Fetch::Everything, bootstrap(client, reports)),
            Effect::Store(..)
            | Effect::LoadStored { .. }
            | Effect::Show(_)
            | Effect::Notify(_)
            | Effect::ClearNotification(_)
            | Effect::WakeAt(_) => {}
        }
    }

    /// Begins a fetch, unless it is under way: it goes on until it has an answer.
    fn fetch(&mut self, fetch: Fetch, task: impl Future<Output = ()> + 'static) {
        if self.fetching.insert(fetch) {
            tokio::task::spawn_local(task);
        }
    }

    /// A time of the model as one to wait for.
    fn when(&self, stamp: Stamp) -> Instant {
        let wait = Duration::from_millis(stamp.0.saturating_sub(self.now().0));
        let now = Instant::now();
        now.checked_add(wait).unwrap_or(now)
    }

    fn write(&mut self, writes: &[Write], durability: Durability) -> Result<(), StoreError> {
        self.store.write(writes, durability)?;
        for write in writes {
            match write {
                Write::Cursor(row) => self.cursor = Some(row.bytes.clone()),
                Write::Forget => self.cursor = None,
                Write::RemoveConversation(_) => self.sweeping = true,
                _ => {}
            }
        }
        Ok(())
    }

    /// Tells of entries of the outbox that cannot be read any more, and forgets them.
    pub(super) fn give_up(&mut self, damaged: &[OutboxId]) -> Result<(), StoreError> {
        if damaged.is_empty() {
            return Ok(());
        }
        // A window that is gone needs nothing.
        let _ = self.updates.send(vec![Update::OutboxDamaged(damaged.len())]);
        let writes: Vec<Write> = damaged.iter().copied().map(Write::RemoveOutbox).collect();
        self.store.write(&writes, Durability::Synced)
    }

    /// What stands above the messages of a conversation when it is exported; none if there is no such conversation.
    pub(super) fn head(&self, chat: ChatId) -> Result<Option<Head>, StoreError> {
        let stored = self.store.head()?.stored;
        let is_meant = |held: &&StoredConversation| match chat {
            ChatId::Known(conversation) => held.conversation.id == conversation,
            ChatId::Direct(user) => {
                held.conversation.kind == ConversationKind::Direct
                    && held.members.iter().any(|member| member.user == user)
            }
        };
        let Some(held) = stored.conversations.iter().find(is_meant) else { return Ok(None) };
        let known = |user: &UserId| stored.people.iter().find(|person| person.id == *user).cloned();
        let members: Vec<UserView> = held.members.iter().filter_map(|member| known(&member.user)).collect();
        Ok(Some(Head {
            conversation: held.conversation.id,
            title: export::title(&held.conversation.profile.title, stored.me, &members),
            members: members.iter().map(|member| member.username.to_string()).collect(),
            since: held.place.view.since,
            last: held.conversation.last_position,
            people: stored.people.into_iter().map(|person| (person.id, person)).collect(),
        }))
    }
}
