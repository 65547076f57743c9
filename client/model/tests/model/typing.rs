//! Hints: who is writing and who is there.

use raftchat_model::{ChatId, Input, Intent};
use raftchat_schema::command::{AccountAct, Act, Recipient, Switch};
use raftchat_schema::id::ConversationId;

use crate::world::cluster::{ALICE, BOB, Cluster};
use crate::world::device::Device;

fn direct() -> (Cluster, Device, ConversationId) {
    let mut cluster = Cluster::new();
    let direct = cluster.say_to(BOB, Recipient::Direct(ALICE), "hello", Vec::new()).0;
    let alice = Device::online(ALICE, &mut cluster);
    (cluster, alice, direct)
}

fn names(alice: &Device, direct: ConversationId) -> Vec<String> {
    alice.window.typing.get(&ChatId::Known(direct)).cloned().unwrap_or_default()
}

#[test]
fn bobs_name_stands_until_he_says_it_or_is_not_heard_of() {
    let (mut cluster, mut alice, direct) = direct();
    let writes = Input::Typing { conversation: direct, user: BOB, switch: Switch::On };
    alice.tell(writes.clone());
    assert_eq!(names(&alice, direct), ["bob"]);
    alice.wait(5_000);
    alice.tell(writes.clone());
    alice.wait(5_000);
    assert_eq!(names(&alice, direct), ["bob"], "repeated in time");
    alice.wait(2_000);
    assert!(names(&alice, direct).is_empty());
    alice.tell(writes);
    cluster.say(BOB, direct, "there");
    alice.follow(&cluster);
    assert!(names(&alice, direct).is_empty());
}

#[test]
fn alice_tells_every_three_seconds_and_when_she_stops() {
    let (_, mut alice, direct) = direct();
    let chat = ChatId::Known(direct);
    for text in ["h", "hi", "hi b"] {
        alice.want(Intent::Draft { chat, text: text.to_owned(), reply_to: None });
    }
    assert_eq!(alice.typing, [Switch::On]);
    alice.wait(3_000);
    alice.want(Intent::Typing { chat });
    assert_eq!(alice.typing, [Switch::On, Switch::On]);
    alice.want(Intent::Draft { chat, text: String::new(), reply_to: None });
    assert_eq!(alice.typing, [Switch::On, Switch::On, Switch::Off]);
    alice.want(Intent::Draft { chat, text: "hi".to_owned(), reply_to: None });
    alice.say_in(direct, "hi");
    assert_eq!(alice.typing, [Switch::On, Switch::On, Switch::Off, Switch::On, Switch::Off]);
}

#[test]
fn who_is_there_is_a_hint_that_ends_with_the_link() {
    let (mut cluster, mut alice, direct) = direct();
    alice.tell(Input::Presence { user: BOB, switch: Switch::On });
    assert!(alice.window.chat(direct).online);
    assert!(alice.window.people.get(&BOB).unwrap().online);
    alice.disconnect();
    assert!(!alice.window.chat(direct).online);
    cluster.online.insert(BOB);
    alice.connect(&mut cluster);
    assert!(alice.window.chat(direct).online, "asked for with each link");
}

#[test]
fn a_blocked_person_writes_unseen_and_is_hidden_in_groups() {
    let (mut cluster, mut alice, direct) = direct();
    let group = cluster.group(BOB, "boat", &[ALICE]);
    cluster.say(BOB, group, "hello");
    cluster.say(BOB, group, "again");
    alice.settle(&mut cluster);
    alice.open(group);
    assert!(!alice.window.bubble("hello").hidden_blocked);
    alice.want(Intent::Account(AccountAct::Block { user: BOB, switch: Switch::On }));
    alice.settle(&mut cluster);
    assert!(alice.window.bubble("hello").hidden_blocked);
    assert!(alice.window.people.get(&BOB).unwrap().blocked);
    alice.tell(Input::Typing { conversation: direct, user: BOB, switch: Switch::On });
    assert!(names(&alice, direct).is_empty());
    cluster.act(ALICE, &Act::Account(AccountAct::Block { user: BOB, switch: Switch::Off }));
    alice.follow(&cluster);
    assert!(!alice.window.bubble("hello").hidden_blocked);
}
