//! A node whose disk fills up says so and steps aside; the others go on, and with room again it finds its place.

use std::path::{Path, PathBuf};
use std::process::Command;

use raftchat_schema::command::ConversationAct;
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::Position;
use raftchat_tests::cluster::Cluster;
use raftchat_tests::people::{PASSWORD, Person, code, fresh_id, says, typed, with};
use raftchat_tests::{soon, until};

use crate::PROGRAM;

/// A small file system in memory; unmounted at the end.
struct SmallDisk(PathBuf);

fn mount(path: &Path, options: &str) -> bool {
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(path).output();
    mounted.is_ok_and(|output| output.status.success())
}

impl SmallDisk {
    fn mount(path: PathBuf, mebibytes: u32) -> Option<Self> {
        mount(&path, &format!("size={mebibytes}m")).then_some(Self(path))
    }

    fn grow(&self, mebibytes: u32) {
        assert!(mount(&self.0, &format!("remount,size={mebibytes}m")));
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        if !Command::new("umount").arg("--lazy").arg(&self.0).status().is_ok_and(|status| status.success()) {
            eprintln!("{} stays mounted", self.0.display());
        }
    }
}

#[tokio::test]
async fn the_others_go_on_while_a_node_has_no_room() {
    let cluster = Cluster::make(PROGRAM, 3, |_| {});
    let data = cluster.dir().join("node-2/data");
    let mark = std::fs::read(data.join("NEW")).unwrap();
    let Some(disk) = SmallDisk::mount(data.clone(), 12) else {
        eprintln!("not tried: mounting needs rights that this user does not have");
        return;
    };
    std::fs::write(data.join("NEW"), mark).unwrap();
    cluster.start_all();
    cluster.serving(3).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let large = "x".repeat(60_000);
    let (mut sent, mut noise) = (0_u64, 1_u64);
    until("node 2 says that it cannot go on", async || {
        // Not to be compressed away.
        let text: String = large
            .chars()
            .map(|_| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                char::from(b'a' + u8::try_from((noise >> 33) % 26).unwrap())
            })
            .collect();
        soon("sending", alice.client.send(&with("bob"), fresh_id(), says(&text))).await.unwrap();
        sent += 1;
        cluster.log(2).contains("the node cannot go on").then_some(())
    })
    .await;
    assert_eq!(cluster.ended(2).code(), Some(1));
    let told = cluster.log(2);
    assert!(told.contains("No space left on device") && told.contains("free space on it"), "{told}");
    assert!(!told.contains("must not vote") && !told.contains("cluster remove"), "{told}");
    alice.say("bob", "two of three are enough").await;

    disk.grow(200);
    cluster.start_node(2);
    cluster.serving(3).await;
    cluster.agree().await;
    assert_eq!(bob.read("alice").await.len() as u64, sent + 1);
    cluster.kill_all();
}

/// Two of the three nodes on small disks of their own, in a cluster that keeps a small reserve.
fn on_small_disks() -> Option<(Cluster, [SmallDisk; 2])> {
    let cluster = Cluster::make(PROGRAM, 3, |config| config.disk.reserve_mib = 24);
    let mut disks = Vec::new();
    for node in [2, 3] {
        let data = cluster.dir().join(format!("node-{node}/data"));
        let mark = std::fs::read(data.join("NEW")).unwrap();
        disks.push(SmallDisk::mount(data.clone(), 80)?);
        std::fs::write(data.join("NEW"), mark).unwrap();
    }
    Some((cluster, disks.try_into().ok()?))
}

/// Leaves less than the reserve free, and nothing that the node knows of.
fn fill(disk: &SmallDisk) {
    std::fs::write(disk.0.join("somebody-elses"), vec![7; 60 << 20]).unwrap();
}

fn make_room(disk: &SmallDisk) {
    std::fs::remove_file(disk.0.join("somebody-elses")).unwrap();
}

async fn all_say(cluster: &Cluster, refuse: bool) {
    until("all nodes know how the disks are", async || {
        let said = cluster.statuses().await;
        (said.len() == 3 && said.iter().all(|status| status.refuses_words == refuse)).then_some(())
    })
    .await;
}

#[tokio::test]
async fn one_short_disk_is_told_and_stops_nobody() {
    let Some((cluster, [disk, _other])) = on_small_disks() else {
        eprintln!("not tried: mounting needs rights that this user does not have");
        return;
    };
    cluster.start_all();
    cluster.serving(3).await;
    let (alice, _bob) = (cluster.person("alice").await, cluster.person("bob").await);
    fill(&disk);
    until("node 2 says that it is short", async || cluster.log(2).contains("down to its reserve").then_some(())).await;
    until("the others have heard of it", async || cluster.log(1).contains("a node is short of disk").then_some(()))
        .await;
    let told = cluster.statuses().await;
    let free = told.iter().find(|status| status.node.0 == 2).unwrap().disk_free_bytes;
    assert!(free > 0 && free < 24 << 20, "{free} bytes are free");
    alice.say("bob", "two of three have room").await;
    cluster.kill_all();
}

#[tokio::test]
async fn words_are_refused_in_good_order_while_most_disks_are_short_and_the_rest_goes_on() {
    let Some((cluster, disks)) = on_small_disks() else {
        eprintln!("not tried: mounting needs rights that this user does not have");
        return;
    };
    cluster.start_all();
    cluster.serving(3).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let id = fresh_id();
    let first = soon("sending", alice.client.send(&with("bob"), id, says("before"))).await.unwrap();
    let second = alice.say("bob", "to be deleted").await;
    disks.iter().for_each(fill);
    all_say(&cluster, true).await;

    // What adds to the disks is refused by name, whichever node is asked.
    assert_eq!(code(alice.try_say("bob", "too much").await), ErrorCode::StorageFull);
    assert_eq!(
        code(
            alice
                .client
                .act(&with("bob"), ConversationAct::EditMessage { position: first.position, payload: says("longer") })
                .await
        ),
        ErrorCode::StorageFull
    );
    let carol = Person::on("carol", &cluster.device("carol"), None);
    let registered = carol.client.register("carol".parse().unwrap(), String::new(), typed(PASSWORD)).await;
    assert_eq!(code(registered), ErrorCode::StorageFull);
    // Whoever did not hear what came of a message is told.
    let again = soon("sending again", alice.client.send(&with("bob"), id, says("before"))).await.unwrap();
    assert_eq!(again.position, first.position);
    // Reading, deleting, marks and sessions go on.
    assert_eq!(bob.read("alice").await.len(), 2);
    alice.delete("bob", second.position.0).await.unwrap();
    soon("marking", bob.client.act(&with("alice"), ConversationAct::MarkRead { position: Position(1) })).await.unwrap();
    let phone = cluster.phone("bob", 3).await;
    assert_eq!(phone.read("alice").await[1], (2, None));

    disks.iter().for_each(make_room);
    all_say(&cluster, false).await;
    alice.say("bob", "there is room again").await;
    cluster.agree().await;
    cluster.kill_all();
}
