//! Armed subscriptions, and the beats that tell a device when it needs one.

use std::time::{Duration, Instant};

use raftchat_schema::id::NodeId;
use raftchat_schema::view::Notice;
use raftchat_transport::Datagram;

use crate::support::{Armed, Cluster, locally, soon, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_asks_for_beats_gets_one_in_each_silent_slot() {
    locally(async {
        let cluster = Cluster::start().await;
        let alice = cluster.alice(1).await;
        assert_eq!(alice.attend(0).await, 0);
        assert_eq!(alice.attend(5).await, 20, "a node does not beat faster than that");
        for _ in 0..20 {
            assert_eq!(soon(alice.link.read_datagram()).await, Ok(Datagram::Beat));
        }
        let (begun, mut longest) = (Instant::now(), Duration::ZERO);
        while begun.elapsed() < Duration::from_secs(1) {
            tokio::time::sleep(Duration::from_millis(5)).await;
            longest = longest.max(alice.link.heard().last.elapsed());
        }
        println!("longest silence: {longest:?}");
        assert!(longest < Duration::from_secs(5), "not the idle time-out, which would be longer");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_armed_subscription_says_nothing_until_it_is_activated_and_then_all_from_its_cursor() {
    locally(async {
        let cluster = Cluster::start().await;
        let (active, standby) = (cluster.alice(1).await, cluster.resume(2).await);
        let told = active.subscribe(&[], 0, Armed::No).await;
        told.hears(|heard| heard.changes.borrow().last().copied()).await;
        let (by_call, by_datagram) = (
            standby.subscribe(&told.cursor(), 0, Armed::Yes).await,
            standby.subscribe(&told.cursor(), 0, Armed::Yes).await,
        );
        assert_eq!((active.status().await.sessions, standby.status().await.sessions), (1, 0));
        active.rename("Alice the first").await;
        let first =
            told.hears(|heard| (heard.changes.borrow().len() > 1).then(|| heard.changes.borrow().clone())).await;
        by_call.advance(&told.cursor()).await;
        active.rename("Alice the second").await;
        let both = told
            .hears(|heard| (heard.changes.borrow().len() > first.len()).then(|| heard.changes.borrow().clone()))
            .await;
        let second = &both[first.len()..];
        until(async || (standby.status().await.applied >= active.status().await.applied).then_some(())).await;
        assert_eq!(*by_call.heard.pushes.borrow(), 0);

        let begun = Instant::now();
        by_call.activate(&[]).await;
        let pushed = by_call.hears(|heard| heard.changes.borrow().last().copied()).await;
        println!("activated by call: first push after {:?}", begun.elapsed());
        assert_eq!(*by_call.heard.changes.borrow(), second, "from where it was advanced to");
        assert_eq!(Some(&pushed), second.last());

        let begun = Instant::now();
        for _ in 0..3 {
            standby.link.send_activate(&[]);
        }
        by_datagram.hears(|heard| heard.changes.borrow().last().copied()).await;
        println!("activated by datagram: first push after {:?}", begun.elapsed());
        // A row that has changed twice since is told once.
        assert_eq!(*by_datagram.heard.changes.borrow(), second, "from where it was armed");
        assert_eq!(standby.status().await.sessions, 1, "it serves now");
        active.rename("Alice the third").await;
        for subscription in [&told, &by_call, &by_datagram] {
            subscription.hears(|heard| (heard.changes.borrow().last() > both.last()).then_some(())).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standby_says_that_it_misses_the_watched_node_and_pushes_of_itself() {
    locally(async {
        let mut cluster = Cluster::start().await;
        let (active, standby) = (cluster.alice(3).await, cluster.resume(2).await);
        let told = active.subscribe(&[], 0, Armed::No).await;
        told.hears(|heard| heard.changes.borrow().last().copied()).await;
        active.rename("Alice the first").await;
        until(async || (standby.status().await.applied >= active.status().await.applied).then_some(())).await;
        let watching = standby.subscribe(&told.cursor(), 3, Armed::Yes).await;
        let unconcerned = standby.subscribe(&told.cursor(), 0, Armed::Yes).await;
        let stopped = cluster.nodes.remove(&3).unwrap();
        let begun = Instant::now();
        let stopping = tokio::spawn(stopped.stop());
        watching.hears(|heard| heard.notices.borrow().contains(&Notice::Suspect(NodeId(3))).then_some(())).await;
        watching.hears(|heard| (*heard.pushes.borrow() > 0).then_some(())).await;
        println!("told and pushed {:?} after the stop began", begun.elapsed());
        stopping.await.unwrap().unwrap();
        assert_eq!(*unconcerned.heard.pushes.borrow(), 0);
        let suspects = |notice: &Notice| matches!(notice, Notice::Suspect(_));
        assert!(!unconcerned.heard.notices.borrow().iter().any(suspects));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_is_no_older_than_what_another_node_has_shown() {
    locally(async {
        let cluster = Cluster::start().await;
        let (active, standby) = (cluster.alice(1).await, cluster.resume(2).await);
        // A change that node 2 does not have yet: nobody has made it.
        let mut next = standby.cursor().await;
        next.change.0 += 1;
        standby.has_seen(next).await;
        let renamed = async {
            // Long enough for an answer that does not wait.
            active.own_name().await;
            standby.status().await;
            active.rename("Alice the first").await;
        };
        let (name, ()) = tokio::join!(standby.own_name(), renamed);
        assert_eq!(name, "Alice the first");
        assert_eq!(standby.own_name().await, "Alice the first", "and what is reached is not waited for again");
    })
    .await;
}
