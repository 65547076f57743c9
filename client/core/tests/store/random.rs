//! Whatever is written, and whenever the program dies, the store says what the maps say.

use proptest::prelude::*;
use raftchat_client::store::Sweep;
use raftchat_model::{CursorRow, Durability, OutboxId, PageRange, Write};
use raftchat_schema::command::{Act, ConversationAct, Switch};
use raftchat_schema::id::{ChangeNumber, ConversationId, Position, RequestNumber, Stamp, UserId};
use raftchat_schema::view::{MessageView, ReactionView};

use crate::naive::Naive;
use crate::world::{self, Device};

#[derive(Clone, Debug)]
enum Step {
    Write(Vec<Write>, Durability),
    /// The program dies and is started again.
    Die,
    /// It is closed and started again.
    Close,
    Sweep,
}

fn conversation() -> impl Strategy<Value = ConversationId> {
    prop_oneof![Just(world::GARDEN), Just(world::KITCHEN), Just(ConversationId(7))]
}

fn user() -> impl Strategy<Value = UserId> {
    (1_u64..4).prop_map(|number| UserId(number * 1001))
}

fn text() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec!["tea", "teapot", "te", "rose", "roses", "a", "apple", "zebra"]);
    prop::collection::vec(word, 1..5).prop_map(|words| words.join(" "))
}

fn message() -> impl Strategy<Value = MessageView> {
    (conversation(), 1_u64..9, text(), 0_u64..4, 0_u8..6).prop_map(|(conversation, position, text, age, fate)| {
        let first = MessageView {
            // Several at the same time; always the same for the same position.
            sent_at: Stamp(1000 + position / 3),
            ..world::message(conversation, position, &text)
        };
        match fate {
            0 => world::deleted(&first),
            1 | 2 => MessageView { changed: ChangeNumber(200 + age), ..world::edited(&first, &text) },
            _ => first,
        }
    })
}

fn write() -> impl Strategy<Value = Write> {
    prop_oneof![
        12 => message().prop_map(Write::Message),
        2 => (conversation(), 1_u64..9, 1_u64..9).prop_map(|(conversation, position, changed)| Write::Reactions {
            conversation,
            position: Position(position),
            reactions: vec![ReactionView { emoji: "👍".into(), users: vec![UserId(changed)] }],
            changed: ChangeNumber(changed),
        }),
        2 => conversation().prop_map(|id| Write::Conversation(world::conversation(id, "t"))),
        1 => conversation().prop_map(Write::RemoveConversation),
        2 => (conversation(), user()).prop_map(|(conversation, user)| Write::Member { conversation, member: world::member(user) }),
        1 => (conversation(), user())
            .prop_map(|(conversation, user)| Write::MemberLeft { conversation, departure: world::departure(user) }),
        1 => (conversation(), user()).prop_map(|(conversation, user)| Write::MemberGone { conversation, user }),
        1 => (conversation(), prop::option::of("[a-z]{0,3}"))
            .prop_map(|(id, draft)| Write::Place(world::place(id, draft.as_deref()))),
        1 => user().prop_map(|id| Write::Person(world::user(id, "somebody"))),
        2 => (1_u64..5, conversation()).prop_map(|(id, to)| Write::PutOutbox(world::entry(id, Act::In(to, ConversationAct::Leave)))),
        1 => (1_u64..5).prop_map(|id| Write::RemoveOutbox(OutboxId(id))),
        1 => (10_000_u64..20_000).prop_map(|number| Write::LastNumber(RequestNumber(number))),
        1 => (0_u64..99).prop_map(|n| Write::Cursor(CursorRow { bytes: n.to_le_bytes().to_vec(), change: ChangeNumber(n) })),
        1 => Just(Write::Bootstrapped),
        1 => (user(), any::<bool>()).prop_map(|(user, on)| Write::Blocked { user, switch: Switch::from_bool(on) }),
        1 => (user(), "[a-z]{0,2}").prop_map(|(user, draft)| Write::DirectDraft { user, draft: draft.into_bytes() }),
        1 => Just(Write::Forget),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let durability = any::<bool>().prop_map(|synced| if synced { Durability::Synced } else { Durability::Lazy });
    prop_oneof![
        10 => (prop::collection::vec(write(), 1..20), durability).prop_map(|(writes, how)| Step::Write(writes, how)),
        1 => Just(Step::Die),
        1 => Just(Step::Close),
        2 => Just(Step::Sweep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_store_is_what_was_written(steps in prop::collection::vec(step(), 1..16), query in text(), limit in 1_usize..9) {
        let device = Device::new();
        let mut store = device.open();
        let mut naive = Naive::default();
        for step in steps {
            match step {
                Step::Write(writes, durability) => {
                    store.write(&writes, durability).unwrap();
                    for write in &writes {
                        naive.apply(write);
                    }
                }
                Step::Die => {
                    drop(store);
                    store = device.open();
                }
                Step::Close => {
                    store.close().unwrap();
                    store = device.open();
                }
                Step::Sweep => while store.sweep().unwrap() == Sweep::More {},
            }
            prop_assert_eq!(store.head().unwrap().stored, naive.head());
            for within in [None, Some(world::GARDEN)] {
                prop_assert_eq!(store.search(&query, limit, within).unwrap(), naive.search(&query, limit, within));
            }
        }
        let kept = PageRange { first: Position(0), last: Position(u64::MAX) };
        for id in [world::GARDEN, world::KITCHEN, ConversationId(7)] {
            let messages: Vec<_> = naive.messages.values().filter(|message| message.conversation == id).cloned().collect();
            prop_assert_eq!(store.count(Some(id)).unwrap(), messages.len() as u64);
            prop_assert_eq!(store.messages(id, kept).unwrap(), messages);
        }
    }
}
