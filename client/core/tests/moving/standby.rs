//! Two links at once: the second takes over when the first falls silent, goes away or is said to be suspect, and nothing is
//! missed, doubled or done twice.

use std::time::Duration;

use raftchat_client::{
    Client, ClientOptions, Event, Following, LinkCause, LinkEvent, LinkEventKind, LinkState, Standby, Subscription,
};
use raftchat_schema::id::{ChangeNumber, Cursor, MessageId, NodeId, Position};
use raftchat_schema::view::Notice;

use crate::nodes::Cluster;
use crate::{bob, next_messages, secret};

const SOON: Duration = Duration::from_secs(10);

async fn alice(cluster: &Cluster, first: u64, standby: Standby) -> Client {
    let options = ClientOptions { first: Some(cluster.address(first)), standby, ..ClientOptions::default() };
    let client = Client::start(cluster.profile(), options).unwrap();
    client.login("alice".parse().unwrap(), secret()).await.unwrap();
    client
}

/// What happens to links until that kind of thing does; changes between are no part of it.
async fn until(subscription: &mut Subscription, kind: LinkEventKind) -> LinkEvent {
    let event = async {
        loop {
            match subscription.next().await.unwrap() {
                Event::Path(event) if event.kind == kind => return event,
                Event::Ended(error) => panic!("ended: {error}"),
                _ => {}
            }
        }
    };
    tokio::time::timeout(SOON, event).await.unwrap_or_else(|_| panic!("never {kind:?}"))
}

/// Alice on node 2, with something heard and another node that stands by.
async fn following(cluster: &Cluster) -> (Client, Subscription, NodeId) {
    let client = alice(cluster, 2, Standby::Armed).await;
    let mut subscription = client.subscribe(Following::FromStart);
    assert_eq!(until(&mut subscription, LinkEventKind::Linked).await.node, NodeId(2));
    let standby = until(&mut subscription, LinkEventKind::Standby).await.node;
    assert_ne!(standby, NodeId(2));
    (client, subscription, standby)
}

#[tokio::test]
async fn what_is_followed_does_not_wait_for_the_greeting() {
    let cluster = Cluster::start().await;
    cluster.world.say(1);
    cluster.world.lock().greets_nobody = true;
    let client = alice(&cluster, 2, Standby::None).await;
    let mut subscription = client.subscribe(Following::FromStart);
    assert_eq!(next_messages(&mut subscription, 1).await, [1]);
}

#[tokio::test]
async fn the_standby_takes_over_where_the_node_falls_silent_without_closing() {
    let cluster = Cluster::start().await;
    let (client, mut subscription, standby) = following(&cluster).await;
    (1..=3).for_each(|id| cluster.world.say(id));
    assert_eq!(next_messages(&mut subscription, 3).await, [1, 2, 3]);

    cluster.relay(2).swallow(true);
    (4..=6).for_each(|id| cluster.world.say(id));
    let suspected = until(&mut subscription, LinkEventKind::Suspected).await;
    assert_eq!((suspected.node, suspected.cause), (NodeId(2), Some(LinkCause::Silence)));
    assert_eq!(next_messages(&mut subscription, 3).await, [4, 5, 6]);
    assert!(matches!(&*client.link().borrow(), LinkState::Connected { node, .. } if *node == standby));
    let third = until(&mut subscription, LinkEventKind::Standby).await.node;
    assert!(third != NodeId(2) && third != standby, "another than the one that was suspected");
}

#[tokio::test]
async fn a_node_that_speaks_and_does_not_hear_is_left() {
    let cluster = Cluster::start().await;
    let (client, mut subscription, standby) = following(&cluster).await;
    // Until it is known that the node acknowledges.
    client.users().await.unwrap();
    cluster.relay(2).deafen();
    let moved = until(&mut subscription, LinkEventKind::Moved).await;
    assert_eq!((moved.node, moved.from, moved.cause), (standby, Some(NodeId(2)), Some(LinkCause::Unheard)));
    let third = until(&mut subscription, LinkEventKind::Standby).await.node;
    assert!(third != NodeId(2) && third != standby, "that it speaks does not make it trusted");
    cluster.world.say(1);
    assert_eq!(next_messages(&mut subscription, 1).await, [1]);
}

#[tokio::test]
async fn who_is_asked_as_well_is_told_what_the_other_has_shown() {
    let cluster = Cluster::start().await;
    let (client, mut subscription, standby) = following(&cluster).await;
    (1..=3).for_each(|id| cluster.world.say(id));
    assert_eq!(next_messages(&mut subscription, 3).await, [1, 2, 3]);
    client.users().await.unwrap();
    assert_eq!(cluster.world.lock().shown_elsewhere, [], "a node knows what it has told itself");

    // It is late, so that the other is asked as well.
    cluster.world.fall_silent(2);
    let sent = client.send(&bob(), MessageId([9; 16]), vec![1]).await.unwrap();
    assert_eq!(sent.node, standby);
    assert_eq!(cluster.world.lock().shown_elsewhere, [(standby.0, 3)], "before it is asked, and once");
}

#[tokio::test]
async fn a_move_tells_from_where_and_why_and_how_long_it_took() {
    let cluster = Cluster::start().await;
    let (_client, mut subscription, standby) = following(&cluster).await;
    cluster.relay(2).swallow(true);
    let moved = until(&mut subscription, LinkEventKind::Moved).await;
    assert_eq!((moved.node, moved.from, moved.cause), (standby, Some(NodeId(2)), Some(LinkCause::Silence)));
    // No node is suspected before 120 ms without anything heard, or without anything acknowledged: in that case it may have
    // been heard for up to 50 ms more, beyond which the cause would be another.
    assert!(moved.took.unwrap() >= Duration::from_millis(70), "{moved:?}");
}

#[tokio::test]
async fn what_both_links_push_is_told_once() {
    let cluster = Cluster::start().await;
    let (_client, mut subscription, standby) = following(&cluster).await;
    // The node pushes by itself, while the one that is suspected goes on.
    cluster.world.notify(standby.0, Notice::Suspect(NodeId(2)));
    let moved = until(&mut subscription, LinkEventKind::Moved).await;
    assert_eq!((moved.node, moved.cause), (standby, Some(LinkCause::Hint)));
    (1..=40).for_each(|id| cluster.world.say(id));
    let expected: Vec<u64> = (1..=40).collect();
    assert_eq!(next_messages(&mut subscription, 40).await, expected);
    cluster.world.say(41);
    assert_eq!(next_messages(&mut subscription, 1).await, [41]);
}

#[tokio::test]
async fn an_unanswered_call_is_repeated_over_the_standby_and_done_once() {
    let cluster = Cluster::start().await;
    let (client, _subscription, standby) = following(&cluster).await;
    cluster.relay(2).swallow(true);
    let sent = client.send(&bob(), MessageId([9; 16]), vec![1]).await.unwrap();
    assert_eq!((sent.position, sent.node), (Position(1), standby));
    assert_eq!(cluster.world.stored(), 1);
}

#[tokio::test]
async fn a_call_that_is_late_is_also_made_over_the_standby_without_a_move() {
    let cluster = Cluster::start().await;
    let (client, _subscription, standby) = following(&cluster).await;
    client.send(&bob(), MessageId([8; 16]), vec![1]).await.unwrap();
    cluster.world.fall_silent(2);
    let asked = std::time::Instant::now();
    let sent = client.send(&bob(), MessageId([9; 16]), vec![1]).await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(3), "long before the attempt is given up");
    assert_eq!((sent.node, cluster.world.stored()), (standby, 2));
    assert!(matches!(&*client.link().borrow(), LinkState::Connected { node, .. } if node.0 == 2));
}

/// As on the side of a minority: both go on speaking, and neither is suspected.
#[tokio::test]
async fn where_neither_of_two_nodes_has_a_majority_a_call_goes_to_a_third() {
    let cluster = Cluster::start().await;
    let (client, _subscription, standby) = following(&cluster).await;
    cluster.world.lose_majority(2);
    cluster.world.lose_majority(standby.0);
    let asked = std::time::Instant::now();
    let sent = client.send(&bob(), MessageId([9; 16]), vec![1]).await.unwrap();
    assert!(sent.node != NodeId(2) && sent.node != standby);
    assert!(asked.elapsed() < Duration::from_millis(1_500), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn an_armed_node_is_told_where_the_feed_stands() {
    let cluster = Cluster::start().await;
    let (_client, mut subscription, standby) = following(&cluster).await;
    (1..=80).for_each(|id| cluster.world.say(id));
    next_messages(&mut subscription, 80).await;
    cluster.world.say(81);
    let told = async {
        while !cluster.world.lock().advanced.iter().any(|(node, upto)| *node == standby.0 && *upto >= 64) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, told).await.unwrap();
    assert!(!cluster.world.is_activated(standby.0), "and pushes nothing");
}

#[tokio::test]
async fn who_speaks_again_is_taken_back_when_the_other_falls_silent() {
    let cluster = Cluster::start().await;
    let (_client, mut subscription, standby) = following(&cluster).await;
    cluster.world.notify(standby.0, Notice::Suspect(NodeId(2)));
    until(&mut subscription, LinkEventKind::Moved).await;
    cluster.relay(standby.0).swallow(true);
    cluster.world.say(1);
    assert_eq!(next_messages(&mut subscription, 1).await, [1]);
}

#[tokio::test]
async fn a_node_that_drains_is_left_and_no_call_fails() {
    let cluster = Cluster::start().await;
    let (client, mut subscription, standby) = following(&cluster).await;
    cluster.world.lock().behind.insert(2);
    cluster.world.notify(2, Notice::Drain { deadline_ms: 5_000, to: None });
    let moved = until(&mut subscription, LinkEventKind::Moved).await;
    assert_eq!((moved.node, moved.cause), (standby, Some(LinkCause::Drain)));
    let sent = client.send(&bob(), MessageId([9; 16]), vec![1]).await.unwrap();
    assert_ne!(sent.node, NodeId(2));
}

#[tokio::test]
async fn a_node_that_stays_behind_is_left_for_one_that_is_not() {
    let cluster = Cluster::start().await;
    let (client, mut subscription, standby) = following(&cluster).await;
    cluster.world.notify(2, Notice::Behind(1_100));
    until(&mut subscription, LinkEventKind::Behind).await;
    client.users().await.unwrap();
    let serves = |node| matches!(&*client.link().borrow(), LinkState::Connected { node: held, .. } if *held == node);
    assert!(serves(NodeId(2)), "an election takes as long");

    cluster.world.notify(2, Notice::Behind(2_100));
    let moved = until(&mut subscription, LinkEventKind::Moved).await;
    assert_eq!((moved.node, moved.from, moved.cause), (standby, Some(NodeId(2)), Some(LinkCause::Behind)));
    cluster.world.say(1);
    assert_eq!(next_messages(&mut subscription, 1).await, [1]);
}

#[tokio::test]
async fn where_both_nodes_are_behind_another_is_found() {
    let cluster = Cluster::start().await;
    let (_client, mut subscription, standby) = following(&cluster).await;
    cluster.world.notify(standby.0, Notice::Behind(2_100));
    assert_eq!(until(&mut subscription, LinkEventKind::Behind).await.node, standby);
    cluster.world.notify(2, Notice::Behind(2_100));
    let third = until(&mut subscription, LinkEventKind::Standby).await.node;
    assert!(third != NodeId(2) && third != standby);
    cluster.world.notify(2, Notice::Behind(3_100));
    let moved = until(&mut subscription, LinkEventKind::Moved).await;
    assert_eq!((moved.node, moved.cause), (third, Some(LinkCause::Behind)));
}

#[tokio::test]
async fn a_subscription_that_is_refused_is_told_and_no_link_is_left_for_it() {
    let cluster = Cluster::start().await;
    let client = alice(&cluster, 2, Standby::Armed).await;
    client.users().await.unwrap();
    let before_a_restore = Cursor { cluster: 7, epoch: 0, change: ChangeNumber(5) }.to_bytes();
    let mut subscription = client.subscribe(Following::After(before_a_restore.to_vec()));
    let ended = async {
        loop {
            match subscription.next().await.unwrap() {
                Event::Ended(error) => return error.code(),
                Event::Path(event) => assert_eq!(event.kind, LinkEventKind::Linked),
                _ => {}
            }
        }
    };
    assert_eq!(tokio::time::timeout(SOON, ended).await.unwrap(), "foreign-cursor");
    assert!(matches!(&*client.link().borrow(), LinkState::Connected { node, .. } if node.0 == 2));
}

#[tokio::test]
async fn without_a_standby_a_link_is_made_when_the_first_falls_silent() {
    for standby in [Standby::Warm, Standby::None] {
        let cluster = Cluster::start().await;
        let client = alice(&cluster, 2, standby).await;
        let mut subscription = client.subscribe(Following::FromStart);
        cluster.world.say(1);
        assert_eq!(next_messages(&mut subscription, 1).await, [1]);
        if standby == Standby::Warm {
            until(&mut subscription, LinkEventKind::Standby).await;
        }
        cluster.relay(2).swallow(true);
        cluster.world.say(2);
        assert_eq!(next_messages(&mut subscription, 1).await, [2]);
        assert_ne!(client.whoami().await.unwrap().node, NodeId(2));
    }
}

#[tokio::test]
async fn one_that_only_calls_makes_one_link() {
    let cluster = Cluster::start().await;
    let client = alice(&cluster, 2, Standby::Armed).await;
    client.whoami().await.unwrap();
    assert!(cluster.world.lock().attended.is_empty(), "and asks for no beats");
}

#[tokio::test]
async fn where_all_nodes_are_behind_the_reason_is_told() {
    let cluster = Cluster::start().await;
    let profile = cluster.profile();
    let client = Client::start(profile.clone(), ClientOptions::default()).unwrap();
    client.login("alice".parse().unwrap(), secret()).await.unwrap();
    drop(client);
    cluster.world.lock().behind.extend([1, 2, 3]);
    let options = ClientOptions { timeout: Duration::from_secs(2), ..ClientOptions::default() };
    let error = Client::start(profile.clone(), options).unwrap().users().await.unwrap_err();
    assert_eq!((error.code(), error.to_string().as_str()), ("unreachable", "no majority of the nodes answers"));

    cluster.world.lock().behind.remove(&3);
    let client = Client::start(profile, ClientOptions::default()).unwrap();
    let asked = std::time::Instant::now();
    assert_eq!(client.whoami().await.unwrap().node, NodeId(3));
    assert!(asked.elapsed() < Duration::from_secs(1), "what one asks for is no reason to make another wait");
}
