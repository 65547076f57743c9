//! Nodes that are going to stop, and nodes that are cut off.

use std::time::{Duration, Instant};

use raftchat_schema::error::ErrorCode;
use raftchat_schema::view::Notice;
use raftchat_transport::LinkFailure;

use crate::support::{Armed, Cluster, locally, resume, soon, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_drains_tells_its_devices_ends_idle_links_and_waits_for_the_rest() {
    locally(async {
        let mut cluster = Cluster::start().await;
        let alice = cluster.alice(1).await;
        let leader = until(async || alice.status().await.leader).await.0;
        let (idle, busy) = (cluster.resume(leader).await, cluster.resume(leader).await);
        let told = busy.subscribe(&[], 0, Armed::No).await;
        let node = cluster.nodes.remove(&leader).unwrap();
        let begun = Instant::now();
        let (late, late_gateway) = {
            let draining = node.drain(Duration::from_secs(30));
            tokio::pin!(draining);
            let story = async {
                told.hears(|heard| {
                    let notices = heard.notices.borrow();
                    notices.iter().find(|notice| matches!(notice, Notice::Drain { to: None, .. })).copied()
                })
                .await;
                let ended = soon(idle.link.closed()).await;
                assert!(matches!(ended, LinkFailure::Draining { .. }), "{ended:?}");
                assert_eq!(busy.link.failure(), None);
                let refused = resume(&busy.gateway).await.err().map(|refusal| refusal.code);
                assert_eq!(refused, Some(ErrorCode::Behind));
                busy.rename("Alice who is still served").await;
                let others: Vec<u64> = (1..=3).filter(|id| *id != leader).collect();
                let elsewhere = until(async || {
                    let other = cluster.resume(others[0]).await.status().await;
                    other.leader.filter(|now| now.0 != leader)
                })
                .await;
                assert_ne!(elsewhere.0, leader);
                (busy, told)
            };
            tokio::select! {
                () = &mut draining => panic!("a device was left"),
                (busy, told) = story => {
                    let kept = (busy.link.clone(), busy.gateway.clone());
                    busy.link.close(raftchat_transport::CloseCode::Done, "gone elsewhere");
                    drop(told);
                    soon(draining).await;
                    kept
                }
            }
        };
        drop((late, late_gateway));
        println!("drained after {:?}", begun.elapsed());
        node.stop().await.unwrap();
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_a_majority_says_so_and_serves_nobody_after_ten_seconds() {
    locally(async {
        let mut cluster = Cluster::start().await;
        let alice = cluster.alice(1).await;
        let told = alice.subscribe(&[], 0, Armed::No).await;
        until(async || (alice.status().await.lag_ms == 0).then_some(())).await;
        told.heard.notices.borrow_mut().clear();
        let begun = Instant::now();
        for other in [2, 3] {
            cluster.nodes.remove(&other).unwrap().stop().await.unwrap();
        }
        told.hears(|heard| {
            heard.notices.borrow().iter().any(|notice| matches!(notice, Notice::Behind(_))).then_some(())
        })
        .await;
        println!("said to be behind {:?} after the stop began", begun.elapsed());
        assert!(alice.status().await.lag_ms >= 1000);
        let ended = soon(alice.link.closed()).await;
        assert!(matches!(ended, LinkFailure::Behind { .. }), "{ended:?}");
        let (_link, gateway) = cluster.dial(1).await;
        let refusal = resume(&gateway).await.err().unwrap();
        assert_eq!((refusal.code, refusal.retry_after_ms), (ErrorCode::Behind, 1000));
    })
    .await;
}
