//! Killed at any point and started again from what was written: everything is sent once, in order.

use proptest::prelude::*;
use raftchat_model::ChatId;
use raftchat_schema::id::ConversationId;

use crate::world::cluster::{ALICE, BOB, Cluster, says};
use crate::world::device::Device;

#[derive(Clone, Debug)]
enum Step {
    Say,
    SayToBob,
    Perform,
    Unheard,
    Follow,
    Crash,
    Lose,
    BobSays,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => Just(Step::Say),
        2 => Just(Step::SayToBob),
        2 => Just(Step::Perform),
        2 => Just(Step::Unheard),
        2 => Just(Step::Follow),
        2 => Just(Step::Crash),
        1 => Just(Step::Lose),
        1 => Just(Step::BobSays),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn everything_is_sent_once_and_in_order(steps in steps()) {
        let mut cluster = Cluster::new();
        let group = cluster.group(ALICE, "boat", &[BOB]);
        let mut alice = Device::online(ALICE, &mut cluster);
        alice.open(group);
        let (mut in_group, mut to_bob) = (Vec::new(), Vec::new());
        for (number, step) in steps.into_iter().enumerate() {
            let text = format!("message {number}");
            match step {
                Step::Say => {
                    alice.say_in(group, &text);
                    in_group.push(says(&text));
                }
                Step::SayToBob => {
                    alice.say(ChatId::Direct(BOB), &text);
                    to_bob.push(says(&text));
                }
                Step::Perform => {
                    alice.perform_one(&mut cluster);
                }
                Step::Unheard => alice.perform_unheard(&mut cluster),
                Step::Follow => alice.follow(&cluster),
                Step::Crash => {
                    alice.crash();
                    alice.tell(raftchat_model::Input::Link(crate::world::device::ONLINE));
                    alice.open(group);
                }
                Step::Lose => {
                    alice.disconnect();
                    alice.tell(raftchat_model::Input::Link(crate::world::device::ONLINE));
                }
                Step::BobSays => {
                    cluster.say(BOB, group, &text);
                }
            }
        }
        alice.settle(&mut cluster);
        prop_assert_eq!(said(&cluster, Some(group)), in_group);
        prop_assert_eq!(said(&cluster, cluster.direct(ALICE, BOB)), to_bob);
        prop_assert!(alice.store.outbox.is_empty());
        let everything: Vec<_> = cluster.messages(group).into_iter().map(|message| message.payload).collect();
        let shown: Vec<_> = alice.window.texts().iter().map(|text| says(text)).collect();
        prop_assert_eq!(shown, everything);
    }
}

fn said(cluster: &Cluster, conversation: Option<ConversationId>) -> Vec<Vec<u8>> {
    let messages = conversation.map_or(Vec::new(), |id| cluster.messages(id));
    messages.into_iter().filter(|message| message.sender == ALICE).map(|message| message.payload).collect()
}
