//! The lines that say who came and went, from the rows of members and departures. Knows nothing of messages.

use alloc::vec::Vec;

use raftchat_schema::id::{Position, Stamp, UserId};

use crate::interface::rows::{DepartureRow, MemberRow};
use crate::interface::shown::{Happening, Item, Notice};
use crate::state::chat::Chat;
use crate::state::people::People;
use crate::state::scene::Scene;

use super::items::{Order, Rank};

/// All lines of a group that go after a position out of `within`, with where they go.
pub(super) fn notices(scene: &Scene<'_>, within: impl Fn(Position) -> bool) -> Vec<(Order, Item)> {
    let Some(chat) = scene.chat.filter(|_| scene.is_group()) else { return Vec::new() };
    let floor = scene.floor();
    let arrivals = chat
        .members
        .values()
        .filter(|member| member.since >= floor && within(member.since))
        .filter_map(|member| arrival(scene.people, scene.me, chat, member));
    let departures = chat
        .departures
        .values()
        .filter(|departure| departure.after >= floor && within(departure.after))
        .map(|row| (order(row.after, row.at, row.user), departure(scene.people, scene.me, row)));
    arrivals.chain(departures).collect()
}

fn order(after: Position, at: Stamp, user: UserId) -> Order {
    Order::Held(after, Rank::Notice(at, user))
}

/// Who was there from the beginning has no line but who made the group.
fn arrival(people: &People, me: UserId, chat: &Chat, member: &MemberRow) -> Option<(Order, Item)> {
    let founder = member.added_by == member.user;
    if member.joined == chat.row.created && member.since == Position(0) && !founder {
        return None;
    }
    let what = if founder {
        Happening::Created
    } else {
        Happening::Joined { by: people.name(member.added_by), by_me: member.added_by == me }
    };
    Some((order(member.since, member.joined, member.user), line(people, me, member.user, what, member.joined)))
}

fn departure(people: &People, me: UserId, row: &DepartureRow) -> Item {
    let what = if row.by == row.user {
        Happening::Left
    } else {
        Happening::Removed { by: people.name(row.by), by_me: row.by == me }
    };
    line(people, me, row.user, what, row.at)
}

fn line(people: &People, me: UserId, user: UserId, what: Happening, at: Stamp) -> Item {
    Item::Notice(Notice { user, name: people.name(user), me: user == me, what, at })
}
