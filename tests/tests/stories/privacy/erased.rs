//! What somebody deletes is gone: not only from what is shown, but from every byte that nodes and devices keep.

use std::fs;
use std::path::Path;
use std::time::Duration;

use raftchat_client::CleanAfter;
use raftchat_schema::command::ConversationAct;
use raftchat_tests::cluster::Cluster;
use raftchat_tests::devices::Device;
use raftchat_tests::people::{says, with};
use raftchat_tests::{soon, until};

use crate::PROGRAM;

const DELETED: &str = "PLANTED-deleted-sentence";
const BEFORE_EDIT: &str = "PLANTED-said-before-an-edit";
const AFTER_EDIT: &str = "PLANTED-said-after-an-edit";
const KEPT: &str = "KEPT-sentence";

/// The files under a directory in which that text is.
fn found_in(dir: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(found_in(&path, text));
        } else if fs::read(&path).is_ok_and(|bytes| bytes.windows(text.len()).any(|part| part == text.as_bytes())) {
            found.push(path.display().to_string());
        }
    }
    found
}

#[tokio::test]
async fn what_was_deleted_is_in_no_file_of_any_node_or_device_after_the_time_that_is_promised() {
    // As soon as can be, so that the test need not wait for a day.
    let cluster = Cluster::start(PROGRAM, 3, |config| config.disk.erase_within_hours = 0).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let mut device = Device::open_and_clean(&bob.profile, None, CleanAfter(Duration::from_millis(500)));
    let deleted = alice.say("bob", DELETED).await.position;
    let edited = alice.say("bob", BEFORE_EDIT).await.position;
    soon(
        "editing",
        alice.client.act(&with("bob"), ConversationAct::EditMessage { position: edited, payload: says(AFTER_EDIT) }),
    )
    .await
    .unwrap();
    alice.say("bob", KEPT).await;
    let everywhere = cluster.dir();
    device.online().await;
    until("bob's device has it", async || (!found_in(&bob.profile, DELETED).is_empty()).then_some(())).await;
    for node in 1..=3 {
        let data = everywhere.join(format!("node-{node}/data"));
        until("the nodes have it", async || (!found_in(&data, DELETED).is_empty()).then_some(())).await;
    }

    alice.delete("bob", deleted.0).await.unwrap();
    alice.delete("bob", edited.0).await.unwrap();
    // The device does nothing but be there.
    for text in [DELETED, BEFORE_EDIT, AFTER_EDIT] {
        until("it is in no file any more", async || {
            device.draw();
            let data = (1..=3).map(|node| everywhere.join(format!("node-{node}/data")));
            let found: Vec<_> =
                data.flat_map(|data| found_in(&data, text)).chain(found_in(&bob.profile, text)).collect();
            found.is_empty().then_some(())
        })
        .await;
    }
    until("the nodes say so", async || {
        let said = cluster.statuses().await;
        (said.len() == 3 && said.iter().all(|status| status.unclean_since.is_none())).then_some(())
    })
    .await;

    // What is not deleted is all there, also for who starts again and reads all that is kept.
    for node in 1..=3 {
        assert!(!found_in(&everywhere.join(format!("node-{node}/data")), KEPT).is_empty());
        cluster.kill(node);
    }
    cluster.start_all();
    cluster.serving(3).await;
    cluster.agree().await;
    let texts: Vec<_> = bob.read("alice").await.into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, [None, None, Some(KEPT.to_owned())]);
    alice.say("bob", "it goes on").await;
    cluster.kill_all();
}
