//! A node whose disk fills up says so and steps aside; the others go on, and with room again it finds its place.

use std::path::{Path, PathBuf};
use std::process::Command;

use raftchat_tests::cluster::Cluster;
use raftchat_tests::people::{fresh_id, says, with};
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
    assert!(cluster.log(2).contains("No space left on device"), "{}", cluster.log(2));
    alice.say("bob", "two of three are enough").await;

    disk.grow(200);
    cluster.start_node(2);
    cluster.serving(3).await;
    cluster.agree().await;
    assert_eq!(bob.read("alice").await.len() as u64, sent + 1);
    cluster.kill_all();
}
