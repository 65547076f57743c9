//! Five devices of four people do whatever comes to them, while nodes are killed and paused; in the end each shows what
//! the state machine's tables hold.
//!
//! How much they do is said by `RAFTCHAT_DEEDS` (300 if it is not set), how long a node is paused by
//! `RAFTCHAT_PAUSE_SECONDS` (3), and what they do follows from `RAFTCHAT_SEED`.

use std::collections::BTreeMap;
use std::time::Duration;

use raftchat_client::{Client, Page, Target};
use raftchat_model::{Bubble, ChatId, ChatSummary, Delivery, Intent};
use raftchat_schema::command::{AccountAct, ConversationAct, Switch};
use raftchat_schema::id::{ConversationId, Position, Stamp, UserId};
use raftchat_schema::view::{ConversationKind, ConversationView, MemberView, MessageView};
use raftchat_schema::wire::decode_payload;
use raftchat_tests::cluster::Cluster;
use raftchat_tests::devices::{Device, said};
use raftchat_tests::draw::Draw;
use raftchat_tests::people::{Person, text_of};
use raftchat_tests::{PATIENCE, soon, until};
use tokio::time::Instant;

use crate::{PROGRAM, number};

const EMOJI: [&str; 3] = ["👍", "❤️", "😂"];

/// Everybody, by name, with the device they registered on. Alice has a second one.
async fn gather(cluster: &Cluster) -> (Vec<Device>, Vec<UserId>) {
    let (mut devices, mut users) = (Vec::new(), Vec::new());
    for (name, node) in [("alice", 1), ("bob", 2), ("carol", 3), ("dave", 4)] {
        let person = Person::on(name, &cluster.device(name), Some(cluster.address(node)));
        person.register().await;
        users.push(person.id().await);
        drop(person.client);
        devices.push(Device::open(&person.profile, Some(cluster.address(node))));
    }
    let phone = cluster.phone("alice", 5).await;
    drop(phone.client);
    devices.push(Device::open(&phone.profile, Some(cluster.address(5))));
    for device in &mut devices {
        device.online().await;
    }
    (devices, users)
}

/// Something that somebody does on one of their devices.
fn deed(draw: &mut Draw, device: &Device, users: &[UserId], count: u64) {
    let chats: Vec<_> = device.screen.chats.values().collect();
    let Some(summary) = usize::try_from(draw.below(chats.len().max(1) as u64)).ok().and_then(|at| chats.get(at)) else {
        return;
    };
    let chat = summary.chat;
    let position = Position(1 + draw.below(summary.last_position.0.max(1)));
    let user = *users.get(usize::try_from(draw.below(users.len() as u64)).unwrap()).unwrap();
    let switch = Switch::from_bool(draw.below(2) == 0);
    let emoji = (*EMOJI.get(usize::try_from(draw.below(3)).unwrap()).unwrap()).to_owned();
    let intent = match draw.below(20) {
        0..=6 => {
            let text = if draw.below(3) == 0 { format!("{count} @alice @bob") } else { format!("{count}") };
            return device.say(chat, &text);
        }
        7 | 8 => Intent::Edit { chat, position, text: format!("{count} edited") },
        9 => Intent::Act { chat, act: ConversationAct::DeleteMessage { position } },
        10 | 11 => Intent::Act { chat, act: ConversationAct::React { position, emoji, switch } },
        12..=14 => Intent::Act { chat, act: ConversationAct::MarkRead { position: position } },
        15 => Intent::Act { chat, act: ConversationAct::MarkUnread },
        16 => {
            Intent::Act { chat, act: ConversationAct::Mute { until: Stamp(if switch.is_on() { u64::MAX } else { 0 }) } }
        }
        17 => Intent::Act { chat, act: ConversationAct::PinMessage { position, switch } },
        18 => Intent::Act { chat, act: ConversationAct::PinConversation { switch } },
        _ if summary.kind == ConversationKind::Direct => {
            Intent::Act { chat, act: ConversationAct::MarkRead { position: summary.last_position } }
        }
        _ => match draw.below(3) {
            0 => Intent::Act { chat, act: ConversationAct::Rename { title: format!("Group {count}") } },
            1 => Intent::Act { chat, act: ConversationAct::AddMembers { members: vec![user] } },
            _ => Intent::Act { chat, act: ConversationAct::RemoveMember { user } },
        },
    };
    device.messenger.act(intent);
}

/// What a device shows of a conversation in its list, and what the tables say it should.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    title: Option<String>,
    members: u32,
    last: Position,
    unread: u64,
    mentions: u64,
    marked: bool,
    muted: bool,
    on_top: bool,
    pinned: Vec<Position>,
}

impl Line {
    fn shown(summary: &ChatSummary) -> Self {
        Self {
            title: (summary.kind == ConversationKind::Group).then(|| summary.title.clone()),
            members: summary.member_count,
            last: summary.last_position,
            unread: summary.unread,
            mentions: summary.mentions,
            marked: summary.marked_unread,
            muted: summary.muted,
            on_top: summary.pinned,
            pinned: summary.pinned_messages.clone(),
        }
    }

    fn held(view: &ConversationView) -> Self {
        Self {
            title: (view.kind == ConversationKind::Group).then(|| view.profile.title.clone()),
            members: view.member_count,
            last: view.last_position,
            unread: view.place.counts.unread,
            mentions: view.place.counts.mentions,
            marked: view.place.marked_unread,
            muted: view.place.muted_until != Stamp(0),
            on_top: view.place.pinned,
            pinned: view.pinned_messages.clone(),
        }
    }
}

/// One message: where, by whom, what, whether edited, and the reactions.
type Told = (Position, UserId, String, bool, Vec<(String, usize)>);

fn shown(bubble: &Bubble) -> Option<Told> {
    let reactions = bubble.reactions.iter().map(|reaction| (reaction.emoji.clone(), reaction.count)).collect();
    Some((bubble.position?, bubble.sender, said(&bubble.body), bubble.edited, reactions))
}

fn held(message: &MessageView) -> Told {
    let text = text_of(message).unwrap_or_else(|| "(deleted)".to_owned());
    let edited = message.edited.is_some() && !message.payload.is_empty();
    let reactions = message.reactions.iter().map(|reaction| (reaction.emoji.clone(), reaction.users.len())).collect();
    (message.position, message.sender, text, edited, reactions)
}

/// Waits until the device's list is what the tables say.
async fn lists_agree(device: &mut Device, name: &str) -> Vec<ConversationId> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        device.draw();
        let held = soon("asking", device.messenger.client().conversations()).await.unwrap();
        let held: BTreeMap<_, _> = held.iter().map(|view| (ChatId::Known(view.id), Line::held(view))).collect();
        let shown: BTreeMap<_, _> =
            device.screen.chats.iter().map(|(chat, summary)| (*chat, Line::shown(summary))).collect();
        if shown == held {
            return held
                .into_keys()
                .filter_map(|chat| if let ChatId::Known(id) = chat { Some(id) } else { None })
                .collect();
        }
        assert!(Instant::now() < deadline, "{name} shows {shown:#?}, and the tables hold {held:#?}");
        // Not a wait for a time to pass but a pause between two looks.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the device shows the whole timeline of a conversation as the tables hold it, and who has received and read
/// its last message.
async fn timelines_agree(device: &mut Device, name: &str, id: ConversationId) {
    let chat = ChatId::Known(id);
    device.read_whole(chat).await;
    device.sent_all().await;
    let client: Client = device.messenger.client().clone();
    let target = Target::Conversation(id);
    let deadline = Instant::now() + PATIENCE;
    let last = loop {
        let history = soon("reading", client.history(&target, Page::Before(None), u32::MAX)).await.unwrap();
        let held: Vec<_> = history.iter().map(held).collect();
        device.draw();
        let shown: Vec<_> = device.screen.bubbles().filter_map(shown).collect();
        if shown == held {
            break history.last().cloned();
        }
        let late = Instant::now() >= deadline;
        assert!(!late, "{name} shows {id} not as it is held: {:#?}", differences(&shown, &held));
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    if let Some(last) = last {
        receipts_agree(device, name, &target, &last).await;
    }
}

/// What is shown and what is held, wherever the two are not the same.
fn differences<'a>(shown: &'a [Told], held: &'a [Told]) -> Vec<(Option<&'a Told>, Option<&'a Told>)> {
    let by_position = |told: &'a [Told]| told.iter().map(|told| (told.0, told)).collect::<BTreeMap<_, _>>();
    let (shown, held) = (by_position(shown), by_position(held));
    let mut positions: Vec<_> = shown.keys().chain(held.keys()).copied().collect();
    positions.sort_unstable();
    positions.dedup();
    let pairs = positions.into_iter().map(|at| (shown.get(&at).copied(), held.get(&at).copied()));
    pairs.filter(|(shown, held)| shown != held).collect()
}

/// Waits until the device shows of all others who have received and read the message.
async fn receipts_agree(device: &mut Device, name: &str, target: &Target, message: &MessageView) {
    let (chat, position) = (ChatId::Known(message.conversation), message.position);
    let client = device.messenger.client().clone();
    let me = soon("asking", client.whoami()).await.unwrap().user.id;
    let others = |user: UserId| user != me && user != message.sender;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let members = soon("asking", client.members(target)).await.unwrap();
        let members = members.iter().filter(|member| others(member.user.id));
        let held: BTreeMap<_, _> = members.map(|member| (member.user.id, reached(member, position))).collect();
        device.screen.receipts = None;
        device.messenger.act(Intent::ShowReceipts { chat, position });
        let (_, _, shown) = device.shows("receipts", |screen| screen.receipts.clone()).await;
        let shown = shown.into_iter().filter(|receipt| others(receipt.user));
        let shown: BTreeMap<_, _> = shown.map(|receipt| (receipt.user, receipt.delivery)).collect();
        if shown == held {
            return;
        }
        assert!(Instant::now() < deadline, "{name} shows of {chat:?} {position}: {shown:?}, and held is {held:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How far a message has got with a member.
fn reached(member: &MemberView, position: Position) -> Delivery {
    if member.read_position >= position {
        return Delivery::Read;
    }
    if member.delivered_position >= position { Delivery::Delivered } else { Delivery::Sent }
}

#[tokio::test]
async fn devices_that_did_whatever_while_nodes_died_show_what_the_tables_hold() {
    let (deeds, seed) = (number("RAFTCHAT_DEEDS", 300), number("RAFTCHAT_SEED", 1));
    let pause = Duration::from_secs(number("RAFTCHAT_PAUSE_SECONDS", 3));
    println!("RAFTCHAT_SEED={seed} RAFTCHAT_DEEDS={deeds} RAFTCHAT_PAUSE_SECONDS={}", pause.as_secs());
    let mut draw = Draw(seed);
    let cluster = Cluster::start(PROGRAM, 5, |config| {
        (config.snapshot_entries, config.keep_entries) = (200, 50);
    })
    .await;
    let (mut devices, users) = gather(&cluster).await;
    let [alice, bob, carol, dave] = *users.as_slice() else { panic!("four people: {users:?}") };
    let first = devices.first().unwrap();
    first
        .messenger
        .act(Intent::Account(AccountAct::CreateGroup { title: "Crew".to_owned(), members: vec![bob, carol, dave] }));
    first.messenger.act(Intent::Account(AccountAct::CreateGroup { title: "Two".to_owned(), members: vec![bob] }));
    first.say(ChatId::Direct(bob), "hello");
    devices.get(2).unwrap().say(ChatId::Direct(alice), "and I am carol");
    for device in &mut devices {
        device.shows("what was begun", |screen| (!screen.chats.is_empty()).then_some(())).await;
    }

    let mut paused: Option<(u64, Instant)> = None;
    let mut dead: Option<u64> = None;
    for count in 0..deeds {
        let at = usize::try_from(draw.below(devices.len() as u64)).unwrap();
        let device = devices.get_mut(at).unwrap();
        device.draw();
        deed(&mut draw, device, &users, count);
        if let Some((node, since)) = paused
            && since.elapsed() >= pause
        {
            cluster.resume(node);
            paused = None;
        }
        match draw.below(40) {
            0 if dead.is_none() => {
                let node = 1 + draw.below(5);
                if paused.is_none_or(|(other, _)| other != node) {
                    cluster.kill(node);
                    dead = Some(node);
                }
            }
            1 => {
                if let Some(node) = dead.take() {
                    cluster.start_node(node);
                }
            }
            2 if paused.is_none() => {
                let node = 1 + draw.below(5);
                if dead != Some(node) {
                    cluster.pause(node);
                    paused = Some((node, Instant::now()));
                }
            }
            _ => {}
        }
        // People do not do everything in the same instant; nothing depends on how long this is.
        tokio::time::sleep(Duration::from_millis(draw.below(60))).await;
    }
    if let Some((node, since)) = paused {
        tokio::time::sleep_until(since + pause).await;
        cluster.resume(node);
    }
    cluster.start_all();
    cluster.serving(5).await;
    for device in &mut devices {
        device.online().await;
    }

    // Settled: what waits in the outboxes is done, and the marks have been told. Nobody is compared before all have done
    // what they were told to: what one still has to send changes what another shows.
    for device in &mut devices {
        let messenger = &device.messenger;
        until("the outbox is empty", async || (messenger.waiting().await == 0).then_some(())).await;
    }
    for (device, name) in devices.iter_mut().zip(["alice", "bob", "carol", "dave", "alice's phone"]) {
        for id in lists_agree(device, name).await {
            timelines_agree(device, name, id).await;
        }
    }
    cluster.agree().await;
    for (device, name) in devices.iter_mut().zip(["alice", "bob", "carol", "dave", "alice's phone"]) {
        let chats = lists_agree(device, name).await;
        println!("{name}: {} conversations agree; {} acts were refused", chats.len(), device.screen.failures);
    }
    let messages = soon("reading", devices.first().unwrap().messenger.search("edited", 10)).await.unwrap();
    assert!(messages.iter().all(|message| decode_payload(&message.payload).is_ok()));
}
