//! Who is not let in, at the doors of a real node, what the node writes down, and what the stranger is told.

use std::net::SocketAddr;
use std::time::SystemTime;

use raftchat_certs::{Anchors, Authorities, Leaf, Subject};
use raftchat_client::{Client, ClientError, ClientOptions, Profile};
use raftchat_node::config::NodeConfig;
use raftchat_tests::cluster::Cluster;
use raftchat_tests::{soon, until};
use raftchat_transport::{
    AuthRefusal, Credentials, Dialer, DialerConfig, Expect, LinkFailure, LinkLimits, LinkTiming, Role, TrustAnchors,
};
use tokio::task::LocalSet;

use crate::PROGRAM;

struct Stranger {
    role: Role,
    leaf: Leaf,
}

impl Stranger {
    /// What a stranger who knocks is told.
    async fn knocks(self, cluster: &Cluster, address: SocketAddr) -> LinkFailure {
        let nodes = TrustAnchors(vec![cluster.authorities().node_authority_certificate().to_vec()]);
        let credentials = Credentials { chain: self.leaf.chain_der(), key: self.leaf.key_der() };
        let (timing, limits) = (LinkTiming::peer(), LinkLimits::peer());
        let dialer = Dialer::new(&DialerConfig { role: self.role, credentials, nodes, timing, limits }).unwrap();
        let expect = Expect { cluster: cluster.authorities().cluster().to_string(), node: Some(1) };
        let knocking = async move {
            match dialer.connect(address, &expect).await {
                Err(failure) => failure,
                Ok(link) => link.closed().await,
            }
        };
        soon("an answer at the door", LocalSet::new().run_until(knocking)).await
    }
}

fn refused(reason: AuthRefusal) -> LinkFailure {
    LinkFailure::Refused { reason }
}

#[tokio::test]
async fn the_peer_door_is_for_members_with_their_own_keys() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let peer_door = NodeConfig::load(&cluster.config(1)).unwrap().peer_listen;
    let now = SystemTime::now();
    let (own, other) = (cluster.authorities(), Authorities::create(now).unwrap());
    let cases = [
        (own.issue_device("alice", now), AuthRefusal::WrongRole, "wrong kind of certificate"),
        (other.issue_node(2, now), AuthRefusal::UnknownAuthority, "certificate of an unknown authority"),
        (own.issue_node(2, now), AuthRefusal::NotAMember, "does not list this key"),
        (own.issue_node(9, now), AuthRefusal::NotAMember, "does not list this key"),
    ];
    for (leaf, reason, logged) in cases {
        let before = cluster.log(1).matches(logged).count();
        let stranger = Stranger { role: Role::Node, leaf: leaf.unwrap() };
        assert_eq!(stranger.knocks(&cluster, peer_door).await, refused(reason));
        until("the node writes it down", async || (cluster.log(1).matches(logged).count() > before).then_some(()))
            .await;
    }
    // The client door is another protocol, behind which there is no Raft.
    let client_door = cluster.address(1).parse().unwrap();
    let stranger = Stranger { role: Role::Node, leaf: own.issue_node(2, now).unwrap() };
    assert_eq!(stranger.knocks(&cluster, client_door).await, LinkFailure::VersionMismatch);
}

#[tokio::test]
async fn the_client_door_is_for_this_clusters_devices() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let client_door: SocketAddr = cluster.address(1).parse().unwrap();
    let now = SystemTime::now();
    let (own, other) = (cluster.authorities(), Authorities::create(now).unwrap());
    let node = Stranger { role: Role::Device, leaf: own.issue_node(2, now).unwrap() };
    assert_eq!(node.knocks(&cluster, client_door).await, refused(AuthRefusal::WrongRole));
    let foreigner = Stranger { role: Role::Device, leaf: other.issue_device("alice", now).unwrap() };
    assert_eq!(foreigner.knocks(&cluster, client_door).await, refused(AuthRefusal::UnknownAuthority));

    // The same as a client tells it: at once, and not as if nobody were there.
    let subject = Subject::device("alice").unwrap();
    let ours: Anchors = own.anchors_for(&subject);
    let leaf = other.issue_device("alice", now).unwrap();
    let options = ClientOptions::default();
    let client = Client::start(Profile::in_memory(cluster.client_config(), leaf, ours), options.clone()).unwrap();
    let asked = soon("the client is told", client.statuses()).await;
    assert!(asked.iter().all(|(_, status)| matches!(status, Err(ClientError::NotAccepted(_)))), "{asked:?}");
    // And somebody who expects another cluster does not take these nodes for it.
    let theirs = other.anchors_for(&subject);
    let leaf = own.issue_device("alice", now).unwrap();
    let client = Client::start(Profile::in_memory(cluster.client_config(), leaf, theirs), options).unwrap();
    let asked = soon("the client is told", client.statuses()).await;
    assert!(asked.iter().all(|(_, status)| matches!(status, Err(ClientError::NotAccepted(_)))), "{asked:?}");
}
