//! What an act costs the cluster and those whom it concerns: as much as is said before, and never what one could not pay.

use raftchat_schema::command::{
    AccountAct, Act, Command, ConversationAct, Done, MemberRole, Profile, Recipient, SendMessage, Switch,
};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, UserId};
use raftchat_schema::limits::{
    BATCH_ROWS_MAX, GROUP_MEMBERS_MAX, GROUPS_AN_HOUR_MAX, GROUPS_OF_USER_MAX, MEMBERS_TOLD_MAX,
};
use raftchat_schema::view::ChangedRow;
use raftchat_state::cost;

use crate::world::{Person, World, message_id, request};

/// So many people, whose names are of no matter.
fn crowd(world: &mut World, count: usize) -> Vec<Person> {
    (0..count).map(|n| world.register(&format!("one.of.many.{n}"))).collect()
}

fn users(people: &[Person]) -> Vec<UserId> {
    people.iter().map(|person| person.user).collect()
}

/// Does it, and says what it cost before and how many rows it wrote.
fn written(world: &mut World, person: Person, number: u64, act: &Act) -> (raftchat_state::Cost, usize) {
    let estimate = cost(&world.tables, person.user, &act.clone().into()).unwrap();
    let applied = world.apply(&[request(person.session, number, number, act.clone())]);
    assert!(applied.outcomes[0].is_ok(), "{act:?}: {:?}", applied.outcomes);
    (estimate, applied.writes.0.len())
}

#[test]
fn no_act_writes_more_rows_than_it_is_said_to_cost() {
    let mut world = World::default();
    let people = crowd(&mut world, 60);
    let (alice, bob) = (people[0], people[1]);
    let group = world.group(alice, &people[1..50]);
    let small = world.group(alice, &people[1..9]);
    let to = |conversation| Recipient::Conversation(conversation);
    let send = |id, conversation, mentions: &[Person]| {
        let (message_id, mentions) = (message_id(id), users(mentions));
        Act::Send(SendMessage { to: to(conversation), message_id, payload: vec![b'x'; 300], mentions })
    };
    let direct =
        SendMessage { to: Recipient::Direct(bob.user), message_id: message_id(7), payload: vec![1], mentions: vec![] };
    let at = |conversation| (conversation, Position(1));
    let ((conversation, position), (smaller, first)) = (at(group), at(small));
    let acts = vec![
        send(1, group, &people[1..30]),
        send(2, small, &people[1..9]),
        Act::Send(direct),
        Act::In(conversation, ConversationAct::EditMessage { position, payload: vec![b'y'; 400] }),
        Act::In(conversation, ConversationAct::React { position, emoji: "⛵".to_owned(), switch: Switch::On }),
        Act::In(conversation, ConversationAct::PinMessage { position, switch: Switch::On }),
        Act::In(smaller, ConversationAct::MarkRead { position: first }),
        Act::In(group, ConversationAct::MarkUnread),
        Act::In(conversation, ConversationAct::SaveDraft { draft: vec![1; 100] }),
        Act::Account(AccountAct::Block { user: bob.user, switch: Switch::On }),
        Act::Account(AccountAct::Block { user: bob.user, switch: Switch::Off }),
        Act::In(conversation, ConversationAct::DeleteMessage { position }),
        Act::In(conversation, ConversationAct::AddMembers { members: users(&people[50..]) }),
        Act::In(smaller, ConversationAct::AddMembers { members: users(&people[30..40]) }),
        Act::In(conversation, ConversationAct::SetRole { user: bob.user, role: MemberRole::Admin }),
        Act::In(conversation, ConversationAct::RemoveMember { user: people[5].user }),
        Act::In(conversation, ConversationAct::AddMembers { members: users(&people[5..6]) }),
        Act::In(conversation, ConversationAct::Rename { title: "sails".to_owned() }),
        Act::In(conversation, ConversationAct::SetAdminsOnly { switch: Switch::On }),
        Act::Account(AccountAct::SetProfile(Profile { display_name: Some("Alice".to_owned()), ..Profile::default() })),
        Act::Account(AccountAct::CreateGroup { title: "all".to_owned(), members: users(&people) }),
        Act::In(group, ConversationAct::Leave),
        Act::Account(AccountAct::EndOtherSessions),
    ];
    for (number, act) in (1..).zip(acts) {
        let (estimate, rows) = written(&mut world, alice, number, &act);
        // Counters and hash are of the entry.
        assert!(rows <= estimate.rows() + 2, "{act:?} wrote {rows} rows and was said to write {estimate:?}");
        world.check();
    }
}

#[test]
fn what_is_cheap_is_one_token_and_a_group_of_a_thousand_is_not() {
    let mut world = World::default();
    let people = crowd(&mut world, 3);
    let alice = people[0];
    let tokens = |world: &World, act: &Act| cost(&world.tables, alice.user, &act.clone().into()).unwrap().tokens();
    let text = |bytes| {
        let (to, payload) = (Recipient::Direct(people[1].user), vec![b'x'; bytes]);
        Act::Send(SendMessage { to, message_id: message_id(1), payload, mentions: Vec::new() })
    };
    assert_eq!([200, 8 * 1024, 64 * 1024].map(|bytes| tokens(&world, &text(bytes))), [1, 2, 9]);
    let named = |count: u64| {
        Act::Account(AccountAct::CreateGroup { title: "boat".to_owned(), members: (1..=count).map(UserId).collect() })
    };
    assert_eq!([3, 20, 999].map(|count| tokens(&world, &named(count))), [1, 2, 59]);
    let group = world.group(alice, &people[1..]);
    assert_eq!(tokens(&world, &Act::In(group, ConversationAct::Leave)), 1, "leaving is always cheap");
}

#[test]
fn what_takes_away_adds_nothing_to_what_is_stored_for_good() {
    let (world, alice, ..) = World::of_three();
    let position = Position(1);
    let adds = |act| {
        let act = Act::In(ConversationId(7), act).into();
        cost(&world.tables, alice.user, &act).unwrap().adds
    };
    assert!(!adds(ConversationAct::DeleteMessage { position }));
    assert!(!adds(ConversationAct::MarkRead { position }));
    assert!(!adds(ConversationAct::Leave));
    assert!(!adds(ConversationAct::SaveDraft { draft: Vec::new() }));
    assert!(adds(ConversationAct::SaveDraft { draft: b"dear bob".to_vec() }));
    let react = |switch| ConversationAct::React { position, emoji: "👍".to_owned(), switch };
    assert!(adds(react(Switch::On)) && !adds(react(Switch::Off)));
}

#[test]
fn a_group_of_a_thousand_is_one_entry_and_one_change_for_each_of_them() {
    let mut world = World::default();
    let people = crowd(&mut world, GROUP_MEMBERS_MAX);
    let (alice, bob) = (people[0], people[1]);
    let (before, bob_before) = (world.changes(), world.changes());
    let act = Act::Account(AccountAct::CreateGroup { title: "all".to_owned(), members: users(&people) });
    let (estimate, rows) = written(&mut world, alice, 1, &act);
    assert!(rows <= estimate.rows() && estimate.rows() <= BATCH_ROWS_MAX, "{rows} rows, {estimate:?}");
    assert_eq!(world.changes().0 - before.0, 1, "the conversation, whatever number is in it");
    let shown = world.shown(bob, bob_before);
    let [ChangedRow::Conversation(group)] = &shown[..] else { panic!("{} changes", shown.len()) };
    assert!(group.member_count == 1000 && group.members.is_empty() && shown[0].weight() < 1024);
    let asked = raftchat_state::conversation(&world.tables, people[999].user, group.id).unwrap().unwrap();
    assert!(asked.members.iter().any(|member| member.user.id == people[999].user), "who asks is told of themselves");
    // Each who leaves is one more, and it is the same row that moves.
    for person in &people[2..5] {
        world.act(*person, Act::In(group.id, ConversationAct::Leave)).unwrap();
    }
    assert_eq!(world.shown(bob, bob_before).len(), 1);
    world.check();
}

#[test]
fn who_is_told_of_each_member_and_who_is_not_is_a_matter_of_how_many_there_are() {
    let mut world = World::default();
    let people = crowd(&mut world, MEMBERS_TOLD_MAX + 2);
    let (alice, bob) = (people[0], people[1]);
    let group = world.group(alice, &people[1..MEMBERS_TOLD_MAX]);
    let members = |rows: &[ChangedRow]| {
        let told = rows.iter().filter(|row| matches!(row, ChangedRow::Member { .. } | ChangedRow::MemberLeft { .. }));
        let count = |row: &ChangedRow| match row {
            ChangedRow::Conversation(view) => Some((view.member_count as usize, view.members.len())),
            _ => None,
        };
        (told.count(), rows.iter().find_map(count))
    };
    assert_eq!(members(&world.shown(bob, ChangeNumber::default())), (32, Some((32, 32))));
    let before = world.changes();
    world
        .act(alice, Act::In(group, ConversationAct::AddMembers { members: users(&people[MEMBERS_TOLD_MAX..]) }))
        .unwrap();
    assert_eq!(members(&world.shown(bob, before)), (0, Some((34, 0))));
    let before = world.changes();
    world.act(people[33], Act::In(group, ConversationAct::Leave)).unwrap();
    assert_eq!(members(&world.shown(bob, before)), (0, Some((33, 0))));
    world.act(people[5], Act::In(group, ConversationAct::Leave)).unwrap();
    assert_eq!(members(&world.shown(bob, before)), (0, Some((32, 32))), "few enough: all of them are told at once");
    let before = world.changes();
    world.act(people[32], Act::In(group, ConversationAct::Leave)).unwrap();
    world.act(alice, Act::In(group, ConversationAct::AddMembers { members: vec![people[5].user] })).unwrap();
    assert_eq!(members(&world.shown(bob, before)), (2, Some((32, 32))), "and from then on each");
    world.check();
}

#[test]
fn an_account_makes_so_many_groups_an_hour_and_the_same_request_goes_later() {
    let mut world = World::default();
    let people = crowd(&mut world, 2);
    let make = Act::Account(AccountAct::CreateGroup { title: "boat".to_owned(), members: users(&people) });
    for _ in 0..GROUPS_AN_HOUR_MAX {
        world.act(people[0], make.clone()).unwrap();
        // Those of somebody else are counted apart.
        world.act(people[1], make.clone()).unwrap();
    }
    let again = request(people[0].session, 1 << 40, 0, make);
    let refusal = world.one(again.clone()).unwrap_err();
    assert_eq!(refusal.code, ErrorCode::RateLimited);
    world.now += refusal.retry_after_ms;
    assert!(matches!(world.one(again.clone()), Ok(Done::GroupCreated { .. })), "the refusal is not for ever");
    let groups = |world: &World| world.tables.0.len();
    let before = groups(&world);
    world.one(again).unwrap();
    assert_eq!(groups(&world), before, "and what was done is done once");
}

#[test]
fn nobody_is_put_into_more_groups_than_they_can_be_in() {
    let mut world = World::default();
    let bob = world.register("bob");
    let mut made = 0;
    let mut last = ConversationId(0);
    while made < u64::from(GROUPS_OF_USER_MAX) {
        let owner = world.register(&format!("owner.{made}"));
        let many = GROUPS_AN_HOUR_MAX.min(u64::from(GROUPS_OF_USER_MAX) - made);
        let act = || Act::Account(AccountAct::CreateGroup { title: "boat".to_owned(), members: vec![bob.user] });
        let commands: Vec<Command> = (1..=many).map(|n| request(owner.session, n, n, act())).collect();
        let outcomes = world.apply(&commands).outcomes;
        let Some(Ok(Done::GroupCreated { conversation })) = outcomes.last() else { panic!("{outcomes:?}") };
        (made, last) = (made + many, *conversation);
    }
    let carol = world.register("carol");
    let group = world.group(carol, &[]);
    let add = Act::In(group, ConversationAct::AddMembers { members: vec![bob.user] });
    assert_eq!(world.act(carol, add.clone()).unwrap_err().code, ErrorCode::TooMany);
    world.say(carol, bob, "a direct conversation is none of them");
    world.act(bob, Act::In(last, ConversationAct::Leave)).unwrap();
    world.act(carol, add).unwrap();
    world.check();
}
