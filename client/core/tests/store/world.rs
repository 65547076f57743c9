//! Alice's device, and who she talks with.

use std::path::{Path, PathBuf};

use raftchat_client::store::Store;
use raftchat_model::{
    Completeness, ConversationRow, DepartureRow, EntryState, MemberRow, OutboxEntry, OutboxId, PlaceRow, rules,
};
use raftchat_schema::command::{Act, GroupProfile, MemberRole};
use raftchat_schema::id::{ChangeNumber, ConversationId, MessageId, Position, RequestNumber, Stamp, UserId};
use raftchat_schema::payload::Payload;
use raftchat_schema::view::{ConversationKind, MessageState, MessageView, PlaceView, UserView};
use raftchat_schema::wire;
use tempfile::TempDir;

pub(crate) const ALICE: UserId = UserId(1001);
pub(crate) const BOB: UserId = UserId(2002);
pub(crate) const GARDEN: ConversationId = ConversationId(70);
pub(crate) const KITCHEN: ConversationId = ConversationId(700);

/// A device of Alice's.
pub(crate) struct Device {
    home: TempDir,
}

impl Device {
    pub(crate) fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.home.path().join("store")
    }

    pub(crate) fn open(&self) -> Store {
        Store::open(&self.dir(), ALICE).unwrap()
    }

    /// What another device would find if this one's power went now.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new();
        copy_dir(&self.dir(), &copy.dir());
        copy
    }
}

fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

pub(crate) fn user(id: UserId, name: &str) -> UserView {
    UserView {
        id,
        username: name.parse().unwrap(),
        display_name: name.to_owned(),
        deleted: false,
        last_seen: Some(Stamp(5)),
        online: false,
        presence_hidden: false,
        receipts_off: false,
        changed: ChangeNumber(3),
    }
}

pub(crate) fn conversation(id: ConversationId, title: &str) -> ConversationRow {
    ConversationRow {
        kind: ConversationKind::Group,
        profile: GroupProfile::titled(title),
        member_count: 2,
        last_position: Position(9),
        pinned_messages: vec![Position(4), Position(2)],
        created: Stamp(6),
        changed: ChangeNumber(8),
        complete: Completeness::Complete,
        ..ConversationRow::hearsay(id)
    }
}

pub(crate) fn member(user: UserId) -> MemberRow {
    MemberRow {
        user,
        role: MemberRole::Admin,
        joined: Stamp(4),
        since: Position(1),
        added_by: ALICE,
        read_position: Position(7),
        delivered_position: Position(8),
        changed: ChangeNumber(9),
    }
}

pub(crate) fn departure(user: UserId) -> DepartureRow {
    DepartureRow { user, by: ALICE, after: Position(6), at: Stamp(60), changed: ChangeNumber(61) }
}

pub(crate) fn place(conversation: ConversationId, draft: Option<&str>) -> PlaceRow {
    PlaceRow {
        view: PlaceView { conversation, since: Position(1), ..PlaceView::default() },
        settings_as_of: ChangeNumber(12),
        unsaved_draft: draft.map(|draft| draft.as_bytes().to_vec()),
    }
}

/// Bob says `text`. The later the position, the later he says it.
pub(crate) fn message(conversation: ConversationId, position: u64, text: &str) -> MessageView {
    MessageView {
        conversation,
        position: Position(position),
        message_id: MessageId(u128::from(position).to_be_bytes()),
        sender: BOB,
        sender_name: "bob".parse().unwrap(),
        sent_at: Stamp(1000 + position),
        state: MessageState::Original,
        revision: 0,
        payload: wire::encode_payload(&Payload::text(text)),
        edited: None,
        mentions: Vec::new(),
        reactions: Vec::new(),
        changed: ChangeNumber(100 + position),
        reactions_changed: ChangeNumber(0),
    }
}

/// The same message later, with another text.
pub(crate) fn edited(message: &MessageView, text: &str) -> MessageView {
    MessageView {
        state: MessageState::Edited,
        revision: message.revision + 1,
        payload: wire::encode_payload(&Payload::text(text)),
        edited: Some(Stamp(9000)),
        changed: ChangeNumber(message.changed.0 + 1000),
        ..message.clone()
    }
}

/// The tombstone in its place.
pub(crate) fn deleted(message: &MessageView) -> MessageView {
    MessageView {
        state: MessageState::Deleted,
        payload: Vec::new(),
        changed: ChangeNumber(message.changed.0 + 5000),
        ..message.clone()
    }
}

pub(crate) fn entry(id: u64, act: Act) -> OutboxEntry {
    let lane = rules(&act).lane;
    OutboxEntry {
        id: OutboxId(id),
        number: RequestNumber(10_000 + id),
        lane,
        act,
        entered: Stamp(77),
        state: EntryState::Waiting,
    }
}

pub(crate) fn texts(messages: &[MessageView]) -> Vec<String> {
    messages.iter().map(|message| wire::decode_payload(&message.payload).unwrap().text).collect()
}

pub(crate) fn positions(messages: &[MessageView]) -> Vec<u64> {
    messages.iter().map(|message| message.position.0).collect()
}
