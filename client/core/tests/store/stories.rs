//! What a person would notice.

use raftchat_client::store::{Store, StoreOpenError, Sweep, move_aside};
use raftchat_model::{CursorRow, Durability, OutboxId, PageRange, Write};
use raftchat_schema::command::{Act, Recipient, SendMessage};
use raftchat_schema::id::{ChangeNumber, ConversationId, MessageId, Position};
use raftchat_schema::level::Level;

use crate::world::{self, ALICE, BOB, Device, GARDEN, KITCHEN, positions, texts};

fn said(conversation: ConversationId, count: u64) -> Vec<Write> {
    let text = |position| format!("word{position} and tea");
    (1..=count).map(|position| Write::Message(world::message(conversation, position, &text(position)))).collect()
}

#[test]
fn a_new_device_has_nothing_and_knows_whose_it_is() {
    let device = Device::new();
    let head = device.open().head().unwrap();
    assert_eq!(head.stored, raftchat_model::Stored::empty(ALICE));
    assert!(head.damaged_outbox.is_empty());
}

#[test]
fn alice_pages_through_the_garden_both_ways() {
    let store = Device::new();
    let store = store.open();
    store.write(&said(GARDEN, 9), Durability::Lazy).unwrap();
    store.write(&said(KITCHEN, 2), Durability::Lazy).unwrap();
    assert_eq!(positions(&store.messages_before(GARDEN, Position(8), 3).unwrap()), [5, 6, 7]);
    assert_eq!(positions(&store.messages_before(GARDEN, Position(3), 9).unwrap()), [1, 2]);
    assert_eq!(positions(&store.messages_after(GARDEN, Position(7), 9).unwrap()), [8, 9]);
    assert_eq!(positions(&store.messages_after(GARDEN, Position(0), 2).unwrap()), [1, 2]);
    let range = |first, last| PageRange { first: Position(first), last: Position(last) };
    assert_eq!(positions(&store.messages(GARDEN, range(4, 6)).unwrap()), [4, 5, 6]);
    assert!(store.messages(GARDEN, range(6, 4)).unwrap().is_empty());
    assert_eq!(texts(&store.message(KITCHEN, Position(2)).unwrap().into_iter().collect::<Vec<_>>()), ["word2 and tea"]);
    assert_eq!(store.message(KITCHEN, Position(3)).unwrap(), None);
    assert_eq!((store.count(None).unwrap(), store.count(Some(KITCHEN)).unwrap()), (11, 2));
}

#[test]
fn what_was_edited_or_deleted_is_no_longer_found_by_its_old_words() {
    let device = Device::new();
    let store = device.open();
    let (first, second) = (world::message(GARDEN, 1, "The roses, please"), world::message(GARDEN, 2, "more roses"));
    let write = |message| store.write(&[Write::Message(message)], Durability::Lazy).unwrap();
    write(first.clone());
    write(second.clone());
    let found = |query: &str| positions(&store.search(query, 9, None).unwrap());
    assert_eq!(found("ROSES"), [2, 1], "the newest first");
    assert_eq!(found("roses the"), [1]);
    assert_eq!(found("please ro"), [1], "the last word may be unfinished");
    assert!(found("ros please").is_empty(), "the others may not");
    assert!(found("").is_empty());
    write(world::edited(&first, "the tulips"));
    assert_eq!(found("roses"), [2]);
    assert_eq!(found("tulips"), [1]);
    write(first.clone());
    assert_eq!(found("tulips"), [1], "a late older row changes nothing");
    write(world::deleted(&second));
    assert!(found("roses").is_empty());
}

#[test]
fn a_common_word_and_a_common_beginning_find_the_newest() {
    let device = Device::new();
    let store = device.open();
    // More than are ever listed under one beginning.
    for hundred in 0..210_u64 {
        let positions = hundred * 100 + 1..=hundred * 100 + 100;
        let text = |position: u64| {
            format!("tea{} every day {}", position % 7, if position.is_multiple_of(5000) { "rare" } else { "" })
        };
        let writes: Vec<_> = positions.map(|at| Write::Message(world::message(GARDEN, at, &text(at)))).collect();
        store.write(&writes, Durability::Lazy).unwrap();
    }
    let found = |query: &str, limit| positions(&store.search(query, limit, None).unwrap());
    assert_eq!(found("tea", 3), [21_000, 20_999, 20_998]);
    assert_eq!(found("every day", 2), [21_000, 20_999]);
    assert_eq!(found("rare tea", 9), [20_000, 15_000, 10_000, 5000]);
    assert_eq!(found("every rar", 2), [20_000, 15_000]);
    assert_eq!(found("tea5 t", 2), [20_998, 20_991]);
    assert!(store.search("tea", 3, Some(KITCHEN)).unwrap().is_empty());
}

#[test]
fn a_conversation_that_alice_left_goes_piece_by_piece_and_stays_away_after_a_crash() {
    let device = Device::new();
    let store = device.open();
    store.write(&said(GARDEN, 1000), Durability::Lazy).unwrap();
    store.write(&said(KITCHEN, 1), Durability::Lazy).unwrap();
    store.write(&[Write::RemoveConversation(GARDEN)], Durability::Lazy).unwrap();
    assert_eq!(store.sweep().unwrap(), Sweep::More);
    drop(store);
    let store = device.open();
    assert!(store.messages_after(GARDEN, Position(0), 9).unwrap().is_empty());
    assert_eq!(positions(&store.search("tea", 9, None).unwrap()), [1]);
    assert_eq!(store.count(None).unwrap(), 1);
    let mut pieces = 0;
    while store.sweep().unwrap() == Sweep::More {
        pieces += 1;
    }
    assert_eq!(pieces, 3);
    // She is added again and sees what is said from then on.
    store.write(&[Write::Message(world::message(GARDEN, 1001, "welcome back"))], Durability::Lazy).unwrap();
    assert_eq!(positions(&store.messages_after(GARDEN, Position(0), 9).unwrap()), [1001]);
}

#[test]
fn a_batch_is_there_wholly_or_not_at_all() {
    let device = Device::new();
    let store = device.open();
    let send = |id: u64| {
        let message_id = MessageId(u128::from(id).to_be_bytes());
        Act::Send(SendMessage { to: Recipient::Direct(BOB), message_id, payload: vec![1, 2], mentions: vec![BOB] })
    };
    for page in 1..=20_u64 {
        let cursor = CursorRow { bytes: page.to_be_bytes().to_vec(), change: ChangeNumber(page) };
        let mut writes = vec![Write::Cursor(cursor), Write::PutOutbox(world::entry(page, send(page)))];
        writes.push(Write::Message(world::message(GARDEN, page, "tea")));
        writes.extend((page > 1).then(|| Write::RemoveOutbox(OutboxId(page - 1))));
        store.write(&writes, Durability::Synced).unwrap();
        if page % 5 != 0 {
            continue;
        }
        let found = device.copy();
        let found = found.open();
        let head = found.head().unwrap().stored;
        let cursor = head.cursor.unwrap();
        assert_eq!(cursor.change, ChangeNumber(page));
        assert_eq!(head.outbox, [world::entry(page, send(page))]);
        assert_eq!(found.count(None).unwrap(), page);
        assert_eq!(found.search("tea", 99, None).unwrap().len() as u64, page);
    }
}

#[test]
fn a_journal_that_was_cut_leaves_the_state_after_an_earlier_batch() {
    let device = Device::new();
    let store = device.open();
    for page in 1..=30_u64 {
        let cursor = CursorRow { bytes: vec![1], change: ChangeNumber(page) };
        let writes = [Write::Cursor(cursor), Write::Message(world::message(GARDEN, page, "tea time"))];
        store.write(&writes, Durability::Synced).unwrap();
    }
    let journal = |device: &Device| device.dir().join("db").join("0.jnl");
    let bytes = std::fs::read(journal(&device)).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    for cut in (end / 3..end).step_by(end / 9) {
        let copy = device.copy();
        std::fs::File::options().write(true).open(journal(&copy)).unwrap().set_len(cut as u64).unwrap();
        let found = copy.open();
        let pages = found.head().unwrap().stored.cursor.map_or(0, |cursor| cursor.change.0);
        assert!((1..30).contains(&pages), "cut at {cut}: {pages}");
        assert_eq!(found.count(None).unwrap(), pages);
        assert_eq!(found.search("time", 99, None).unwrap().len() as u64, pages);
    }
}

#[test]
fn one_program_at_a_time() {
    let device = Device::new();
    let store = device.open();
    assert!(matches!(Store::open(&device.dir(), ALICE), Err(StoreOpenError::InUse { .. })));
    assert!(matches!(move_aside(&device.dir()), Err(StoreOpenError::InUse { .. })));
    store.close().unwrap();
    assert!(matches!(Store::open(&device.dir(), BOB), Err(StoreOpenError::OtherUser { found: ALICE, me: BOB, .. })));
    device.open().close().unwrap();
}

#[test]
fn a_store_whose_making_the_power_cut_short_is_made_anew() {
    for made in ["lock", "0.jnl", "version"] {
        let device = Device::new();
        let database = device.dir().join("db");
        std::fs::create_dir_all(database.join("keyspaces")).unwrap();
        for file in ["lock", "0.jnl", "version"] {
            std::fs::write(database.join(file), "").unwrap();
            if file == made {
                break;
            }
        }
        let store = device.open();
        store.write(&said(GARDEN, 9), Durability::Synced).unwrap();
        store.close().unwrap();
        assert_eq!(device.open().count(None).unwrap(), 9, "made up to {made}");
    }
}

#[test]
fn a_database_that_does_not_open_is_moved_aside_when_told_to() {
    let device = Device::new();
    let store = device.open();
    store.write(&said(GARDEN, 9), Durability::Synced).unwrap();
    store.close().unwrap();
    std::fs::write(device.dir().join("db").join("version"), "something else").unwrap();
    let error = Store::open(&device.dir(), ALICE).unwrap_err();
    assert!(matches!(error, StoreOpenError::Damaged { .. }), "{error}");
    let aside = move_aside(&device.dir()).unwrap().unwrap();
    assert!(aside.ends_with("damaged-1") && aside.is_dir());
    assert_eq!(device.open().count(None).unwrap(), 0);
    assert!(move_aside(&device.dir()).unwrap().unwrap().ends_with("damaged-2"));
    assert_eq!(move_aside(&device.dir()).unwrap(), None);
}

#[test]
fn what_a_program_could_not_read_is_fetched_anew_by_its_successor() {
    let device = Device::new();
    let keep = |known: Level| {
        let store = device.open();
        store.write(&said(GARDEN, 9), Durability::Synced).unwrap();
        store.outgrow(known).unwrap();
        store.close().unwrap();
    };
    keep(Level::newest());
    assert_eq!(device.open().count(None).unwrap(), 9, "this program would find no more than it has");
    keep(Level(Level::newest().0 - 1));
    let store = device.open();
    assert_eq!((store.count(None).unwrap(), store.head().unwrap().stored.cursor), (0, None));
    store.write(&said(GARDEN, 9), Durability::Synced).unwrap();
    store.close().unwrap();
    assert_eq!(device.open().count(None).unwrap(), 9, "once");
}
