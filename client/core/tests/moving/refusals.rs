//! Nodes that always refuse, each in one way, and name no time: a device asks them more and more rarely. And nodes that do not
//! answer, one after the other: they do not use up the time of a call.

use std::time::{Duration, Instant};

use raftchat_client::{Client, ClientOptions, Following, LinkState, Standby};
use raftchat_schema::id::{MessageId, Position};
use raftchat_schema::pause::Pause;

use crate::nodes::Cluster;
use crate::world::Unwilling;
use crate::{bob, secret};

const SOON: Duration = Duration::from_secs(30);
/// How often a node that refuses is asked before it is looked how long that took.
const ASKED: usize = 12;

/// The pauses of a call and of a feed; and those of a second link.
const SERVING: Pause = Pause::between(Duration::from_millis(50), Duration::from_secs(1));
const STANDING_BY: Pause = Pause::between(Duration::from_millis(250), Duration::from_secs(10));

/// The most attempts for which such pauses leave room, whatever the lot.
fn room_for(mut pause: Pause, time: Duration) -> usize {
    let (mut begins, mut count) = (Duration::ZERO, 0);
    while begins <= time {
        count += 1;
        begins += pause.grow(0);
    }
    count
}

/// Alice follows while no node is willing. Each attempt to follow may ask `each` times, and each of a second link once.
async fn asks_rarely(unwilling: Unwilling, standby: Standby, each: usize) {
    let cluster = Cluster::start().await;
    let profile = cluster.profile();
    let options = ClientOptions { standby, ..ClientOptions::default() };
    let client = Client::start(profile.clone(), options.clone()).unwrap();
    client.login("alice".parse().unwrap(), secret()).await.unwrap();
    drop(client);

    cluster.world.be_unwilling(unwilling);
    let begun = Instant::now();
    let client = Client::start(profile, options).unwrap();
    let mut subscription = client.subscribe(Following::FromStart);
    let asked = async {
        while cluster.world.asked_in_vain() < ASKED {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        asked = tokio::time::timeout(SOON, asked) => asked.unwrap(),
        () = async { while subscription.next().await.is_some() {} } => panic!("it is over"),
    }
    let (asked, time) = (cluster.world.asked_in_vain(), begun.elapsed());
    let room = each * room_for(SERVING, time) + room_for(STANDING_BY, time);
    assert!(asked <= room, "{asked} times in {time:?}, where there is room for {room}");
}

#[tokio::test]
async fn nodes_that_close_each_link_are_linked_to_more_and_more_rarely() {
    // A link that is closed early on may be taken for one to a node that is not there, and the others are tried.
    asks_rarely(Unwilling::Link, Standby::Armed, 3).await;
}

#[tokio::test]
async fn nodes_that_take_no_session_are_asked_more_and_more_rarely() {
    // For the feed, and for beats.
    asks_rarely(Unwilling::TakeSessions, Standby::None, 2).await;
    asks_rarely(Unwilling::TakeSessions, Standby::Armed, 2).await;
}

#[tokio::test]
async fn nodes_that_refuse_to_push_are_asked_more_and_more_rarely() {
    asks_rarely(Unwilling::Push, Standby::None, 1).await;
    asks_rarely(Unwilling::Push, Standby::Armed, 1).await;
}

#[tokio::test]
async fn nodes_that_drop_each_subscription_are_asked_more_and_more_rarely() {
    asks_rarely(Unwilling::KeepPushing, Standby::None, 1).await;
    // Whoever is left is replaced, and the one that replaces it is asked too.
    asks_rarely(Unwilling::KeepPushing, Standby::Armed, 2).await;
}

#[tokio::test]
async fn nodes_that_store_nothing_are_asked_more_and_more_rarely() {
    let cluster = Cluster::start().await;
    let options = ClientOptions { timeout: Duration::from_secs(3), ..ClientOptions::default() };
    let client = Client::start(cluster.profile(), options).unwrap();
    client.login("alice".parse().unwrap(), secret()).await.unwrap();
    cluster.world.be_unwilling(Unwilling::Store);
    let begun = Instant::now();
    assert_eq!(client.send(&bob(), MessageId([9; 16]), vec![1]).await.unwrap_err().code(), "unreachable");
    let (asked, room) = (cluster.world.asked_in_vain(), room_for(SERVING, begun.elapsed()));
    assert!(asked <= room, "{asked} times, where there is room for {room}");
}

/// Nothing is followed, so that nobody notices before the call is made that the nodes do not answer.
#[tokio::test]
async fn two_nodes_in_a_row_that_do_not_answer_do_not_use_up_a_call() {
    let cluster = Cluster::start().await;
    let options = ClientOptions { first: Some(cluster.address(1)), ..ClientOptions::default() };
    let client = Client::start(cluster.profile(), options).unwrap();
    client.login("alice".parse().unwrap(), secret()).await.unwrap();
    cluster.world.fall_silent(1);
    cluster.world.fall_silent(2);
    let begun = Instant::now();
    let sent = client.send(&bob(), MessageId([9; 16]), vec![1]).await.unwrap();
    assert!(
        begun.elapsed() < Duration::from_millis(3_500),
        "before the first attempt is given up: {:?}",
        begun.elapsed()
    );
    assert_eq!((sent.node.0, sent.position, cluster.world.stored()), (3, Position(1), 1));
    assert!(
        matches!(&*client.link().borrow(), LinkState::Connected { node, .. } if node.0 == 3),
        "the next begins there"
    );
}
