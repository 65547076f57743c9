//! The client against nodes that go away, refuse and fall silent.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod messaging;
mod nodes;
mod refusals;
mod relay;
mod standby;
mod world;

use std::time::{Duration, SystemTime};

use raftchat_certs::{Authorities, ClusterId};
use raftchat_client::{
    Client, ClientError, ClientOptions, Event, Following, LinkState, Page, Profile, Standby, Subscription, Target,
};
use raftchat_schema::command::{AccountAct, Act, ConversationAct, OwnMessages, Profile as OwnProfile, Switch};
use raftchat_schema::id::{ConversationId, MessageId, Position, SessionId, Stamp, UserId};
use raftchat_schema::limits::PAYLOAD_BYTES_MAX;
use zeroize::Zeroizing;

use crate::nodes::{Cluster, device};

fn bob() -> Target {
    Target::User("bob".parse().unwrap())
}

fn secret() -> Zeroizing<String> {
    Zeroizing::new("secret".to_owned())
}

async fn alice(profile: Profile, first: Option<String>) -> Client {
    let client = Client::start(profile, ClientOptions { first, ..ClientOptions::default() }).unwrap();
    client.login("alice".parse().unwrap(), secret()).await.unwrap();
    client
}

/// The positions of the next `count` messages; what is told between them is passed over.
async fn next_messages(subscription: &mut Subscription, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        match tokio::time::timeout(Duration::from_secs(20), subscription.next()).await.unwrap() {
            Some(Event::Change { change, .. }) => numbers.push(change.number.0),
            Some(Event::Ended(error)) => panic!("ended: {error}"),
            Some(_) => {}
            None => panic!("over"),
        }
    }
    numbers
}

/// Waits until everything that was missed is told; gives where that ends.
async fn caught_up(subscription: &mut Subscription) -> Vec<u8> {
    loop {
        match subscription.next().await.unwrap() {
            Event::CaughtUp { cursor } => return cursor,
            Event::Ended(error) => panic!("ended: {error}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_subscription_goes_on_over_another_node_with_nothing_missed_and_nothing_twice() {
    let mut cluster = Cluster::start().await;
    let client = alice(cluster.profile(), Some(cluster.address(2))).await;
    (1..=5).for_each(|id| cluster.world.say(id));
    let mut subscription = client.subscribe(Following::FromStart);
    assert_eq!(next_messages(&mut subscription, 3).await, [1, 2, 3]);
    assert_eq!(client.whoami().await.unwrap().node.0, 2);

    cluster.stop(2);
    (6..=8).for_each(|id| cluster.world.say(id));
    assert_eq!(next_messages(&mut subscription, 5).await, [4, 5, 6, 7, 8]);
    assert_ne!(client.whoami().await.unwrap().node.0, 2);
    assert!(matches!(&*client.link().borrow(), LinkState::Connected { node, .. } if node.0 != 2));
}

#[tokio::test]
async fn each_change_has_a_cursor_to_go_on_from() {
    let cluster = Cluster::start().await;
    let client = alice(cluster.profile(), None).await;
    (1..=4).for_each(|id| cluster.world.say(id));
    let mut first = client.subscribe(Following::FromStart);
    let (change, cursor) = loop {
        if let Event::Change { change, cursor } = first.next().await.unwrap() {
            break (change, cursor);
        }
    };
    assert_eq!(change.number.0, 1);
    drop(first);
    let mut second = client.subscribe(Following::After(cursor));
    assert_eq!(next_messages(&mut second, 3).await, [2, 3, 4]);
    assert!(!caught_up(&mut second).await.is_empty());
}

#[tokio::test]
async fn from_now_begins_with_what_is_new() {
    let cluster = Cluster::start().await;
    let client = alice(cluster.profile(), None).await;
    cluster.world.say(1);
    let mut subscription = client.subscribe(Following::FromNow);
    caught_up(&mut subscription).await;
    cluster.world.say(2);
    assert_eq!(next_messages(&mut subscription, 1).await, [2]);
}

#[tokio::test]
async fn a_reader_that_stops_holds_up_the_node_and_loses_nothing() {
    let cluster = Cluster::start().await;
    let client = alice(cluster.profile(), None).await;
    (1..=700).for_each(|id| cluster.world.say(id));
    let mut subscription = client.subscribe(Following::FromStart);
    client.send(&bob(), MessageId([9; 16]), vec![1]).await.unwrap();
    let expected: Vec<u64> = (1..=701).collect();
    assert_eq!(next_messages(&mut subscription, 701).await, expected);
}

#[tokio::test]
async fn a_message_is_sent_over_another_node_where_one_has_no_majority() {
    let cluster = Cluster::start().await;
    let client = alice(cluster.profile(), Some(cluster.address(1))).await;
    cluster.world.lose_majority(1);
    let sent = client.send(&bob(), MessageId([9; 16]), vec![1]).await.unwrap();
    assert_eq!(sent.position, Position(1));
    assert_ne!(sent.node.0, 1);
}

#[tokio::test]
async fn a_message_without_an_answer_is_repeated_and_stored_once() {
    let cluster = Cluster::start().await;
    let client = alice(cluster.profile(), Some(cluster.address(1))).await;
    cluster.world.fall_silent(1);
    let sent = client.send(&bob(), MessageId([9; 16]), vec![1]).await.unwrap();
    assert_eq!((sent.position, cluster.world.stored()), (Position(1), 1));
    assert_ne!(sent.node.0, 1);
}

#[tokio::test]
async fn where_no_node_has_a_majority_the_cause_is_told() {
    let cluster = Cluster::start().await;
    let options = ClientOptions { timeout: Duration::from_secs(1), ..ClientOptions::default() };
    let client = Client::start(cluster.profile(), options).unwrap();
    client.login("alice".parse().unwrap(), secret()).await.unwrap();
    (1..=3).for_each(|node| cluster.world.lose_majority(node));
    let error = client.send(&bob(), MessageId([9; 16]), vec![1]).await.unwrap_err();
    assert_eq!((error.code(), error.exit_status()), ("unreachable", 3));
    assert!(error.to_string().starts_with("no majority of the nodes answers; nothing was confirmed"), "{error}");
}

#[tokio::test]
async fn history_is_read_to_the_end_though_pages_are_short() {
    let cluster = Cluster::start().await;
    let client = alice(cluster.profile(), None).await;
    (1..=8).for_each(|id| cluster.world.say(id));
    let positions = async |before: Option<u64>, limit| {
        let messages = client.history(&bob(), Page::Before(before.map(Position)), limit).await.unwrap();
        messages.into_iter().map(|message| message.position.0).collect::<Vec<_>>()
    };
    assert_eq!(positions(None, 100).await, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(positions(Some(6), 2).await, [4, 5]);
    assert!(positions(Some(1), 50).await.is_empty());
    assert!(positions(None, 0).await.is_empty());

    let positions = async |after, limit| {
        let messages = client.history(&bob(), Page::After(Position(after)), limit).await.unwrap();
        messages.into_iter().map(|message| message.position.0).collect::<Vec<_>>()
    };
    assert_eq!(positions(0, 100).await, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(positions(2, 4).await, [3, 4, 5, 6]);
    assert!(positions(8, 4).await.is_empty());
    assert!(positions(0, 0).await.is_empty());
}

#[tokio::test]
async fn deleting_an_account_is_done_though_the_answer_was_lost() {
    let cluster = Cluster::start().await;
    let profile = cluster.profile();
    let client = alice(profile.clone(), Some(cluster.address(1))).await;
    cluster.world.fall_silent(1);
    client.delete_account(secret(), OwnMessages::Keep).await.unwrap();
    assert_eq!(profile.session(), None);
    assert!(matches!(client.whoami().await, Err(ClientError::NoSession)));
}

#[tokio::test]
async fn an_ended_session_is_told_and_ends_a_subscription() {
    let mut cluster = Cluster::start().await;
    // Nodes tell it to links that they have; these find it out when the session is taken up.
    let options = ClientOptions { first: Some(cluster.address(1)), standby: Standby::None, ..ClientOptions::default() };
    let client = Client::start(cluster.profile(), options).unwrap();
    client.login("alice".parse().unwrap(), secret()).await.unwrap();
    let mut subscription = client.subscribe(Following::FromNow);
    assert!(!caught_up(&mut subscription).await.is_empty());
    cluster.world.end_sessions();
    cluster.stop(1);
    let ended = loop {
        if let Event::Ended(error) = subscription.next().await.unwrap() {
            break error;
        }
    };
    assert_eq!(ended.code(), "session-ended");
    assert!(subscription.next().await.is_none());
    assert_eq!(client.whoami().await.unwrap_err().code(), "session-ended");
    client.logout().await.unwrap();
}

#[tokio::test]
async fn a_device_that_no_node_accepts_is_told_at_once() {
    let cluster = Cluster::start().await;
    let id: ClusterId = cluster.authorities.cluster().to_string().parse().unwrap();
    let (leaf, _) = device(&Authorities::create_for(id, SystemTime::now()).unwrap());
    let (_, anchors) = device(&cluster.authorities);
    let client = Client::start(cluster.profile_with(leaf, anchors), ClientOptions::default()).unwrap();
    let error = client.login("alice".parse().unwrap(), secret()).await.unwrap_err();
    assert_eq!((error.code(), error.exit_status()), ("certificate-refused", 1), "{error}");
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_leaves_nobody_logged_in() {
    let cluster = Cluster::start().await;
    let client = Client::start(cluster.profile(), ClientOptions::default()).unwrap();
    let wrong = Zeroizing::new("guess".to_owned());
    let error = client.login("alice".parse().unwrap(), wrong).await.unwrap_err();
    assert_eq!(error.code(), "wrong-credentials");
    assert!(matches!(client.whoami().await, Err(ClientError::NoSession)));
}

/// A node under load may hash a password later than other calls may take: who asks another node has waited for nothing.
#[tokio::test]
async fn a_login_that_takes_a_node_long_is_waited_for() {
    let cluster = Cluster::start().await;
    cluster.world.lock().login_takes = Duration::from_secs(6);
    let _client = alice(cluster.profile(), None).await;
    assert_eq!(cluster.world.lock().logins, 1);
}

#[tokio::test]
async fn each_act_is_asked_for_as_it_is() {
    let cluster = Cluster::start().await;
    let client = alice(cluster.profile(), None).await;
    let (conversation, position) = (ConversationId(1), Position(3));
    let acts = [
        Act::In(conversation, ConversationAct::EditMessage { position, payload: vec![1, 2] }),
        Act::In(conversation, ConversationAct::React { position, emoji: "👍".to_owned(), switch: Switch::On }),
        Act::In(conversation, ConversationAct::Mute { until: Stamp(9) }),
        Act::In(conversation, ConversationAct::AddMembers { members: vec![UserId(3001), UserId(4001)] }),
        Act::Account(AccountAct::SetProfile(OwnProfile { receipts: Some(Switch::Off), ..OwnProfile::default() })),
        Act::Account(AccountAct::EndSession(SessionId(8))),
    ];
    for act in acts.clone() {
        client.perform(client.request_number(), act).await.unwrap();
    }
    assert_eq!(cluster.world.lock().acts, acts);
}

#[tokio::test]
async fn what_no_node_would_take_is_refused_here() {
    let cluster = Cluster::start().await;
    let client = alice(cluster.profile(), None).await;
    let (conversation, position) = (ConversationId(1), Position(3));
    let acts = [
        (Act::In(conversation, ConversationAct::SaveDraft { draft: vec![0; PAYLOAD_BYTES_MAX + 1] }), "too-large"),
        (Act::In(conversation, ConversationAct::Rename { title: "x".repeat(129) }), "too-large"),
        (
            Act::In(conversation, ConversationAct::React { position, emoji: "x".repeat(49), switch: Switch::On }),
            "malformed-reaction",
        ),
        (Act::In(conversation, ConversationAct::AddMembers { members: vec![UserId(1); 1001] }), "too-many"),
    ];
    for (act, code) in acts {
        assert_eq!(client.perform(client.request_number(), act).await.unwrap_err().code(), code);
    }
}

#[tokio::test]
async fn leaving_is_done_though_the_answer_was_lost() {
    let cluster = Cluster::start().await;
    let client = alice(cluster.profile(), Some(cluster.address(1))).await;
    cluster.world.fall_silent(1);
    let group = Target::Conversation(ConversationId(1));
    client.act(&group, ConversationAct::Leave).await.unwrap();
    let again = client.act(&group, ConversationAct::Leave).await;
    assert_eq!(again.unwrap_err().code(), "not-a-member");
}

#[tokio::test]
async fn who_is_too_fast_waits_for_as_long_as_the_node_says() {
    let cluster = Cluster::start().await;
    let client = alice(cluster.profile(), None).await;
    cluster.world.lock().too_many = 2;
    let sent = client.send(&bob(), MessageId([9; 16]), vec![1]).await.unwrap();
    assert_eq!((sent.position, cluster.world.lock().sends), (Position(1), 3));
}

#[tokio::test]
async fn counts_follow_the_changes_they_belong_to() {
    let cluster = Cluster::start().await;
    let client = alice(cluster.profile(), None).await;
    (1..=2).for_each(|id| cluster.world.say(id));
    let mut subscription = client.subscribe(Following::FromStart);
    assert_eq!(next_messages(&mut subscription, 2).await, [1, 2]);
    let (conversation, counts) = loop {
        if let Event::Counts { conversation, counts } = subscription.next().await.unwrap() {
            break (conversation, counts);
        }
    };
    assert_eq!((conversation, counts.as_of.0), (ConversationId(1), 2));
}
