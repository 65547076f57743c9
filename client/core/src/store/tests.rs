//! What becomes of rows that are not what was written. Here, and not with the other tests, because only the store can
//! write such rows.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use raftchat_model::{ConversationRow, EntryState};
use raftchat_model::{Durability, Lane, OutboxEntry, OutboxId, Write};
use raftchat_schema::command::{AccountAct, Act};
use raftchat_schema::id::{ChangeNumber, ConversationId, MessageId, Position, RequestNumber, Stamp, UserId};
use raftchat_schema::payload::Payload;
use raftchat_schema::view::{MessageState, MessageView};
use raftchat_schema::wire;
use tempfile::TempDir;

use super::Store;
use super::database::Table;
use super::keys::{self, Kind};

const ALICE: UserId = UserId(1001);
const GARDEN: ConversationId = ConversationId(70);

fn device() -> (TempDir, Store) {
    let home = tempfile::tempdir().unwrap();
    let store = Store::open(home.path(), ALICE).unwrap();
    (home, store)
}

fn damage(store: &Store, table: Table, key: Vec<u8>) {
    let mut row = store.database.view().get(table, &key).unwrap().unwrap().to_vec();
    row.iter_mut().skip(3).take(1).for_each(|byte| *byte ^= 4);
    store.database.commit([(table, key, Some(row))], Durability::Lazy).unwrap();
}

fn message(position: u64, text: &str) -> MessageView {
    MessageView {
        conversation: GARDEN,
        position: Position(position),
        message_id: MessageId([7; 16]),
        sender: ALICE,
        sender_name: "alice".parse().unwrap(),
        sent_at: Stamp(position),
        state: MessageState::Original,
        revision: 0,
        payload: wire::encode_payload(&Payload::text(text)),
        edited: None,
        mentions: Vec::new(),
        reactions: Vec::new(),
        changed: ChangeNumber(position),
        reactions_changed: ChangeNumber(0),
    }
}

fn entry(id: u64) -> OutboxEntry {
    OutboxEntry {
        id: OutboxId(id),
        number: RequestNumber(id),
        lane: Lane::Account,
        act: Act::Account(AccountAct::EndOtherSessions),
        entered: Stamp(1),
        state: EntryState::Waiting,
    }
}

#[test]
fn a_damaged_message_is_a_hole_that_can_be_filled_again() {
    let (_home, store) = device();
    store.write(&[1, 2, 3].map(|at| Write::Message(message(at, "tea"))), Durability::Lazy).unwrap();
    damage(&store, Table::Messages, keys::message(GARDEN, Position(3)));
    let positions = |found: Vec<MessageView>| found.iter().map(|message| message.position.0).collect::<Vec<_>>();
    assert_eq!(positions(store.messages_after(GARDEN, Position(0), 9).unwrap()), [1, 2]);
    assert_eq!(positions(store.search("tea", 9, None).unwrap()), [2, 1]);
    // It comes again, and says something else by now: the words of the damaged row lead nowhere.
    store.write(&[Write::Message(message(3, "coffee"))], Durability::Lazy).unwrap();
    assert_eq!(positions(store.search("tea", 9, None).unwrap()), [2, 1]);
    assert_eq!(positions(store.search("coffee", 9, None).unwrap()), [3]);
}

#[test]
fn a_damaged_conversation_has_everything_fetched_again() {
    let (_home, store) = device();
    let kitchen = ConversationRow::hearsay(ConversationId(7));
    let garden = ConversationRow::hearsay(GARDEN);
    let writes = [Write::Bootstrapped, Write::Conversation(kitchen), Write::Conversation(garden)];
    store.write(&writes, Durability::Lazy).unwrap();
    assert!(store.head().unwrap().stored.bootstrapped);
    damage(&store, Table::Rows, Kind::Conversation.of_conversation(GARDEN));
    let stored = store.head().unwrap().stored;
    assert_eq!(stored.conversations.len(), 1);
    assert!(!stored.bootstrapped);
}

#[test]
fn a_damaged_entry_of_the_outbox_is_told_until_it_is_forgotten() {
    let (_home, store) = device();
    store.write(&[1, 2, 3].map(|id| Write::PutOutbox(entry(id))), Durability::Synced).unwrap();
    damage(&store, Table::Rows, keys::outbox(OutboxId(2)));
    let head = store.head().unwrap();
    assert_eq!(head.stored.outbox, [entry(1), entry(3)]);
    assert_eq!(head.damaged_outbox, [OutboxId(2)]);
    store.write(&[Write::RemoveOutbox(OutboxId(2))], Durability::Synced).unwrap();
    assert!(store.head().unwrap().damaged_outbox.is_empty());
}

#[test]
fn tables_of_different_batches_keep_the_outbox_and_nothing_else() {
    let (home, store) = device();
    let writes = [Write::Bootstrapped, Write::PutOutbox(entry(1)), Write::Message(message(1, "tea"))];
    store.write(&writes, Durability::Synced).unwrap();
    store.database.commit([(Table::Words, keys::BATCH.to_vec(), None)], Durability::Synced).unwrap();
    drop(store);
    let store = Store::open(home.path(), ALICE).unwrap();
    let stored = store.head().unwrap().stored;
    assert_eq!((stored.outbox, stored.bootstrapped), (vec![entry(1)], false));
    assert_eq!(store.count(None).unwrap(), 0);
}

#[test]
fn a_long_journal_is_read_once() {
    let (home, store) = device();
    // Just too short to be compressed.
    let text = "a long text about tea ".repeat(165);
    for page in 0..48_u64 {
        let writes: Vec<_> = (0..64).map(|at| Write::Message(message(page * 64 + at, &text))).collect();
        store.write(&writes, Durability::Lazy).unwrap();
    }
    assert!(store.database.journal_bytes().unwrap() > 8 << 20);
    drop(store);
    let store = Store::open(home.path(), ALICE).unwrap();
    assert!(store.database.journal_bytes().unwrap() < 1 << 20);
    assert_eq!(store.count(None).unwrap(), 48 * 64);
    // What is written after a journal was emptied is newer than what was written before.
    store.write(&[Write::RemoveConversation(GARDEN)], Durability::Lazy).unwrap();
    store.close().unwrap();
    let store = Store::open(home.path(), ALICE).unwrap();
    assert_eq!(store.count(None).unwrap(), 0);
}

/// Every byte of every file under a directory.
fn bytes_under(dir: &std::path::Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        all.extend(if path.is_dir() { bytes_under(&path) } else { std::fs::read(&path).unwrap() });
    }
    all
}

fn holds(dir: &std::path::Path, text: &str) -> bool {
    bytes_under(dir).windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn what_was_deleted_or_edited_is_in_no_file_once_the_store_was_written_anew() {
    let (home, mut store) = device();
    let planted = ["PLANTED-deleted-word", "PLANTED-edited-word", "KEPT-word"];
    let writes: Vec<_> = (1..).zip(planted).map(|(at, text)| Write::Message(message(at, text))).collect();
    store.write(&writes, Durability::Synced).unwrap();
    assert!(!store.is_unclean());
    let deleted =
        MessageView { state: MessageState::Deleted, payload: Vec::new(), changed: ChangeNumber(8), ..message(1, "") };
    let edited =
        MessageView { state: MessageState::Edited, revision: 1, changed: ChangeNumber(9), ..message(2, "other") };
    store.write(&[Write::Message(deleted), Write::Message(edited)], Durability::Lazy).unwrap();
    assert!(store.is_unclean());
    assert!(planted.iter().all(|text| holds(home.path(), text)), "they are still in the journal");

    store.renew().unwrap();
    assert!(!store.is_unclean());
    assert_eq!(planted.map(|text| holds(home.path(), text)), [false, false, true]);
    assert_eq!(store.search("KEPT", 9, None).unwrap().len(), 1);
    // It goes on in the new files, and again in the first ones.
    store.write(&[Write::Message(message(4, "tea"))], Durability::Synced).unwrap();
    drop(store);
    let mut store = Store::open(home.path(), ALICE).unwrap();
    assert_eq!(store.count(None).unwrap(), 4);
    store.renew().unwrap();
    drop(store);
    assert_eq!(Store::open(home.path(), ALICE).unwrap().count(None).unwrap(), 4);
}

#[test]
fn a_store_that_was_left_unclean_says_so_when_it_is_opened_again() {
    let (home, store) = device();
    store.write(&[Write::Message(message(1, "tea"))], Durability::Synced).unwrap();
    store
        .write(
            &[Write::Message(MessageView { revision: 1, changed: ChangeNumber(9), ..message(1, "coffee") })],
            Durability::Lazy,
        )
        .unwrap();
    drop(store);
    assert!(Store::open(home.path(), ALICE).unwrap().is_unclean());
}
