//! What is erased piece by piece: deleted accounts, and groups that nobody is in.

use raftchat_schema::command::{
    AccountAct, Act, Command, ConversationAct, MemberRole, OwnMessages, SessionAct, Switch,
};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{Position, UserId};
use raftchat_schema::limits::ERASE_STEP_ROWS;
use raftchat_schema::view::{ChangedRow, MessageState};
use raftchat_state::{apply_batch, is_member, members_page};

use crate::world::{Person, World, code, sending};

fn delete_account(world: &mut World, person: Person, messages: OwnMessages) {
    world.act(person, SessionAct::DeleteAccount { verifier_version: 1, messages }).unwrap();
    world.check();
}

#[test]
fn a_group_that_everybody_left_is_erased_in_pieces() {
    let (mut world, alice, bob, carol) = World::of_three();
    let conversation = world.group(alice, &[bob, carol]);
    let said = ERASE_STEP_ROWS as u64;
    for _ in 0..said {
        world.tell(alice, conversation, "of the group");
    }
    let position = Position(1);
    world
        .act(
            alice,
            Act::In(conversation, ConversationAct::EditMessage { position, payload: b"edited in the group".to_vec() }),
        )
        .unwrap();
    world
        .act(
            bob,
            Act::In(conversation, ConversationAct::React { position, emoji: "⛵".to_owned(), switch: Switch::On }),
        )
        .unwrap();
    world.act(bob, Act::In(conversation, ConversationAct::PinMessage { position, switch: Switch::On })).unwrap();
    let before = world.changes();
    for person in [alice, carol, bob] {
        world.act(person, Act::In(conversation, ConversationAct::Leave)).unwrap();
        world.check();
    }
    let pieces = world.erase();
    assert!((3..=5).contains(&pieces), "{pieces} pieces");
    assert!(!world.tables.0.values().any(|row| row.windows(9).any(|window| window == b"the group")));
    assert!(world.shown(bob, before).contains(&ChangedRow::Left(conversation)), "devices still hear of it");
    let to = raftchat_schema::command::Recipient::Conversation(conversation);
    assert_eq!(code(world.one(sending(bob.session, to, 9000, b"hello?"))), ErrorCode::NoSuchConversation);
    assert!(world.one(sending(alice.session, to, 1, b"sent once")).is_ok(), "what was sent is not sent again");
    let rows = world.rows();
    world.one(Command::Erase).unwrap();
    assert_eq!(world.rows(), rows, "nothing is left to erase");
}

#[test]
fn a_deleted_account_leaves_its_groups_and_others_follow() {
    let (mut world, alice, bob, carol) = World::of_three();
    let (direct, _) = world.say(alice, bob, "hello");
    let groups: Vec<_> = (0..60).map(|_| world.group(alice, &[bob, carol])).collect();
    let alone = world.group(alice, &[]);
    world.tell(alice, groups[0], "hello all");
    world.act(alice, Act::In(direct, ConversationAct::SaveDraft { draft: b"my draft".to_vec() })).unwrap();
    world.act(alice, Act::Account(AccountAct::Block { user: carol.user, switch: Switch::On })).unwrap();
    world.act(bob, Act::Account(AccountAct::Block { user: alice.user, switch: Switch::On })).unwrap();
    delete_account(&mut world, alice, OwnMessages::Keep);
    assert!(is_member(&world.tables, groups[0], alice.user).unwrap().is_some(), "one thing after the other");
    let before = world.changes();
    assert!(world.erase() > 1);
    for group in &groups {
        let (members, _) = members_page(&world.tables, bob.user, *group, UserId(0), 9).unwrap().unwrap();
        let mut roles: Vec<_> = members.iter().map(|member| (member.user.id, member.role)).collect();
        roles.sort_by_key(|(_, role)| *role);
        let (first, second) = (bob.user.min(carol.user), bob.user.max(carol.user));
        assert_eq!(roles, [(second, MemberRole::Member), (first, MemberRole::Owner)]);
    }
    let left = world.shown(bob, before);
    let left = left.iter().filter(|row| matches!(row, ChangedRow::MemberLeft { .. })).count();
    assert_eq!(left, groups.len());
    assert_eq!(is_member(&world.tables, alone, alice.user).unwrap(), None);
    assert!(!world.tables.0.values().any(|row| row.windows(8).any(|window| window == b"my draft")));
    assert_eq!(world.messages(bob, groups[0])[0].payload, b"hello all", "messages stay");
    assert!(is_member(&world.tables, direct, alice.user).unwrap().is_some(), "and so does who one spoke to");
    world.act(bob, Act::Account(AccountAct::Block { user: alice.user, switch: Switch::Off })).unwrap();
    let again = Act::Account(AccountAct::Block { user: alice.user, switch: Switch::On });
    assert_eq!(code(world.act(bob, again)), ErrorCode::NoSuchUser);
}

#[test]
fn a_deleted_accounts_messages_go_with_it_if_asked() {
    let (mut world, alice, bob, carol) = World::of_three();
    let (direct, _) = world.say(alice, bob, "hello");
    let [left, kept] = [(); 2].map(|()| world.group(bob, &[alice, carol]));
    for _ in 0..ERASE_STEP_ROWS {
        world.call(alice, kept, "of alice", &[carol.user]);
    }
    world.tell(alice, left, "of alice, who left");
    world.act(alice, Act::In(left, ConversationAct::Leave)).unwrap();
    world.tell(bob, kept, "of bob");
    world.act(bob, Act::In(kept, ConversationAct::PinMessage { position: Position(2), switch: Switch::On })).unwrap();
    world.read(carol, kept, 10).unwrap();
    delete_account(&mut world, alice, OwnMessages::Erase);
    assert_eq!(world.mentions(carol, kept), ERASE_STEP_ROWS as u64 - 10);
    assert!(world.erase() > 2);
    let tombstones = |conversation| {
        let messages = world.messages(bob, conversation);
        messages.iter().map(|message| message.state == MessageState::Deleted).collect::<Vec<_>>()
    };
    assert_eq!((tombstones(direct), tombstones(left)), (vec![true], vec![true]));
    assert_eq!(tombstones(kept).iter().filter(|deleted| !**deleted).count(), 1);
    assert_eq!((world.unread(carol, kept), world.mentions(carol, kept)), (1, 0));
    assert!(!world.tables.0.values().any(|row| row.windows(8).any(|window| window == b"of alice")));
}

#[test]
fn a_piece_is_small() {
    let (mut world, alice, bob, carol) = World::of_three();
    let conversation = world.group(bob, &[alice, carol]);
    for _ in 0..2 * ERASE_STEP_ROWS {
        world.tell(alice, conversation, "of alice");
    }
    delete_account(&mut world, alice, OwnMessages::Erase);
    let mut pieces = 0;
    while raftchat_state::erasure_pending(&world.tables).unwrap() {
        let applied = apply_batch(&world.tables, raftchat_schema::id::Stamp(world.now), &[Command::Erase]).unwrap();
        assert!(applied.writes.0.len() <= ERASE_STEP_ROWS + 16, "{} rows", applied.writes.0.len());
        world.tables.commit(applied.writes);
        pieces += 1;
    }
    assert!(pieces > 4, "{pieces} pieces");
    world.check();
}
