//! Groups: who may do what, who follows the owner, and what a new member sees.

use raftchat_schema::command::{AccountAct, Act, ConversationAct, Done, MemberRole, Outcome, Recipient, Switch};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{ConversationId, Position, UserId};
use raftchat_schema::limits::{GROUP_MEMBERS_MAX, MEMBERS_SHOWN_MAX, TITLE_BYTES_MAX};
use raftchat_schema::view::{ChangedRow, ConversationKind};
use raftchat_state::{
    HistoryRange, Joined, conversation_exists, conversations_page, feeds_of, history, is_member, member_count,
    members_page, revisions,
};

use crate::world::{Person, World, code, request, sending};

fn role(world: &World, viewer: Person, conversation: ConversationId, of: Person) -> Option<MemberRole> {
    let (members, more) =
        members_page(&world.tables, viewer.user, conversation, UserId(0), GROUP_MEMBERS_MAX).unwrap()?;
    assert!(!more);
    members.into_iter().find(|member| member.user.id == of.user).map(|member| member.role)
}

fn set_role(conversation: ConversationId, of: Person, role: MemberRole) -> Act {
    Act::In(conversation, ConversationAct::SetRole { user: of.user, role })
}

#[test]
fn a_group_is_made_of_its_owner_and_others_each_once() {
    let (mut world, alice, bob, carol) = World::of_three();
    let before = world.changes();
    let members = vec![carol.user, bob.user, alice.user, bob.user];
    let create =
        request(alice.session, 900, 0, Act::Account(AccountAct::CreateGroup { title: "the boat".to_owned(), members }));
    let applied = world.apply(std::slice::from_ref(&create));
    let Ok(Done::GroupCreated { conversation }) = applied.outcomes[0] else { panic!("no group: {applied:?}") };
    let joined = |person: Person| Joined { user: person.user, conversation, since: Position(0) };
    assert_eq!(applied.effects.joined, [joined(alice), joined(bob), joined(carol)]);
    let fanned: Vec<_> = applied.effects.changes.iter().map(|change| change.change.row.clone()).collect();
    assert_eq!(world.shown(bob, before), fanned, "the conversation, and then who is in it");
    assert_eq!(fanned.len(), 4);

    let shown = raftchat_state::conversation(&world.tables, bob.user, conversation).unwrap().unwrap();
    assert_eq!(
        (shown.kind, shown.profile.title.as_str(), shown.member_count),
        (ConversationKind::Group, "the boat", 3)
    );
    assert!(shown.members.iter().all(|member| member.added_by == alice.user));
    assert_eq!(role(&world, bob, conversation, alice), Some(MemberRole::Owner));
    assert_eq!(role(&world, bob, conversation, carol), Some(MemberRole::Member));

    let again = world.apply(&[create]);
    assert!(
        again.outcomes == applied.outcomes && again.effects.changes.is_empty(),
        "once, however often it is asked for"
    );
    world.check();
}

#[test]
fn a_group_that_cannot_be_is_refused() {
    let (mut world, alice, bob, carol) = World::of_three();
    world.act(carol, Act::Account(AccountAct::Block { user: alice.user, switch: Switch::On })).unwrap();
    let strangers: Vec<_> = (1..=GROUP_MEMBERS_MAX as u64 + 1).map(UserId).collect();
    let long = "t".repeat(TITLE_BYTES_MAX + 1);
    let cases: [(&str, &[UserId], ErrorCode); 10] = [
        ("", &[bob.user], ErrorCode::EmptyTitle),
        (" \t", &[bob.user], ErrorCode::EmptyTitle),
        ("\u{200B}\u{2060}\u{FEFF}", &[bob.user], ErrorCode::EmptyTitle),
        ("\u{3164}\u{2800}", &[bob.user], ErrorCode::EmptyTitle),
        ("\u{AD}\u{202E}\u{301}", &[bob.user], ErrorCode::EmptyTitle),
        (&long, &[bob.user], ErrorCode::TooLarge),
        ("the boat", &strangers, ErrorCode::TooMany),
        ("the boat", &[bob.user, UserId(1 << 40)], ErrorCode::NoSuchUser),
        ("the boat", &[bob.user, carol.user], ErrorCode::Blocked),
        ("the boat", &[carol.user], ErrorCode::Blocked),
    ];
    for (title, members, refused) in cases {
        let change = world.changes();
        let act = Act::Account(AccountAct::CreateGroup { title: title.to_owned(), members: members.to_vec() });
        assert_eq!((code(world.act(alice, act)), world.changes()), (refused, change), "{title} {members:?}");
    }
    let conversation = world.group(bob, &[carol]);
    let add = |members| Act::In(conversation, ConversationAct::AddMembers { members });
    assert_eq!(code(world.act(bob, add(vec![UserId(1 << 40)]))), ErrorCode::NoSuchUser);
    assert_eq!(code(world.act(bob, add(strangers))), ErrorCode::TooMany);
    world.act(bob, set_role(conversation, carol, MemberRole::Admin)).unwrap();
    assert_eq!(code(world.act(carol, add(vec![bob.user, alice.user]))), ErrorCode::Blocked);
    assert_eq!(
        world.act(bob, add(vec![bob.user, alice.user])),
        Ok(Done::Nothing),
        "in groups both are in, all is well"
    );
    world.check();
}

/// What somebody tries in a group of the owner, two admins and two plain members.
const TRIES: [(&str, [&str; 4]); 9] = [
    // what               by the owner, an admin,      a member,      a stranger
    ("rename", ["done", "done", "not-allowed", "not-a-member"]),
    ("add a stranger", ["done", "done", "not-allowed", "not-a-member"]),
    ("remove a member", ["done", "done", "not-allowed", "not-a-member"]),
    ("remove an admin", ["done", "not-allowed", "not-allowed", "not-a-member"]),
    ("remove the owner", ["not-allowed", "not-allowed", "not-allowed", "not-a-member"]),
    ("promote a member", ["done", "not-allowed", "not-allowed", "not-a-member"]),
    ("demote an admin", ["done", "not-allowed", "not-allowed", "not-a-member"]),
    ("give away the group", ["done", "not-allowed", "not-allowed", "not-a-member"]),
    ("leave", ["done", "done", "done", "not-a-member"]),
];

#[test]
fn each_may_what_their_role_allows() {
    let (mut world, owner, admin, member) = World::of_three();
    let [other_admin, other_member, stranger] = ["dave", "erin", "frank"].map(|name| world.register(name));
    let conversation = world.group(owner, &[admin, other_admin, member, other_member]);
    for promoted in [admin, other_admin] {
        world.act(owner, set_role(conversation, promoted, MemberRole::Admin)).unwrap();
    }
    let tables = world.tables.clone();
    for (what, expected) in TRIES {
        let act = match what {
            "rename" => Act::In(conversation, ConversationAct::Rename { title: "the ship".to_owned() }),
            "add a stranger" => Act::In(conversation, ConversationAct::AddMembers { members: vec![stranger.user] }),
            "remove a member" => Act::In(conversation, ConversationAct::RemoveMember { user: other_member.user }),
            "remove an admin" => Act::In(conversation, ConversationAct::RemoveMember { user: other_admin.user }),
            "remove the owner" => Act::In(conversation, ConversationAct::RemoveMember { user: owner.user }),
            "promote a member" => set_role(conversation, other_member, MemberRole::Admin),
            "demote an admin" => set_role(conversation, other_admin, MemberRole::Member),
            "give away the group" => set_role(conversation, other_member, MemberRole::Owner),
            _ => Act::In(conversation, ConversationAct::Leave),
        };
        let met = [owner, admin, member, stranger].map(|by| {
            world.tables = tables.clone();
            let outcome: Outcome = world.act(by, act.clone());
            world.check();
            outcome.map_or_else(|refusal| refusal.code.name(), |_done| "done")
        });
        assert_eq!(met, expected, "{what}");
    }
}

#[test]
fn roles_are_given_by_the_owner_and_to_members() {
    let (mut world, alice, bob, carol) = World::of_three();
    let conversation = world.group(alice, &[bob]);
    assert_eq!(code(world.act(alice, set_role(conversation, carol, MemberRole::Admin))), ErrorCode::NotAMember);
    assert_eq!(code(world.act(alice, set_role(conversation, alice, MemberRole::Admin))), ErrorCode::NotAllowed);
    let change = world.changes();
    world.act(alice, set_role(conversation, alice, MemberRole::Owner)).unwrap();
    world.act(alice, set_role(conversation, bob, MemberRole::Member)).unwrap();
    assert_eq!(world.changes(), change, "what is so already is no change");

    world.act(alice, set_role(conversation, bob, MemberRole::Owner)).unwrap();
    assert_eq!(role(&world, bob, conversation, bob), Some(MemberRole::Owner));
    assert_eq!(role(&world, bob, conversation, alice), Some(MemberRole::Admin));
    assert_eq!(world.shown(bob, change).len(), 2, "both are shown");
    let remove = Act::In(conversation, ConversationAct::RemoveMember { user: carol.user });
    assert_eq!(code(world.act(bob, remove)), ErrorCode::NotAMember);
    world.check();
}

#[test]
fn what_only_groups_have_is_refused_elsewhere() {
    let (mut world, alice, bob, carol) = World::of_three();
    let (conversation, _) = world.say(alice, bob, "hello");
    let acts = [
        Act::In(conversation, ConversationAct::Rename { title: "us".to_owned() }),
        Act::In(conversation, ConversationAct::AddMembers { members: vec![carol.user] }),
        Act::In(conversation, ConversationAct::RemoveMember { user: bob.user }),
        set_role(conversation, bob, MemberRole::Admin),
        Act::In(conversation, ConversationAct::Leave),
    ];
    for act in acts {
        assert_eq!(code(world.act(alice, act.clone())), ErrorCode::NotAGroup, "{act:?}");
        assert_eq!(code(world.act(carol, act)), ErrorCode::NotAMember);
    }
    assert_eq!(
        code(world.act(alice, Act::In(ConversationId(1 << 40), ConversationAct::Leave))),
        ErrorCode::NoSuchConversation
    );
}

#[test]
fn a_title_is_changed_once() {
    let (mut world, alice, bob, _) = World::of_three();
    let conversation = world.group(alice, &[bob]);
    let change = world.changes();
    let rename = |title: &str| Act::In(conversation, ConversationAct::Rename { title: title.to_owned() });
    world.act(alice, rename("the boat")).unwrap();
    assert_eq!(world.changes(), change);
    for blank in [" ", "\u{200B}", "\u{3164}", "\u{301}"] {
        assert_eq!(code(world.act(alice, rename(blank))), ErrorCode::EmptyTitle);
    }
    assert_eq!(code(world.act(alice, rename(&"t".repeat(TITLE_BYTES_MAX + 1)))), ErrorCode::TooLarge);
    world.act(alice, rename("the ship")).unwrap();
    let [ChangedRow::Conversation(shown)] = &world.shown(bob, change)[..] else { panic!("one change") };
    assert_eq!(shown.profile.title, "the ship");
    world.check();
}

#[test]
fn where_only_admins_write_members_read() {
    let (mut world, alice, bob, carol) = World::of_three();
    let dave = world.register("dave");
    let conversation = world.group(alice, &[bob, carol]);
    world.act(alice, set_role(conversation, bob, MemberRole::Admin)).unwrap();
    let only = |switch| Act::In(conversation, ConversationAct::SetAdminsOnly { switch });
    assert_eq!(code(world.act(carol, only(Switch::On))), ErrorCode::NotAllowed);
    assert_eq!(code(world.act(dave, only(Switch::On))), ErrorCode::NotAMember);
    let own = world.tell(carol, conversation, "before");
    let change = world.changes();
    world.act(bob, only(Switch::On)).unwrap();
    world.act(alice, only(Switch::On)).unwrap();
    let [ChangedRow::Conversation(shown)] = &world.shown(carol, change)[..] else { panic!("one change") };
    assert!(shown.profile.admins_only);
    let say = |person: Person, id| sending(person.session, Recipient::Conversation(conversation), id, b"to all");
    assert_eq!(code(world.one(say(carol, 501))), ErrorCode::NotAllowed);
    assert_eq!([alice, bob].map(|admin| world.one(say(admin, 502)).is_ok()), [true, true]);
    let edit = ConversationAct::EditMessage { position: Position(own), payload: b"as before".to_vec() };
    world.act(carol, Act::In(conversation, edit)).unwrap();
    world.act(alice, only(Switch::Off)).unwrap();
    assert!(world.one(say(carol, 501)).is_ok());
    let direct = world.say(alice, carol, "between us").0;
    let in_direct = Act::In(direct, ConversationAct::SetAdminsOnly { switch: Switch::On });
    assert_eq!(code(world.act(alice, in_direct)), ErrorCode::NotAGroup);
    world.check();
}

#[test]
fn the_admin_who_joined_first_follows_the_owner_and_else_the_member_who_did() {
    let (mut world, alice, bob, carol) = World::of_three();
    let dave = world.register("dave");
    // Dave and carol joined in the same entry: the lower id is first. Bob joined last.
    let conversation = world.group(alice, &[dave, carol]);
    world.act(alice, Act::In(conversation, ConversationAct::AddMembers { members: vec![bob.user] })).unwrap();
    world.act(alice, set_role(conversation, bob, MemberRole::Admin)).unwrap();
    let mut owners = Vec::new();
    for leaving in [alice, bob, carol] {
        world.act(leaving, Act::In(conversation, ConversationAct::Leave)).unwrap();
        world.check();
        let members = members_page(&world.tables, dave.user, conversation, UserId(0), 9).unwrap().unwrap().0;
        owners.extend(members.into_iter().find(|member| member.role == MemberRole::Owner).map(|m| m.user.id));
    }
    assert_eq!(owners, [bob.user, carol.user, dave.user]);
    world.act(dave, Act::In(conversation, ConversationAct::Leave)).unwrap();
    assert!(!conversation_exists(&world.tables, conversation).unwrap());
    assert_eq!(code(world.act(dave, Act::In(conversation, ConversationAct::Leave))), ErrorCode::NoSuchConversation);
    world.check();
}

#[test]
fn a_new_member_sees_what_is_said_from_joining_on() {
    let (mut world, alice, bob, carol) = World::of_three();
    let conversation = world.group(alice, &[bob]);
    for text in ["one", "two", "three"] {
        world.call(alice, conversation, text, &[carol.user]);
    }
    let before = world.changes();
    world.act(alice, Act::In(conversation, ConversationAct::AddMembers { members: vec![carol.user] })).unwrap();
    assert_eq!(is_member(&world.tables, conversation, carol.user).unwrap(), Some(Position(3)));
    assert_eq!((world.unread(carol, conversation), world.mentions(carol, conversation)), (0, 0));
    assert_eq!(feeds_of(&world.tables, carol.user).unwrap()[2].1, Position(3));
    assert_eq!(world.messages(carol, conversation), []);

    let position = Position(2);
    world
        .act(alice, Act::In(conversation, ConversationAct::EditMessage { position, payload: b"for bob".to_vec() }))
        .unwrap();
    let react = |position| {
        Act::In(conversation, ConversationAct::React { position, emoji: "👍".to_owned(), switch: Switch::On })
    };
    world.act(bob, react(position)).unwrap();
    world.delete(alice, conversation, 1).unwrap();
    world.call(alice, conversation, "four", &[carol.user]);
    world.act(bob, react(Position(4))).unwrap();

    let shown = world.shown(carol, before);
    let positions: Vec<_> = shown
        .iter()
        .filter_map(|row| match row {
            ChangedRow::Message(message) => Some(message.position.0),
            ChangedRow::Reactions { position, .. } => Some(position.0),
            _ => None,
        })
        .collect();
    assert_eq!(positions, [4, 4], "neither messages nor what becomes of them");
    assert_eq!((world.unread(carol, conversation), world.mentions(carol, conversation)), (1, 1));
    for range in [HistoryRange::Above(Position(0)), HistoryRange::Below(Position(0)), HistoryRange::Below(Position(9))]
    {
        let page = history(&world.tables, carol.user, conversation, range, 9).unwrap().unwrap();
        assert_eq!(page.iter().map(|message| message.position.0).collect::<Vec<_>>(), [4]);
    }
    assert_eq!(world.messages(bob, conversation).len(), 4);
    world.check();
}

#[test]
fn what_was_said_before_joining_cannot_be_touched() {
    let (mut world, alice, bob, carol) = World::of_three();
    let conversation = world.group(alice, &[bob, carol]);
    world.tell(carol, conversation, "mine");
    world.act(carol, Act::In(conversation, ConversationAct::Leave)).unwrap();
    world.act(alice, Act::In(conversation, ConversationAct::AddMembers { members: vec![carol.user] })).unwrap();
    let position = Position(1);
    let acts = [
        Act::In(conversation, ConversationAct::EditMessage { position, payload: b"still mine".to_vec() }),
        Act::In(conversation, ConversationAct::DeleteMessage { position }),
        Act::In(conversation, ConversationAct::React { position, emoji: "👍".to_owned(), switch: Switch::On }),
        Act::In(conversation, ConversationAct::PinMessage { position, switch: Switch::On }),
    ];
    for act in acts {
        assert_eq!(code(world.act(carol, act.clone())), ErrorCode::NoSuchMessage, "{act:?}");
    }
    let refused = revisions(&world.tables, carol.user, conversation, position).unwrap().unwrap_err();
    assert_eq!(refused.code, ErrorCode::NoSuchMessage);
    world.check();
}

#[test]
fn who_leaves_loses_the_conversation_and_who_is_added_again_begins_anew() {
    let (mut world, alice, bob, carol) = World::of_three();
    let conversation = world.group(alice, &[bob, carol]);
    world.call(alice, conversation, "hello", &[bob.user]);
    world.read(bob, conversation, 1).unwrap();
    world.act(bob, Act::In(conversation, ConversationAct::PinConversation { switch: Switch::On })).unwrap();
    let before = world.changes();
    let applied = world.apply(&[request(
        alice.session,
        800,
        0,
        Act::In(conversation, ConversationAct::RemoveMember { user: bob.user }),
    )]);
    assert_eq!(applied.effects.left, [(bob.user, conversation)]);
    assert_eq!(world.shown(bob, before), [ChangedRow::Left(conversation)]);
    let [ChangedRow::MemberLeft { user, by, after, .. }] = &world.shown(carol, before)[..] else {
        panic!("one change")
    };
    assert_eq!((*user, *by, *after), (bob.user, alice.user, Position(1)));
    let gone = |world: &World, person: Person| {
        let all = conversations_page(&world.tables, person.user, ConversationId(0), 9, usize::MAX).unwrap().0;
        all.iter().all(|shown| shown.id != conversation)
    };
    assert!(gone(&world, bob) && !gone(&world, carol));
    let to = Recipient::Conversation(conversation);
    assert_eq!(code(world.one(sending(bob.session, to, 9000, b"but"))), ErrorCode::NotAMember);
    assert_eq!(member_count(&world.tables, conversation).unwrap(), Some(2));

    world.tell(carol, conversation, "he is gone");
    let away = world.changes();
    world.act(alice, Act::In(conversation, ConversationAct::AddMembers { members: vec![bob.user] })).unwrap();
    let shown = raftchat_state::conversation(&world.tables, bob.user, conversation).unwrap().unwrap();
    let place = (shown.place.since, shown.place.pinned, shown.place.counts.unread);
    assert_eq!(place, (Position(2), false, 0));
    let rows = world.shown(bob, away);
    let [ChangedRow::Conversation(_), ChangedRow::Member { member, .. }, ChangedRow::Place(place)] = &rows[..] else {
        panic!("the conversation, the membership and a place in it: {rows:?}")
    };
    assert_eq!((member.user.id, place.since), (bob.user, Position(2)));
    let rows = world.shown(carol, before);
    assert!(!rows.iter().any(|row| matches!(row, ChangedRow::MemberLeft { .. })), "that he had left is history");
    world.check();
}

#[test]
fn a_large_group_shows_its_first_members_and_pages_the_rest() {
    let (mut world, alice, ..) = World::of_three();
    let first = alice.user.0 - 99;
    let members = (first..first + 50).map(UserId).collect();
    let act = Act::Account(AccountAct::CreateGroup { title: "everybody".to_owned(), members });
    let Ok(Done::GroupCreated { conversation }) = world.act(alice, act) else { panic!("no group") };
    let shown = raftchat_state::conversation(&world.tables, alice.user, conversation).unwrap().unwrap();
    assert_eq!((shown.members.len(), shown.member_count), (MEMBERS_SHOWN_MAX, 51));
    let mut after = UserId(0);
    let mut met = Vec::new();
    loop {
        let (page, more) = members_page(&world.tables, alice.user, conversation, after, 20).unwrap().unwrap();
        after = page.last().map_or(after, |member| member.user.id);
        met.push(page.len());
        if !more {
            break;
        }
    }
    assert_eq!(met, [20, 20, 11]);
    let (page, more) = conversations_page(&world.tables, alice.user, ConversationId(0), 9, 0).unwrap();
    assert_eq!((page.len(), more), (1, false), "a conversation larger than the page travels alone");
    world.check();
}
