//! Logs made by chance. Ids are small, so that chance often hits one that exists.

use proptest::collection::vec;
use proptest::prelude::*;
use raftchat_schema::command::{
    AccountAct, Act, Command, ConversationAct, Delivered, MemberRole, OtherSessions, OwnMessages, Profile, Recipient,
    SendMessage, SessionAct, SessionUse, Switch, Verifier,
};
use raftchat_schema::id::{ConversationId, Position, SessionId, Stamp, UserId};
use raftchat_state::{Applied, MemoryTables, apply_batch};

use crate::world::{message_id, opening, registration, request};

const HOUR_MS: i64 = 3600 * 1000;
pub(crate) const PEOPLE: u64 = 4;

/// Entries with their stamps.
pub(crate) type Log = Vec<(Stamp, Vec<Command>)>;

fn anybody() -> impl Strategy<Value = UserId> {
    (1..=PEOPLE + 2).prop_map(UserId)
}

fn anywhere() -> impl Strategy<Value = ConversationId> {
    prop_oneof![2 => Just(1), 3 => 1..9_u64].prop_map(ConversationId)
}

fn place() -> impl Strategy<Value = (ConversationId, Position)> {
    (anywhere(), (0..12_u64).prop_map(Position))
}

fn switch() -> impl Strategy<Value = Switch> {
    any::<bool>().prop_map(Switch::from_bool)
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    (0..40_usize).prop_map(|length| vec![b'x'; length])
}

fn title() -> impl Strategy<Value = String> {
    prop_oneof![Just(" "), Just("the boat"), Just("the crew")].prop_map(str::to_owned)
}

fn send() -> impl Strategy<Value = Act> {
    let to = prop_oneof![
        1 => anybody().prop_map(Recipient::Direct),
        3 => anywhere().prop_map(Recipient::Conversation),
    ];
    (to, 1..200_u64, text(), vec(anybody(), 0..4)).prop_map(|(to, id, payload, mentions)| {
        Act::Send(SendMessage { to, message_id: message_id(id), payload, mentions })
    })
}

fn to_message() -> impl Strategy<Value = Act> {
    let emoji = prop_oneof![Just("👍"), Just("⛵"), Just("👩‍👩‍👧"), Just("not one"), Just("")];
    prop_oneof![
        3 => place().prop_map(|(conversation, position)| Act::In(conversation, ConversationAct::DeleteMessage { position })),
        4 => place().prop_map(|(conversation, position)| Act::In(conversation, ConversationAct::MarkRead { position })),
        3 => (place(), text()).prop_map(|((conversation, position), payload)| {
            Act::In(conversation, ConversationAct::EditMessage { position, payload })
        }),
        3 => (place(), emoji, switch()).prop_map(|((conversation, position), emoji, switch)| {
            Act::In(conversation, ConversationAct::React { position, emoji: emoji.to_owned(), switch })
        }),
        2 => (place(), switch()).prop_map(|((conversation, position), switch)| {
            Act::In(conversation, ConversationAct::PinMessage { position, switch })
        }),
    ]
}

fn to_oneself() -> impl Strategy<Value = Act> {
    let setting = || proptest::option::of(switch());
    let name = proptest::option::of(prop_oneof![Just(""), Just("Somebody")]);
    prop_oneof![
        2 => anywhere().prop_map(|conversation| Act::In(conversation, ConversationAct::MarkUnread)),
        1 => (anywhere(), 0..3_u64).prop_map(|(conversation, until)| Act::In(conversation, ConversationAct::Mute { until: Stamp(until) })),
        1 => (anywhere(), switch()).prop_map(|(conversation, switch)| Act::In(conversation, ConversationAct::PinConversation { switch })),
        1 => (anywhere(), text()).prop_map(|(conversation, draft)| Act::In(conversation, ConversationAct::SaveDraft { draft })),
        1 => (anybody(), switch()).prop_map(|(user, switch)| Act::Account(AccountAct::Block { user, switch })),
        2 => (name, setting(), setting()).prop_map(|(display_name, presence, receipts)| {
            Act::Account(AccountAct::SetProfile(Profile { display_name: display_name.map(str::to_owned), presence, receipts }))
        }),
    ]
}

fn to_group() -> impl Strategy<Value = Act> {
    let role = prop_oneof![Just(MemberRole::Member), Just(MemberRole::Admin), Just(MemberRole::Owner)];
    prop_oneof![
        1 => (title(), vec(anybody(), 0..4)).prop_map(|(title, members)| Act::Account(AccountAct::CreateGroup { title, members })),
        4 => (anywhere(), vec(anybody(), 0..3)).prop_map(|(conversation, members)| {
            Act::In(conversation, ConversationAct::AddMembers { members })
        }),
        3 => (anywhere(), anybody()).prop_map(|(conversation, user)| Act::In(conversation, ConversationAct::RemoveMember { user })),
        3 => (anywhere(), anybody(), role).prop_map(|(conversation, user, role)| {
            Act::In(conversation, ConversationAct::SetRole { user, role })
        }),
        2 => anywhere().prop_map(|conversation| Act::In(conversation, ConversationAct::Leave)),
        1 => (anywhere(), switch()).prop_map(|(conversation, switch)| {
            Act::In(conversation, ConversationAct::SetAdminsOnly { switch })
        }),
        1 => (anywhere(), title()).prop_map(|(conversation, title)| Act::In(conversation, ConversationAct::Rename { title })),
    ]
}

fn to_account() -> impl Strategy<Value = SessionAct> {
    let messages = any::<bool>().prop_map(|all| if all { OwnMessages::Erase } else { OwnMessages::Keep });
    let others = any::<bool>().prop_map(|all| if all { OtherSessions::End } else { OtherSessions::Keep });
    prop_oneof![
        1 => (1..12_u64).prop_map(|session| Act::Account(AccountAct::EndSession(SessionId(session))).into()),
        1 => Just(Act::Account(AccountAct::EndOtherSessions).into()),
        1 => (1..3_u32, others).prop_map(|(verifier_version, others)| {
            let verifier = Verifier::Argon2id("$argon2id$another".to_owned());
            SessionAct::ChangePassword { verifier_version, verifier, others }
        }),
        1 => (1..3_u32, messages).prop_map(|(verifier_version, messages)| {
            SessionAct::DeleteAccount { verifier_version, messages }
        }),
    ]
}

fn act() -> impl Strategy<Value = SessionAct> {
    let asked = prop_oneof![40 => send(), 40 => to_message(), 10 => to_oneself(), 15 => to_group()];
    prop_oneof![105 => asked.prop_map(SessionAct::Asked), 2 => to_account()]
}

fn note() -> impl Strategy<Value = Command> {
    let delivered =
        (anybody(), place()).prop_map(|(user, (conversation, position))| Delivered { user, conversation, position });
    let used = (1..10_u64, 0..3_u8)
        .prop_map(|(session, n)| SessionUse { session: SessionId(session), address: "x".repeat(n.into()) });
    prop_oneof![
        1 => vec(anybody(), 0..4).prop_map(Command::NoteLastSeen),
        2 => vec(delivered, 0..6).prop_map(Command::NoteDelivered),
        1 => vec(used, 0..3).prop_map(Command::NoteUse),
        2 => Just(Command::Erase),
    ]
}

fn command() -> impl Strategy<Value = Command> {
    prop_oneof![
        4 => (0..9_u64).prop_map(|n| Command::Register(registration(&format!("p{n}"), 100 + n % 7))),
        2 => (anybody(), 0..9_u64).prop_map(|(user, n)| Command::OpenSession(opening(user, 200 + n))),
        80 => (1..10_u64, 1..300_u64, 0..4_u64, act())
            .prop_map(|(session, number, back, act)| request(SessionId(session), number, number / (back + 1), act)),
        12 => note(),
    ]
}

/// A log that begins with a few people, each with a session, and a group of them.
pub(crate) fn log() -> impl Strategy<Value = Log> {
    let step = prop_oneof![20 => 0..5000_i64, 2 => Just(2 * HOUR_MS), 2 => -9000..0_i64, 1 => Just(16 * 24 * HOUR_MS)];
    vec((step, vec(command(), 0..12)), 1..40).prop_map(|entries| {
        let mut now = 1_000_000_000;
        let people = (1..=PEOPLE).map(|n| Command::Register(registration(&format!("person{n}"), n))).collect();
        let members = (1..PEOPLE).map(UserId).collect();
        let create = Act::Account(AccountAct::CreateGroup { title: "the boat".to_owned(), members });
        let mut log = vec![(Stamp(now), people), (Stamp(now), vec![request(SessionId(1), 1000, 0, create)])];
        for (step, commands) in entries {
            now = now.saturating_add_signed(step);
            log.push((Stamp(now), commands));
        }
        log
    })
}

pub(crate) fn commit(tables: &mut MemoryTables, stamp: Stamp, commands: &[Command]) -> Applied {
    let applied = apply_batch(tables, stamp, commands).unwrap();
    tables.commit(applied.writes.clone());
    applied
}
