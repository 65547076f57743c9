//! Two devices of one person against one cluster: whatever each did, and whatever was lost, they agree in the end.

use proptest::prelude::*;
use raftchat_model::{ChatId, Intent};
use raftchat_schema::command::{Act, ConversationAct, Recipient, Switch};
use raftchat_schema::id::{ConversationId, Position, Stamp};

use crate::world::cluster::{ALICE, BOB, CAROL, Cluster};
use crate::world::device::Device;

fn intend(device: &mut Device, conversation: ConversationId, kind: u8, which: u8) {
    let chat = ChatId::Known(conversation);
    let Some(line) = device.window.chats.get(&chat) else { return };
    let position = Position(u64::from(which) % (line.last_position.0 + 1));
    let switch = Switch::from_bool(kind.is_multiple_of(2));
    let text = format!("{kind} {which}");
    match which % 12 {
        0 | 1 => device.say(chat, &text),
        2 => device.want(Intent::Act { chat, act: ConversationAct::MarkRead { position } }),
        3 => device.want(Intent::Act { chat, act: ConversationAct::MarkUnread }),
        4 => device.want(Intent::Act {
            chat,
            act: ConversationAct::Mute { until: Stamp(if switch.is_on() { u64::MAX } else { 0 }) },
        }),
        5 => device.want(Intent::Act { chat, act: ConversationAct::PinConversation { switch } }),
        6 => device.want(Intent::Draft { chat, text, reply_to: None }),
        7 => device
            .want(Intent::Act { chat, act: ConversationAct::React { position, emoji: "👍".to_owned(), switch } }),
        8 => device.want(Intent::Edit { chat, position, text }),
        9 => device.want(Intent::Act { chat, act: ConversationAct::DeleteMessage { position } }),
        10 => device.want(Intent::Act { chat, act: ConversationAct::PinMessage { position, switch } }),
        _ => device.wait(2_000),
    }
}

fn others(cluster: &mut Cluster, group: ConversationId, which: u8) {
    match which % 4 {
        0 => {
            cluster.say_to(BOB, Recipient::Conversation(group), "hey", vec![ALICE]);
        }
        1 => {
            cluster.say(CAROL, group, "ho");
        }
        2 if cluster.is_member(group, ALICE) => {
            cluster.act(BOB, &Act::In(group, ConversationAct::RemoveMember { user: ALICE }));
        }
        _ => {
            cluster.act(BOB, &Act::In(group, ConversationAct::AddMembers { members: vec![ALICE] }));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn two_devices_agree_after_settling(
        steps in proptest::collection::vec((0_u8..8, any::<u8>(), any::<u8>()), 1..80)
    ) {
        let mut cluster = Cluster::new();
        let group = cluster.group(BOB, "boat", &[ALICE, CAROL]);
        cluster.say(BOB, group, "welcome");
        let mut devices = [Device::online(ALICE, &mut cluster), Device::online(ALICE, &mut cluster)];
        for device in &mut devices {
            device.open(group);
        }
        devices.last_mut().unwrap().ids += 500;
        for (step, kind, which) in steps {
            let device = devices.get_mut(usize::from(step % 2)).unwrap();
            match step {
                0..=3 => intend(device, group, kind, which),
                4 if which % 3 == 0 => {
                    device.crash();
                    device.connect(&mut cluster);
                    device.open(group);
                }
                4 => device.disconnect(),
                5 => device.connect(&mut cluster),
                6 => {
                    device.perform_unheard(&mut cluster);
                    device.follow(&cluster);
                    device.perform_one(&mut cluster);
                }
                _ => others(&mut cluster, group, which),
            }
        }
        for _ in 0..3 {
            for device in &mut devices {
                device.connect(&mut cluster);
                device.wait(20_000);
                device.settle(&mut cluster);
            }
        }
        let [one, other] = &mut devices;
        prop_assert!(one.store.outbox.is_empty() && other.store.outbox.is_empty());
        prop_assert_eq!(&one.window.chats, &other.window.chats);
        prop_assert_eq!(one.window.total, other.window.total);
        if cluster.is_member(group, ALICE) {
            let (truth, line) = (cluster.place(group, ALICE), one.window.chat(group).clone());
            prop_assert_eq!((line.unread, line.mentions), (truth.counts.unread, truth.counts.mentions));
            prop_assert_eq!((line.marked_unread, line.pinned), (truth.marked_unread, truth.pinned));
            for device in [&mut *one, &mut *other] {
                device.open(group);
                device.answer_reads(&cluster);
            }
            prop_assert_eq!(&one.window.timeline, &other.window.timeline);
            let said = cluster.last(group).0 - cluster.since(group, ALICE).unwrap().0;
            prop_assert_eq!(one.window.bubbles().len() as u64, said.min(50));
        }
    }
}
