//! Up to where others have received and read. Knows nothing of how a mark came here.

use alloc::vec::Vec;

use raftchat_schema::id::{Position, UserId};
use raftchat_schema::limits::RECEIPT_MEMBERS_MAX;

use crate::interface::rows::MemberRow;
use crate::interface::shown::{Delivery, Receipt};
use crate::state::chat::Chat;
use crate::state::people::People;

/// Who of the others tells how far they got with the message at `position`: nobody in large groups, and nobody to who does not
/// tell themselves.
fn telling<'a>(
    chat: &'a Chat,
    people: &'a People,
    me: UserId,
    position: Position,
) -> impl Iterator<Item = &'a MemberRow> {
    let told =
        chat.row.member_count as usize <= RECEIPT_MEMBERS_MAX && !people.get(me).is_some_and(|view| view.receipts_off);
    chat.members.values().filter(move |member| {
        let tells = !people.get(member.user).is_some_and(|view| view.receipts_off || view.deleted);
        told && tells && member.user != me && member.since < position
    })
}

/// The stage of one's own message at `position`: as far as everybody who tells has got with it.
pub(crate) fn delivery(chat: &Chat, people: &People, me: UserId, position: Position) -> Delivery {
    let mut members = telling(chat, people, me, position).peekable();
    if members.peek().is_none() {
        return Delivery::Sent;
    }
    let (mut received, mut read) = (true, true);
    for member in members {
        received = received && member.delivered_position.max(member.read_position) >= position;
        read = read && member.read_position >= position;
    }
    match (received, read) {
        (_, true) => Delivery::Read,
        (true, false) => Delivery::Delivered,
        (false, false) => Delivery::Sent,
    }
}

/// The receipts of the message at `position`, of each who tells.
pub(crate) fn receipts(chat: &Chat, people: &People, me: UserId, position: Position) -> Vec<Receipt> {
    telling(chat, people, me, position)
        .map(|member| Receipt {
            user: member.user,
            name: people.name(member.user),
            delivery: if member.read_position >= position {
                Delivery::Read
            } else if member.delivered_position >= position {
                Delivery::Delivered
            } else {
                Delivery::Sent
            },
        })
        .collect()
}
