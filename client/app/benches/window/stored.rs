//! A device that holds 100,000 messages, as its program finds it. Knows nothing of windows.

use std::path::PathBuf;

use raftchat_client::store::Store;
use raftchat_model::{Completeness, ConversationRow, CursorRow, Durability, MemberRow, PlaceRow, Write};
use raftchat_schema::command::{GroupProfile, MemberRole};
use raftchat_schema::id::{ChangeNumber, ConversationId, MessageId, Position, Stamp, UserId};
use raftchat_schema::payload::Payload;
use raftchat_schema::view::{ConversationKind, MessageState, MessageView, UserView};
use raftchat_schema::wire;
use raftchat_tests::cluster::Cluster;

const ALICE: UserId = UserId(1);
const CONVERSATIONS: u64 = 200;
const MESSAGES: u64 = 100_000;
/// Of which so many are in the first conversation.
const LONG: u64 = 10_000;
const PEOPLE: u64 = 1000;

/// The files of a cluster that does not run.
pub(crate) fn cluster() -> Cluster {
    Cluster::make("none", 3, |_| {})
}

/// Alice's device there, filled.
pub(crate) fn profile(cluster: &Cluster) -> PathBuf {
    let profile = cluster.device("alice");
    let session =
        format!("username = \"alice\"\nuser = \"{ALICE}\"\nsession = \"s1\"\ntoken = \"{}\"\n", "0".repeat(64));
    std::fs::write(profile.join("session.toml"), session).unwrap();
    let dir = profile.join("store").join(format!("{}-{ALICE}", cluster.authorities().cluster().as_str()));
    let store = Store::open(&dir, ALICE).unwrap();
    let mut writes: Vec<Write> = (1..=PEOPLE).map(|id| Write::Person(person(UserId(id)))).collect();
    for id in (1..=CONVERSATIONS).map(ConversationId) {
        writes.push(Write::Conversation(conversation(id)));
        writes.push(Write::Place(place(id)));
        writes.extend((1..=8).map(|user| Write::Member { conversation: id, member: member(UserId(user)) }));
    }
    writes.push(Write::Bootstrapped);
    store.write(&writes, Durability::Lazy).unwrap();
    for first in (0..MESSAGES).step_by(64) {
        let page = first..(first + 64).min(MESSAGES);
        let cursor = CursorRow { bytes: first.to_be_bytes().to_vec(), change: ChangeNumber(first) };
        let writes: Vec<Write> =
            page.map(|number| Write::Message(message(number))).chain([Write::Cursor(cursor)]).collect();
        store.write(&writes, Durability::Lazy).unwrap();
    }
    store.close().unwrap();
    profile
}

fn person(id: UserId) -> UserView {
    UserView {
        id,
        username: format!("person{}", id.0).parse().unwrap(),
        display_name: format!("Person {}", id.0),
        deleted: false,
        last_seen: Some(Stamp(1)),
        online: false,
        presence_hidden: false,
        receipts_off: false,
        changed: ChangeNumber(1),
    }
}

fn conversation(id: ConversationId) -> ConversationRow {
    ConversationRow {
        kind: ConversationKind::Group,
        profile: GroupProfile::titled(format!("Group {}", id.0)),
        member_count: 8,
        changed: ChangeNumber(1),
        complete: Completeness::Complete,
        ..ConversationRow::hearsay(id)
    }
}

fn place(id: ConversationId) -> PlaceRow {
    let mut place = PlaceRow::default();
    place.view.conversation = id;
    place
}

fn member(user: UserId) -> MemberRow {
    MemberRow {
        user,
        role: MemberRole::Member,
        joined: Stamp(1),
        since: Position(0),
        added_by: ALICE,
        read_position: Position(0),
        delivered_position: Position(0),
        changed: ChangeNumber(1),
    }
}

/// One in a row of all messages: the first conversation has the first 10,000, the others share the rest.
fn message(number: u64) -> MessageView {
    let (conversation, position) = match number.checked_sub(LONG) {
        None => (1, number + 1),
        Some(rest) => (2 + rest % (CONVERSATIONS - 1), rest / (CONVERSATIONS - 1) + 1),
    };
    MessageView {
        conversation: ConversationId(conversation),
        position: Position(position),
        message_id: MessageId(u128::from(number).to_be_bytes()),
        sender: UserId(number / 3 % 8 + 1),
        sender_name: format!("person{}", number / 3 % 8 + 1).parse().unwrap(),
        sent_at: Stamp(1_700_000_000_000 + number * 20_000),
        state: MessageState::Original,
        revision: 0,
        payload: wire::encode_payload(&Payload::text(text(number))),
        edited: None,
        mentions: Vec::new(),
        reactions: Vec::new(),
        changed: ChangeNumber(number + 1),
        reactions_changed: ChangeNumber(0),
    }
}

/// Mostly a line, now and then a paragraph, a link or something loud.
fn text(number: u64) -> String {
    match number % 10 {
        0 => format!(
            "{number}: so much can be said about it, and *most* of it was said before, that a line is not enough: this goes on for a while, as people do when they explain something to each other"
        ),
        3 => "Look at https://example.org/photos and tell me which one you like".to_owned(),
        6 => "**Great** 🎉 see you there!\nAnd bring the map".to_owned(),
        _ => format!("Line {number}, and what is to be said"),
    }
}
