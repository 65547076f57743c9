//! What holds whatever anybody does.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use raftchat_schema::command::{Command, Done, InSession, Outcome, SessionAct};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, Stamp, UserId};
use raftchat_schema::level::Level;
use raftchat_schema::view::MessageState;
use raftchat_state::{
    Effects, HistoryRange, MemoryTables, PageLimits, apply, blocked_by, change_number, conversations_page, feed_page,
    history, invariants, level, state_hash, user, users_page,
};

use crate::feeds::{Device, NaiveFeed, RowKind, own, row_id};
use crate::log::{PEOPLE, commit, log};
use crate::world::{World, rows_but_system};

fn config() -> ProptestConfig {
    // A failure that is found becomes a named test; nothing is written beside the sources.
    ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() }
}

fn changes_password(command: &Command) -> bool {
    matches!(command, Command::InSession(InSession { act: SessionAct::ChangePassword { .. }, .. }))
}

/// Who has blocked the sender.
fn hidden_from(tables: &MemoryTables, command: &Command) -> Vec<UserId> {
    let Command::InSession(InSession { session, .. }) = command else { return Vec::new() };
    let Some(sender) = raftchat_state::session(tables, *session).unwrap() else { return Vec::new() };
    let has_blocked = |user: &UserId| blocked_by(tables, *user).unwrap().iter().any(|other| other.id == sender.user);
    // Those too who came in the log.
    let everybody = users_page(tables, UserId(0), usize::MAX).unwrap();
    everybody.into_iter().map(|user| user.id).filter(has_blocked).collect()
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
                effects.joined.retain(|joined| !more.left.contains(&(joined.user, joined.conversation)));
                effects.joined.extend(more.joined);
                effects.left.extend(more.left);
            }
            prop_assert_eq!(together.outcomes, outcomes);
            prop_assert_eq!(together.effects, effects);
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
                                        bytes in 0..600_usize, pace in vec(0..4_usize, 42)) {
        let (mut tables, mut naive, mut device) = (MemoryTables::default(), NaiveFeed::default(), Device::default());
        let (user, limits) = (UserId(user), PageLimits { changes: most, bytes });
        for ((stamp, commands), pages) in log.iter().zip(pace) {
            naive.take(&commit(&mut tables, *stamp, commands));
            for _ in 0..pages {
                device.read(&tables, user, limits);
            }
        }
        if self::user(&tables, user).unwrap().is_none_or(|user| user.deleted) {
            // Nobody reads the feed of who is gone, and what was theirs alone is erased.
            return Ok(());
        }
        while !device.read(&tables, user, limits) {}
        let rows: BTreeMap<_, _> =
            naive.after(user, ChangeNumber(0)).into_iter().map(|change| (row_id(&change), change)).collect();
        for (id, row) in rows.iter().filter(|(_, row)| naive.followed(user, row)) {
            let held = device.rows.get(id).map(|change| own(change, &naive.silent));
            prop_assert_eq!(held.as_ref(), Some(row), "a device that followed along has it all");
        }
        for (id, row) in device.rows.iter().filter(|(id, _)| !rows.contains_key(id)) {
            let vanishes = [RowKind::ReadMark, RowKind::DeliveredMark, RowKind::Reactions].contains(&id.0);
            prop_assert!(vanishes, "and nothing else: {:?}", row);
        }
        prop_assert_eq!(device.cursor, change_number(&tables).unwrap());

        let mut cursor = ChangeNumber(from);
        let mut met = Vec::new();
        loop {
            let page = feed_page(&tables, user, cursor, limits).unwrap();
            met.extend(page.changes.iter().map(|change| own(change, &naive.silent)));
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
            if *command == Command::Erase {
                // Erases the next piece each time.
                commit(&mut tables, now, std::slice::from_ref(command));
                continue;
            }
            let first = commit(&mut tables, now, std::slice::from_ref(command));
            let before = rows_but_system(&tables);
            let again = commit(&mut tables, now, std::slice::from_ref(command));
            prop_assert_eq!(rows_but_system(&tables), before);
            prop_assert_eq!(&again.effects, &Effects::default());
            // Only who ended their own session is told that it has ended; and who changed the password under a number that
            // is forgotten already, that it was changed.
            let changed = again.outcomes.iter().any(|outcome| {
                outcome.as_ref().is_err_and(|refusal| refusal.code == ErrorCode::AccountChanged)
            });
            if first.effects.ended_sessions.is_empty() && !(changed && changes_password(command)) {
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
    fn counts_are_what_their_definitions_say(log in log(), most in 1..9_u32) {
        let mut tables = MemoryTables::default();
        let (mut sent, mut hidden) = (BTreeSet::new(), BTreeSet::new());
        for (stamp, commands) in &log {
            // One by one: who has blocked the sender at that moment is what matters.
            for command in commands {
                let outcomes = commit(&mut tables, *stamp, std::slice::from_ref(command)).outcomes;
                let Some(Ok(Done::Sent { conversation, position, .. })) = outcomes.first() else { continue };
                if sent.insert((*conversation, *position)) {
                    hidden.extend(hidden_from(&tables, command).into_iter().map(|user| (user, *conversation, *position)));
                }
            }
        }
        for user in users_page(&tables, UserId(0), usize::MAX).unwrap() {
            let (all, _) = conversations_page(&tables, user.id, ConversationId(0), usize::MAX, usize::MAX).unwrap();
            for shown in all {
                let (mut unread, mut mentions, mut after) = (0, 0, shown.place.counts.read_position);
                loop {
                    let range = HistoryRange::Above(after);
                    let page = history(&tables, user.id, shown.id, range, most).unwrap().unwrap();
                    let Some(last) = page.last() else { break };
                    after = last.position;
                    let others = page.iter().filter(|m| m.sender != user.id && m.state != MessageState::Deleted);
                    for message in others.filter(|m| !hidden.contains(&(user.id, shown.id, m.position))) {
                        unread += 1;
                        mentions += u64::from(message.mentions.contains(&user.id));
                    }
                }
                let counts = (shown.place.counts.unread, shown.place.counts.mentions);
                prop_assert_eq!(counts, (unread, mentions), "{} in {}", user.username, shown.id);
            }
        }
    }

    #[test]
    fn history_reads_the_same_both_ways(log in log(), most in 1..9_u32) {
        let mut tables = MemoryTables::default();
        for (stamp, commands) in &log {
            commit(&mut tables, *stamp, commands);
        }
        for user in (1..=PEOPLE).map(UserId) {
            let (all, _) = conversations_page(&tables, user, ConversationId(0), usize::MAX, usize::MAX).unwrap();
            for shown in all {
                let page = |range| history(&tables, user, shown.id, range, most).unwrap().unwrap();
                let (mut up, mut down) = (Vec::new(), Vec::new());
                let mut edge = Position(0);
                while let Some(last) = page(HistoryRange::Above(edge)).last() {
                    up.extend(page(HistoryRange::Above(edge)));
                    edge = last.position;
                }
                edge = Position(0);
                while let Some(first) = page(HistoryRange::Below(edge)).first() {
                    down.extend(page(HistoryRange::Below(edge)).into_iter().rev());
                    edge = first.position;
                }
                down.reverse();
                prop_assert!(up.iter().all(|message| message.position > shown.place.since));
                prop_assert_eq!(up.len() as u64, shown.last_position.0 - shown.place.since.0);
                prop_assert_eq!(up, down);
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
    let (mut reached, mut rows) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..100 {
        let mut tables = MemoryTables::default();
        for (stamp, commands) in log().new_tree(&mut runner).unwrap().current() {
            let applied = commit(&mut tables, stamp, &commands);
            reached.extend(applied.outcomes.into_iter().filter_map(Result::err).map(|refusal| refusal.code));
            rows.extend(applied.effects.changes.iter().map(|change| row_id(&change.change).0));
        }
    }
    assert_eq!(rows.len(), 9, "{rows:?}");
    let all = [
        ErrorCode::WrongCredentials,
        ErrorCode::UsernameTaken,
        ErrorCode::NoSuchUser,
        ErrorCode::NoSuchConversation,
        ErrorCode::NoSuchMessage,
        ErrorCode::NotYours,
        ErrorCode::NotAMember,
        ErrorCode::EmptyMessage,
        ErrorCode::SessionEnded,
        ErrorCode::StaleRequest,
        ErrorCode::AccountChanged,
        ErrorCode::MalformedRequest,
        ErrorCode::ToYourself,
        ErrorCode::NotAllowed,
        ErrorCode::Blocked,
        ErrorCode::NotAGroup,
        ErrorCode::EmptyTitle,
        ErrorCode::MalformedReaction,
    ];
    assert_eq!(reached, all.into());
}

#[test]
fn the_level_is_raised_once_and_never_goes_back() {
    let mut world = World::default();
    assert_eq!(level(&world.tables), Ok(Level::FIRST), "as a new cluster begins");
    for (raised, expected) in [(3, 3), (2, 3), (3, 3), (4, 4)] {
        assert_eq!(world.one(Command::RaiseLevel(Level(raised))), Ok(Done::Nothing));
        assert_eq!(level(&world.tables), Ok(Level(expected)));
    }
}

#[test]
fn two_states_that_differ_in_nothing_but_the_level_have_other_hashes() {
    let (mut one, mut other) = (World::default(), World::default());
    one.one(Command::RaiseLevel(Level(2))).unwrap();
    other.one(Command::RaiseLevel(Level(1))).unwrap();
    assert_ne!(state_hash(&one.tables).unwrap(), state_hash(&other.tables).unwrap());
}
