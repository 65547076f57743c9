//! A cluster is begun by nodes that mean the same one, or not at all.

use std::fs;
use std::time::Duration;

use raftchat_node::config::NodeConfig;
use raftchat_schema::view::Role;
use raftchat_tests::cluster::Cluster;
use raftchat_tests::until;

use crate::PROGRAM;

fn rewrite(cluster: &Cluster, node: u64, change: impl Fn(&mut NodeConfig)) {
    let path = cluster.config(node);
    let mut config = NodeConfig::load(&path).unwrap();
    change(&mut config);
    fs::write(path, config.to_file().unwrap()).unwrap();
}

async fn nobody_leads(cluster: &Cluster) {
    tokio::time::sleep(Duration::from_secs(3)).await;
    let statuses = cluster.statuses().await;
    assert!(statuses.iter().all(|status| status.role != Role::Leader && status.last_log == 0), "{statuses:?}");
}

#[tokio::test]
async fn a_list_that_is_cut_is_refused_by_its_own_node() {
    let cluster = Cluster::make(PROGRAM, 3, |_| {});
    let whole = fs::read(cluster.config(3)).unwrap();
    rewrite(&cluster, 3, |config| config.members.retain(|member| member.node == 3));
    cluster.start_all();
    assert_eq!(cluster.ended(3).code(), Some(2));
    assert!(cluster.log(3).contains("another cluster under the same id"), "{}", cluster.log(3));
    assert!(cluster.serving(2).await < 3);
    fs::write(cluster.config(3), whole).unwrap();
    cluster.start_node(3);
    cluster.serving(3).await;
    cluster.agree().await;
}

#[tokio::test]
async fn lists_that_differ_are_told_on_both_sides_by_name_and_nothing_is_begun() {
    let cluster = Cluster::make(PROGRAM, 3, |_| {});
    let whole = fs::read(cluster.config(3)).unwrap();
    rewrite(&cluster, 3, |config| {
        for member in config.members.iter_mut().filter(|member| member.node == 2) {
            member.client_address = "elsewhere:7402".to_owned();
        }
    });
    cluster.start_all();
    until("both sides say it", async || {
        let told = |node| cluster.log(node).contains("the client_address of node 2 is");
        (told(1) && told(2) && told(3)).then_some(())
    })
    .await;
    nobody_leads(&cluster).await;
    cluster.stop(3);
    fs::write(cluster.config(3), whole).unwrap();
    cluster.start_node(3);
    cluster.serving(3).await;
    cluster.agree().await;
}

#[tokio::test]
async fn a_cut_list_without_its_sign_founds_no_second_cluster() {
    let cluster = Cluster::make(PROGRAM, 3, |config| config.founding = None);
    rewrite(&cluster, 3, |config| config.members.retain(|member| member.node != 1));
    cluster.start_all();
    until("both sides say it", async || {
        let told = |node, word| cluster.log(node).contains(word);
        (told(2, "node 1 is only in the list here") && told(3, "node 1 is only in the list there")).then_some(())
    })
    .await;
    // The other two agree, and are a majority; whoever leads them, there is one cluster.
    cluster.serving(2).await;
    let leaders = cluster.statuses().await.iter().filter(|status| status.role == Role::Leader).count();
    assert_eq!(leaders, 1);
}

#[tokio::test]
async fn a_list_that_was_changed_afterwards_is_told_of_at_every_start() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let node = 1 + cluster.serving(3).await % 3;
    assert!(cluster.stop(node).success());
    rewrite(&cluster, node, |config| {
        for member in config.members.iter_mut().filter(|member| member.node != node) {
            member.peer_address = format!("moved-{}:7401", member.node);
        }
    });
    for start in 1..=2 {
        cluster.start_node(node);
        until("it says so", async || {
            (cluster.log(node).matches("is not what the cluster knows").count() >= start).then_some(())
        })
        .await;
        cluster.serving(3).await;
        assert!(cluster.stop(node).success());
    }
}
