//! How fast the local store is with 100,000 messages in 200 conversations.
//!
//! `cargo bench --bench store` also prints the size on the disk, the memory after opening, and how long the first start
//! after a crash takes.
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot go on fails by panicking")]

use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use raftchat_client::store::Store;
use raftchat_model::{Completeness, ConversationRow, CursorRow, Durability, MemberRow, PlaceRow, Write};
use raftchat_schema::command::{GroupProfile, MemberRole};
use raftchat_schema::id::{ChangeNumber, ConversationId, MessageId, Position, Stamp, UserId};
use raftchat_schema::payload::Payload;
use raftchat_schema::view::{ConversationKind, MessageState, MessageView, UserView};
use raftchat_schema::wire;

const ALICE: UserId = UserId(1);
const CONVERSATIONS: u64 = 200;
const MESSAGES: u64 = 100_000;
const PEOPLE: u64 = 1000;
/// Messages that say it.
const RARE_EVERY: u64 = 10_007;

fn main_store(dir: &Path) -> Store {
    let store = Store::open(dir, ALICE).unwrap();
    let mut writes: Vec<Write> = (1..=PEOPLE).map(|id| Write::Person(person(UserId(id)))).collect();
    for id in (1..=CONVERSATIONS).map(ConversationId) {
        writes.push(Write::Conversation(conversation(id)));
        writes.push(Write::Place(place(id)));
        writes.extend((0..8).map(|at| Write::Member { conversation: id, member: member(UserId(id.0 + at)) }));
    }
    writes.push(Write::Bootstrapped);
    store.write(&writes, Durability::Lazy).unwrap();
    for first in (0..MESSAGES).step_by(64) {
        store.write(&batch(first, 64), Durability::Lazy).unwrap();
    }
    store
}

/// A page of the feed: messages and where to go on from.
fn batch(first: u64, count: u64) -> Vec<Write> {
    let cursor = CursorRow { bytes: first.to_be_bytes().to_vec(), change: ChangeNumber(first) };
    (first..first + count).map(|number| Write::Message(message(number))).chain([Write::Cursor(cursor)]).collect()
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

/// One in a row of all messages, spread over the conversations.
fn message(number: u64) -> MessageView {
    MessageView {
        conversation: ConversationId(number % CONVERSATIONS + 1),
        position: Position(number / CONVERSATIONS + 1),
        message_id: MessageId(u128::from(number).to_be_bytes()),
        sender: UserId(number % PEOPLE + 1),
        sender_name: format!("person{}", number % PEOPLE + 1).parse().unwrap(),
        sent_at: Stamp(1_700_000_000_000 + number * 1000),
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

/// Twelve words, common ones more often, as in a language: the word of rank n about every n-th time.
fn text(number: u64) -> String {
    let mut seed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut words = Vec::new();
    for _ in 0..12 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        // The rank is spread evenly on a logarithmic scale from 1 to 2^14.
        let doublings = seed % 14;
        let rank = (1 << doublings) + (seed >> 20) % (1 << doublings);
        words.push(word(rank));
    }
    if number.is_multiple_of(RARE_EVERY) {
        words.push("zeppelin".to_owned());
    }
    words.join(" ")
}

fn word(rank: u64) -> String {
    const SYLLABLES: [&str; 16] =
        ["ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "wa"];
    let mut rest = rank;
    let mut word = String::new();
    while rest > 0 {
        word.push_str(SYLLABLES.get(usize::try_from(rest % 16).unwrap()).unwrap());
        rest /= 16;
    }
    word
}

fn first_page(dir: &Path) -> Store {
    let store = Store::open(dir, ALICE).unwrap();
    black_box(store.head().unwrap());
    let page = store.messages_before(ConversationId(17), Position(u64::MAX), 50).unwrap();
    assert_eq!(page.len(), 50);
    store
}

fn opening(c: &mut Criterion) {
    let home = tempfile::tempdir().unwrap();
    let dir = home.path().join("store");
    drop(main_store(&dir));
    report("first start after a crash", &dir);
    first_page(&dir).close().unwrap();
    report("start", &dir);
    c.bench_function("open, head and first page of 100,000 messages", |b| {
        // Closing is not part of it.
        b.iter_batched(|| (), |()| first_page(&dir), BatchSize::PerIteration);
    });
}

fn report(what: &str, dir: &Path) {
    let start = Instant::now();
    let store = first_page(dir);
    let took = start.elapsed();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let memory = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default().to_owned();
    println!("{what}: {took:?}, {memory}, {} bytes on disk", size(dir));
    drop(store);
}

fn size(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { size(&path) } else { path.metadata().unwrap().blocks() * 512 }).sum()
}

fn searching(c: &mut Criterion) {
    let home = tempfile::tempdir().unwrap();
    let store = main_store(&home.path().join("store"));
    let mut group = c.benchmark_group("search");
    let mut bench = |name: &str, query: &str, limit: usize, within: Option<ConversationId>| {
        let hits = store.search(query, limit, within).unwrap().len();
        group.bench_function(format!("{name} ({hits} hits)"), |b| {
            b.iter(|| store.search(black_box(query), limit, within).unwrap());
        });
    };
    bench("a rare word", "zeppelin", 50, None);
    bench("a common word", "ce", 50, None);
    bench("a common word in one conversation", "ce", 50, Some(ConversationId(17)));
    bench("two common words", "ce di", 50, None);
    bench("a rare and a common word", "zeppelin ce", 50, None);
    bench("a common and a rare word", "ce zeppelin", 50, None);
    bench("one letter", "b", 50, None);
    bench("a beginning", "zep", 50, None);
    bench("a common word, every hit", "ce difo", usize::MAX, None);
    bench("no such word", "quux", 50, None);
    group.finish();
}

fn writing(c: &mut Criterion) {
    let home = tempfile::tempdir().unwrap();
    let store = main_store(&home.path().join("store"));
    let mut next = MESSAGES;
    let mut group = c.benchmark_group("write 64 messages");
    for (name, durability) in [("lazily", Durability::Lazy), ("synced", Durability::Synced)] {
        group.bench_function(name, |b| {
            b.iter_batched(
                || {
                    next += 64;
                    batch(next, 64)
                },
                |writes| store.write(&writes, durability).unwrap(),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(std::time::Duration::from_millis(500))
        .measurement_time(std::time::Duration::from_secs(2));
    targets = opening, searching, writing
}
criterion_main!(benches);
