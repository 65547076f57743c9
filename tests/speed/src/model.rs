//! The client's model, told of changes.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;

use raftchat_model::{
    ChatId, Codec, Completeness, Content, ConversationRow, CursorRow, Effect, Input, Intent, MemberRow, Model,
    PlaceRow, Stored, StoredConversation,
};
use raftchat_schema::command::{GroupProfile, MemberRole};
use raftchat_schema::id::{ChangeNumber, ConversationId, MessageId, Position, Stamp, UserId};
use raftchat_schema::payload::Payload;
use raftchat_schema::view::{Change, ChangedRow, ConversationKind, Counts, MessageState, MessageView, UserView};

use crate::case::{Case, Source};

const ME: UserId = UserId(1);
const BOB: UserId = UserId(2);
const OPEN: ConversationId = ConversationId(1);
const HELD: u64 = 10_000;
pub(crate) const CASES: [Case; 5] = [
    Case { name: "handle a message into the open conversation", source: || handling(OPEN, 1) },
    Case { name: "handle a message that is read at once", source: handling_what_is_read },
    Case { name: "handle a message into another conversation", source: || handling(ConversationId(2), 1) },
    Case { name: "handle a page of 64 into the open conversation", source: || handling(OPEN, 64) },
    Case { name: "handle a page of 64 into another conversation", source: || handling(ConversationId(2), 64) },
];

const CODEC: Codec = Codec {
    encode: |payload| payload.text.clone().into_bytes(),
    decode: |bytes| Content::Said(Payload::text(String::from_utf8_lossy(bytes))),
};

fn person(id: UserId, name: &str) -> Option<UserView> {
    Some(UserView {
        id,
        username: name.parse().ok()?,
        display_name: name.to_owned(),
        deleted: false,
        last_seen: None,
        online: false,
        presence_hidden: false,
        receipts_off: false,
        changed: ChangeNumber(1),
    })
}

fn message(conversation: ConversationId, position: u64) -> Option<MessageView> {
    let mut id = [0; 16];
    id.iter_mut()
        .zip(position.to_be_bytes().into_iter().chain(conversation.0.to_be_bytes()))
        .for_each(|(to, from)| *to = from);
    Some(MessageView {
        conversation,
        position: Position(position),
        message_id: MessageId(id),
        sender: if position.is_multiple_of(3) { ME } else { BOB },
        sender_name: "bob".parse().ok()?,
        sent_at: Stamp(position * 1_000),
        state: MessageState::Original,
        revision: 0,
        payload: format!("This is message {position}, about as long as people write.").into_bytes(),
        edited: None,
        mentions: Vec::new(),
        reactions: Vec::new(),
        changed: ChangeNumber(1_000 + position),
        reactions_changed: ChangeNumber(0),
    })
}

fn conversation(id: ConversationId) -> StoredConversation {
    let member = |user| MemberRow {
        user,
        role: MemberRole::Member,
        joined: Stamp(0),
        since: Position(0),
        added_by: BOB,
        read_position: Position(0),
        delivered_position: Position(0),
        changed: ChangeNumber(2),
    };
    StoredConversation {
        conversation: ConversationRow {
            kind: ConversationKind::Group,
            profile: GroupProfile::titled(format!("group {}", id.0)),
            member_count: 2,
            last_position: Position(HELD),
            changed: ChangeNumber(2),
            complete: Completeness::Complete,
            ..ConversationRow::hearsay(id)
        },
        members: vec![member(ME), member(BOB)],
        departures: Vec::new(),
        place: PlaceRow::default(),
        newest: message(id, HELD),
    }
}

/// A model with a hundred conversations, the first of which is open with all its messages.
fn model() -> Model {
    let stored = Stored {
        cursor: Some(CursorRow { bytes: vec![1], change: ChangeNumber(HELD * 2) }),
        bootstrapped: true,
        people: [person(ME, "alice"), person(BOB, "bob")].into_iter().flatten().collect(),
        conversations: (1..=100).map(|id| conversation(ConversationId(id))).collect(),
        ..Stored::empty(ME)
    };
    let (mut model, _) = Model::open(CODEC, Stamp(0), stored);
    let mut asked = model.handle(Stamp(1), Input::Do(Intent::Open { chat: ChatId::Known(OPEN) }));
    loop {
        let load = asked.iter().find_map(|effect| match effect {
            Effect::LoadStored { request, range, .. } => Some((*request, *range)),
            _ => None,
        });
        let Some((request, range)) = load else { break };
        let messages = (range.first.0..=range.last.0).filter_map(|position| message(OPEN, position)).collect();
        model.handle(Stamp(2), Input::StoredPage { request, messages });
        asked = model.handle(Stamp(2), Input::Do(Intent::LoadOlder));
    }
    model
}

/// A page of the feed with so many new messages.
fn page(conversation: ConversationId, from: u64, count: u64) -> Input {
    let number = |position: u64| ChangeNumber(HELD * 3 + position);
    let change = |position| {
        let message = MessageView { changed: number(position), ..message(conversation, position)? };
        Some(Change { number: number(position), row: ChangedRow::Message(message) })
    };
    let counts = Counts { read_position: Position(0), unread: from, mentions: 0, as_of: number(from + count) };
    Input::Changes {
        changes: (from..from + count).filter_map(change).collect(),
        counts: vec![(conversation, counts)],
        cursor: from.to_be_bytes().to_vec(),
    }
}

/// The model of one piece of work, in which the next piece finds it again.
fn handling(conversation: ConversationId, count: u64) -> Source {
    let model = Rc::new(RefCell::new(model()));
    let mut from = HELD + 1;
    Box::new(move || {
        let (model, input) = (model.clone(), page(conversation, from, count));
        from += count;
        let now = Stamp(from);
        Box::new(move || {
            black_box(model.borrow_mut().handle(now, input));
        })
    })
}

/// With the window that says what is read, and what is dropped for it.
fn handling_what_is_read() -> Source {
    let model = Rc::new(RefCell::new(model()));
    let mut next = HELD + 1;
    Box::new(move || {
        let (model, input) = (model.clone(), page(OPEN, next, 1));
        let reading = Intent::Reading { position: Position(next) };
        next += 1;
        let now = Stamp(next * 1_000);
        Box::new(move || {
            let mut model = model.borrow_mut();
            black_box(model.handle(now, input));
            black_box(model.handle(now, Input::Do(reading)));
            black_box(model.handle(Stamp(now.0 + 500), Input::Tick));
        })
    })
}
