//! A cluster is upgraded one node after the other, and back, while people talk. What came with the next feature level is refused
//! by name until all nodes know it and whoever runs them says so; nobody notices more than that.

use raftchat_schema::command::AccountAct;
use raftchat_schema::error::ErrorCode;
use raftchat_schema::level::Level;
use raftchat_tests::cluster::Cluster;
use raftchat_tests::ctl::{Answer, Ctl};
use raftchat_tests::history::Acknowledged;
use raftchat_tests::people::{Person, code};
use raftchat_tests::{soon, until};
use tokio::sync::watch;

use crate::PROGRAM;

const FIRST: Level = Level::FIRST;
const NEXT: Level = Level::FIRST.next();

fn finalize(cluster: &Cluster) -> Answer {
    let dir = cluster.dir().to_str().unwrap();
    Ctl(PROGRAM.into()).call(&["cluster", "finalize", "--dir", dir], "")
}

/// Puts a node of another version in the place of one, and waits until it takes part.
async fn roll(cluster: &Cluster, node: u64, newest: Level) {
    cluster.put_in_place(node, newest);
    cluster.serving(3).await;
}

/// The act that came with the next level.
async fn wave(person: &Person) -> Result<raftchat_schema::command::Done, raftchat_client::ClientError> {
    soon("waving", person.client.act_on_account(AccountAct::Wave)).await
}

#[tokio::test]
async fn a_cluster_is_upgraded_and_back_while_people_talk() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    cluster.authorities().save(&cluster.dir().join("pki")).unwrap();
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let carol = cluster.person("carol").await;
    let (end, over) = watch::channel(false);
    let operator = async {
        assert_eq!(code(wave(&carol).await), ErrorCode::NotYet, "no node knows it");
        assert_eq!(finalize(&cluster).one()["raised"], false, "and none of a higher level");
        roll(&cluster, 1, NEXT).await;
        roll(&cluster, 2, NEXT).await;
        let refused = finalize(&cluster);
        assert_eq!((refused.status, refused.error()), (1, "not-upgraded"), "{refused:?}");
        assert_eq!(code(wave(&carol).await), ErrorCode::NotYet, "some nodes know it");
        // It may be taken back as long as nobody has said that it is to stay.
        roll(&cluster, 1, FIRST).await;
        for node in [3, 1] {
            roll(&cluster, node, NEXT).await;
        }
        assert_eq!(code(wave(&carol).await), ErrorCode::NotYet, "all nodes know it, and it is not raised");
        assert_eq!(finalize(&cluster).one()["level"], 2);
        until("all nodes are at the next level", async || {
            let statuses = cluster.statuses().await;
            (statuses.len() == 3 && statuses.iter().all(|status| status.level == NEXT)).then_some(())
        })
        .await;
        wave(&carol).await.unwrap();
        let dave = cluster.person("dave").await;
        assert_eq!(dave.client.level(), Some(NEXT), "who connects learns it");
        assert_eq!(finalize(&cluster).one()["raised"], false, "again it changes nothing");
        end.send(true).unwrap();
    };
    let (alice_sent, bob_sent, ()) = tokio::join!(
        Acknowledged::while_sending(&alice, "bob", over.clone()),
        Acknowledged::while_sending(&bob, "alice", over.clone()),
        operator
    );
    cluster.agree().await;
    let read = bob.read("alice").await;
    assert_eq!(alice.read("bob").await, read);
    alice_sent.must_be_in(&read);
    bob_sent.must_be_in(&read);

    // Nobody has stopped, and from now on no older node comes back.
    cluster.put_in_place(3, FIRST);
    assert_eq!(cluster.ended(3).code(), Some(4));
    assert!(cluster.log(3).contains("the cluster is at feature level 2"), "{}", cluster.log(3));
    alice.say("bob", "the others go on").await;

    // What a device of the former version cannot read is fetched anew by the version after it, once.
    let profile = alice.profile.to_str().unwrap().to_owned();
    drop(alice);
    let fetched_anew = |newest: Level| {
        let synced = Ctl(PROGRAM.into()).call_at(newest, &["--log", "info", "chat", "--profile", &profile, "sync"]);
        assert_eq!(synced.status, 0, "{synced:?}");
        synced.said.contains("all of theirs is fetched anew")
    };
    assert_eq!([FIRST, FIRST, NEXT, NEXT].map(fetched_anew), [false, false, true, false]);
}
