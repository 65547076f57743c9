//! Everybody whom the client knows of. Knows nothing of conversations.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use raftchat_schema::id::{UserId, Username};
use raftchat_schema::limits::DISPLAY_NAME_BYTES_MAX;
use raftchat_schema::view::UserView;

use crate::interface::shown::Person;
use crate::state::merge;
use crate::text::safe;

/// The name of somebody whose account is gone: their own went with it. A window in another language says it otherwise.
pub const DELETED_ACCOUNT: &str = "deleted account";

/// A display name has at most so many characters.
const NAME_CHARS_MAX: usize = DISPLAY_NAME_BYTES_MAX;

/// People by id, and whom the person has blocked.
#[derive(Debug, Default)]
pub(crate) struct People {
    views: BTreeMap<UserId, UserView>,
    blocked: BTreeSet<UserId>,
    /// Everybody who has an account was told of: who is not known has none any more.
    all_known: bool,
}

/// The effects of a new row of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PersonChange {
    /// Nothing that anybody sees.
    Nothing,
    /// Not more than when they were there.
    Seen,
    /// Their name, or what they tell others.
    Looks,
}

impl People {
    pub(crate) fn new(views: Vec<UserView>, blocked: Vec<UserId>, all_known: bool) -> Self {
        let offline = |view: UserView| UserView { online: false, ..view };
        Self {
            views: views.into_iter().map(|view| (view.id, offline(view))).collect(),
            blocked: blocked.into_iter().collect(),
            all_known,
        }
    }

    /// Everybody was told of.
    pub(crate) fn note_all_known(&mut self) {
        self.all_known = true;
    }

    /// True if an account of somebody who was in the cluster once is gone.
    fn is_gone(&self, user: UserId) -> bool {
        self.views.get(&user).map_or(self.all_known, |view| view.deleted)
    }

    pub(crate) fn get(&self, user: UserId) -> Option<&UserView> {
        self.views.get(&user)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = UserId> {
        self.views.keys().copied()
    }

    /// Somebody's name, on one line with nothing in it that could spoil another.
    pub(crate) fn name(&self, user: UserId) -> String {
        if self.is_gone(user) {
            return DELETED_ACCOUNT.to_owned();
        }
        let Some(view) = self.views.get(&user) else { return user.to_string() };
        let name = safe::one_line(&view.display_name, NAME_CHARS_MAX);
        if name.is_empty() { view.username.to_string() } else { name }
    }

    /// The name of somebody who was called `said` when nothing else was known of them.
    pub(crate) fn name_or(&self, user: UserId, said: &Username) -> String {
        if self.views.contains_key(&user) || self.is_gone(user) { self.name(user) } else { said.to_string() }
    }

    /// Takes a row in; whether they are online is not for it to say.
    pub(crate) fn take(&mut self, view: UserView) -> PersonChange {
        let Some(held) = self.views.get_mut(&view.id) else {
            self.views.insert(view.id, UserView { online: false, ..view });
            return PersonChange::Looks;
        };
        let looks = held.display_name != view.display_name
            || held.username != view.username
            || held.deleted != view.deleted
            || held.receipts_off != view.receipts_off;
        if !merge::user(held, view) {
            return PersonChange::Nothing;
        }
        if looks { PersonChange::Looks } else { PersonChange::Seen }
    }

    /// Notes that somebody is there or not; true if that is news.
    pub(crate) fn set_online(&mut self, user: UserId, online: bool) -> bool {
        let Some(view) = self.views.get_mut(&user) else { return false };
        let online = online && !view.presence_hidden && !view.deleted;
        core::mem::replace(&mut view.online, online) != online
    }

    /// Users who are held to be online.
    pub(crate) fn online(&self) -> Vec<UserId> {
        self.views.values().filter(|view| view.online).map(|view| view.id).collect()
    }

    pub(crate) fn is_blocked(&self, user: UserId) -> bool {
        self.blocked.contains(&user)
    }

    /// Notes that somebody is blocked or not; true if that is news.
    pub(crate) fn set_blocked(&mut self, user: UserId, blocked: bool) -> bool {
        if blocked { self.blocked.insert(user) } else { self.blocked.remove(&user) }
    }

    pub(crate) fn blocked(&self) -> Vec<UserId> {
        self.blocked.iter().copied().collect()
    }

    /// Somebody as they are drawn; none if they are not known.
    pub(crate) fn shown(&self, user: UserId, me: UserId) -> Option<Person> {
        let view = self.views.get(&user)?;
        Some(Person {
            user,
            username: view.username.clone(),
            display_name: self.name(user),
            me: user == me,
            online: view.online,
            last_seen: view.last_seen,
            deleted: view.deleted,
            blocked: self.is_blocked(user),
            presence_hidden: view.presence_hidden,
            receipts_off: view.receipts_off,
        })
    }
}
