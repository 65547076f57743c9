//! What holds whatever anybody does. Ids are small, so that chance often hits one that exists.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use raftchat_schema::command::{Act, Command, Done, Outcome, Recipient, Send};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, SessionId, Stamp, UserId};
use raftchat_schema::view::{Change, ChangedRow, MessageState};
use raftchat_state::{
    Applied, Effects, Feed, MemoryTables, PageLimits, apply, apply_batch, change_number, conversations_page, feed_page,
    history, invariants, users_page,
};

use crate::world::{message_id, opening, registration, request, rows_but_system};

const HOUR_MS: i64 = 3600 * 1000;
const PEOPLE: u64 = 4;

fn send() -> impl Strategy<Value = Act> {
    let to = prop_oneof![
        (1..=PEOPLE + 2).prop_map(|user| Recipient::Direct(UserId(user))),
        (1..8_u64).prop_map(|conversation| Recipient::Conversation(ConversationId(conversation))),
    ];
    (to, 1..200_u64, 0..40_usize)
        .prop_map(|(to, id, length)| Act::Send(Send { to, message_id: message_id(id), payload: vec![b'x'; length] }))
}

fn act() -> impl Strategy<Value = Act> {
    let place = || (1..8_u64, 0..12_u64).prop_map(|(id, position)| (ConversationId(id), Position(position)));
    prop_oneof![
        60 => send(),
        15 => place().prop_map(|(conversation, position)| Act::DeleteMessage { conversation, position }),
        20 => place().prop_map(|(conversation, position)| Act::MarkRead { conversation, position }),
        1 => (1..12_u64).prop_map(|session| Act::EndSession(SessionId(session))),
        1 => (1..3_u32).prop_map(|verifier_version| Act::DeleteAccount { verifier_version }),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        1 => (0..9_u64).prop_map(|n| Command::Register(registration(&format!("p{n}"), 100 + n % 7))),
        2 => (1..=PEOPLE + 2, 0..9_u64).prop_map(|(user, n)| Command::OpenSession(opening(UserId(user), 200 + n))),
        40 => (1..10_u64, 1..300_u64, 0..4_u64, act())
            .prop_map(|(session, number, back, act)| request(SessionId(session), number, number / (back + 1), act)),
        2 => vec(1..=PEOPLE + 2, 0..4).prop_map(|users| Command::NoteLastSeen(users.into_iter().map(UserId).collect())),
    ]
}

type Log = Vec<(Stamp, Vec<Command>)>;

/// A log that begins with a few people, each with a session.
fn log() -> impl Strategy<Value = Log> {
    let step = prop_oneof![20 => 0..5000_i64, 2 => Just(2 * HOUR_MS), 2 => -9000..0_i64, 1 => Just(16 * 24 * HOUR_MS)];
    vec((step, vec(command(), 0..10)), 1..30).prop_map(|entries| {
        let mut now = 1_000_000_000;
        let people = (1..=PEOPLE).map(|n| Command::Register(registration(&format!("person{n}"), n))).collect();
        let mut log = vec![(Stamp(now), people)];
        for (step, commands) in entries {
            now = now.saturating_add_signed(step);
            log.push((Stamp(now), commands));
        }
        log
    })
}

fn commit(tables: &mut MemoryTables, stamp: Stamp, commands: &[Command]) -> Applied {
    let applied = apply_batch(tables, stamp, commands).unwrap();
    tables.commit(applied.writes.clone());
    applied
}

fn config() -> ProptestConfig {
    // A failure that is found becomes a named test; nothing is written beside the sources.
    ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() }
}

/// Which row a change is of.
type RowId = (u8, u64, u64);

fn row_id(change: &Change) -> RowId {
    match &change.row {
        ChangedRow::Message(message) => (0, message.conversation.0, message.position.0),
        ChangedRow::Conversation(conversation) => (1, conversation.id.0, 0),
        ChangedRow::ReadMark { conversation, user, .. } => (2, conversation.0, user.0),
        ChangedRow::User(user) => (3, user.id.0, 0),
    }
}

/// A change without what is not its own: members are shown as they are when it is read.
fn own(change: &Change) -> Change {
    let mut own = change.clone();
    if let ChangedRow::Conversation(conversation) = &mut own.row {
        for member in &mut conversation.members {
            (member.deleted, member.last_seen) = (false, None);
        }
    }
    own
}

/// The feed as simply as can be: every row's latest change, and who is in what.
#[derive(Default)]
struct NaiveFeed {
    latest: BTreeMap<RowId, (Feed, Change)>,
    members: BTreeSet<(UserId, ConversationId)>,
}

impl NaiveFeed {
    fn take(&mut self, applied: &Applied) {
        self.members.extend(&applied.joined);
        for change in &applied.changes {
            self.latest.insert(row_id(&change.change), (change.feed, own(&change.change)));
        }
    }

    fn after(&self, user: UserId, after: ChangeNumber) -> Vec<Change> {
        let visible = |feed: &Feed| match feed {
            Feed::Directory => true,
            Feed::Conversation(id) => self.members.contains(&(user, *id)),
        };
        let mut changes: Vec<_> =
            self.latest.values().filter(|(feed, change)| visible(feed) && change.number > after).collect();
        changes.sort_by_key(|(_, change)| change.number);
        changes.into_iter().map(|(_, change)| change.clone()).collect()
    }
}

/// A device that reads the feed a page at a time.
#[derive(Default)]
struct Device {
    cursor: ChangeNumber,
    rows: BTreeMap<RowId, Change>,
}

impl Device {
    /// Reads one page; true if it was the last.
    fn read(&mut self, tables: &MemoryTables, user: UserId, limits: PageLimits) -> bool {
        let page = feed_page(tables, user, self.cursor, limits).unwrap();
        assert!(page.changes.len() <= limits.changes.max(1));
        for change in &page.changes {
            assert!(change.number > self.cursor, "{change:?} was there before");
            self.cursor = change.number;
            self.rows.insert(row_id(change), own(change));
        }
        assert!(page.upto >= self.cursor);
        self.cursor = page.upto;
        page.complete
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_same_log_gives_the_same_rows_and_hash(log in log()) {
        let (mut one, mut other) = (MemoryTables::default(), MemoryTables::default());
        let mut hashes = BTreeSet::new();
        for (stamp, commands) in &log {
            let applied = commit(&mut one, *stamp, commands);
            prop_assert_eq!(&applied, &commit(&mut other, *stamp, commands));
            prop_assert!(hashes.insert(applied.state_hash), "every entry changes the hash");
        }
        prop_assert_eq!(one, other);
    }

    /// All but the hash, which is a matter of entries.
    #[test]
    fn it_does_not_matter_how_commands_are_packed(log in log()) {
        let (mut packed, mut single, mut direct) = <(MemoryTables, MemoryTables, MemoryTables)>::default();
        // An entry of no command moves the time, and there is no command to do that by itself.
        for (stamp, commands) in log.iter().filter(|(_, commands)| !commands.is_empty()) {
            let together = commit(&mut packed, *stamp, commands);
            let mut outcomes = Vec::new();
            let mut effects = Effects::default();
            for command in commands {
                outcomes.extend(commit(&mut single, *stamp, std::slice::from_ref(command)).outcomes);
                let (outcome, more) = apply(&mut direct, *stamp, command).unwrap();
                prop_assert_eq!(Some(&outcome), outcomes.last());
                effects.changes.extend(more.changes);
                effects.ended_sessions.extend(more.ended_sessions);
                effects.joined.extend(more.joined);
            }
            let Applied { changes, ended_sessions, joined, .. } = together;
            prop_assert_eq!(together.outcomes, outcomes);
            prop_assert_eq!(Effects { changes, ended_sessions, joined }, effects);
        }
        prop_assert_eq!(rows_but_system(&packed), rows_but_system(&single));
        prop_assert_eq!(rows_but_system(&packed), rows_but_system(&direct));
        prop_assert_eq!(change_number(&packed), change_number(&direct));
    }

    #[test]
    fn the_invariants_hold_after_every_entry(log in log()) {
        let mut tables = MemoryTables::default();
        for (stamp, commands) in &log {
            commit(&mut tables, *stamp, commands);
            prop_assert_eq!(invariants::check(&tables).unwrap(), []);
        }
    }

    #[test]
    fn a_feed_read_in_pages_is_the_feed(log in log(), user in 1..=PEOPLE, from in 0..80_u64, most in 0..9_usize,
                                        bytes in 0..600_usize, pace in vec(0..4_usize, 31)) {
        let (mut tables, mut naive, mut device) = (MemoryTables::default(), NaiveFeed::default(), Device::default());
        let (user, limits) = (UserId(user), PageLimits { changes: most, bytes });
        for ((stamp, commands), pages) in log.iter().zip(pace) {
            naive.take(&commit(&mut tables, *stamp, commands));
            for _ in 0..pages {
                device.read(&tables, user, limits);
            }
        }
        while !device.read(&tables, user, limits) {}
        let rows: BTreeMap<_, _> =
            naive.after(user, ChangeNumber(0)).into_iter().map(|change| (row_id(&change), change)).collect();
        prop_assert_eq!(&device.rows, &rows, "a device that followed along has it all");
        prop_assert_eq!(device.cursor, change_number(&tables).unwrap());

        let mut cursor = ChangeNumber(from);
        let mut met = Vec::new();
        loop {
            let page = feed_page(&tables, user, cursor, limits).unwrap();
            met.extend(page.changes.iter().map(own));
            cursor = page.upto;
            if page.complete {
                break;
            }
        }
        prop_assert_eq!(met, naive.after(user, ChangeNumber(from)), "and one that comes back, each row once");
    }

    #[test]
    fn a_repeated_command_changes_nothing(log in log()) {
        let mut tables = MemoryTables::default();
        let mut sent: Vec<(Command, Outcome)> = Vec::new();
        let mut now = Stamp(0);
        for (stamp, command) in log.iter().flat_map(|(stamp, all)| all.iter().map(move |command| (stamp, command))) {
            now = *stamp;
            let first = commit(&mut tables, now, std::slice::from_ref(command));
            let before = rows_but_system(&tables);
            let again = commit(&mut tables, now, std::slice::from_ref(command));
            prop_assert_eq!(rows_but_system(&tables), before);
            prop_assert!(again.changes.is_empty() && again.ended_sessions.is_empty() && again.joined.is_empty());
            // Only who ended their own session is told that it has ended.
            if first.ended_sessions.is_empty() {
                prop_assert_eq!(&again.outcomes, &first.outcomes);
            }
            if let [outcome @ Ok(Done::Sent { .. })] = &first.outcomes[..] {
                sent.push((command.clone(), outcome.clone()));
            }
        }
        let change = change_number(&tables);
        for (command, first) in sent {
            let [again] = &commit(&mut tables, now, &[command]).outcomes[..] else { panic!("one outcome") };
            let ended = again.as_ref().is_err_and(|refusal| refusal.code == ErrorCode::SessionEnded);
            prop_assert!(ended || *again == first, "{again:?} was {first:?}");
        }
        prop_assert_eq!(change_number(&tables), change);
    }

    #[test]
    fn unread_is_what_its_definition_says(log in log()) {
        let mut tables = MemoryTables::default();
        for (stamp, commands) in &log {
            commit(&mut tables, *stamp, commands);
        }
        for user in users_page(&tables, UserId(0), usize::MAX).unwrap() {
            for shown in conversations_page(&tables, user.id, ConversationId(0), usize::MAX).unwrap() {
                let mut unread = 0;
                let mut before = Position(0);
                loop {
                    let page = history(&tables, user.id, shown.id, before, 7).unwrap().unwrap();
                    let Some(first) = page.first() else { break };
                    before = first.position;
                    unread += page
                        .iter()
                        .filter(|m| m.position > shown.read_position && m.sender != user.id)
                        .filter(|m| m.state != MessageState::Deleted)
                        .count() as u64;
                    if before == Position(1) {
                        break;
                    }
                }
                prop_assert_eq!(shown.unread, unread, "{} in {}", user.username, shown.id);
            }
        }
    }
}

/// Chance must reach what the properties are about.
#[test]
fn random_logs_reach_every_kind_of_outcome() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut reached = BTreeSet::new();
    for _ in 0..100 {
        let mut tables = MemoryTables::default();
        for (stamp, commands) in log().new_tree(&mut runner).unwrap().current() {
            let applied = commit(&mut tables, stamp, &commands);
            reached.extend(applied.outcomes.into_iter().filter_map(Result::err).map(|refusal| refusal.code));
            let rows = applied.changes.iter().map(|change| row_id(&change.change).0);
            assert!(rows.max().is_none_or(|kind| kind <= 3));
        }
    }
    let all = [
        ErrorCode::WrongCredentials,
        ErrorCode::UsernameTaken,
        ErrorCode::NoSuchUser,
        ErrorCode::NoSuchConversation,
        ErrorCode::NoSuchMessage,
        ErrorCode::NotYours,
        ErrorCode::EmptyMessage,
        ErrorCode::SessionEnded,
        ErrorCode::StaleRequest,
        ErrorCode::AccountChanged,
        ErrorCode::ToYourself,
    ];
    assert_eq!(reached, all.into());
}
