//! What strangers say stands in a node's log in one line each, and nothing in it is obeyed by a terminal.

use std::sync::Arc;
use std::time::Duration;

use capnp_rpc::rpc_capnp::message;
use raftchat_transport::{Credentials, LinkFailure, Role, RpcThreads, Server};
use rcgen::{KeyPair, SanType};

use crate::attacks::raw_endpoint;
use crate::support::{Cluster, HOME, LOG, echo_server, expect, locally, refusal, soon};

/// A line that looks like the node's, and what clears a terminal and turns text round.
const FORGED: &str = "bye\r\n2026-11-30T00:00:00Z  INFO raftchat_node::node: FORGED\u{1b}[2J\u{9b}1m\u{202e}\u{2028}";

/// The lines with that in them.
fn lines(of: &str) -> Vec<String> {
    let log = String::from_utf8(LOG.lock().unwrap().clone()).unwrap();
    log.split('\n').filter(|line| line.contains(of)).map(str::to_owned).collect()
}

/// Mallory says as the end of his conversation what he likes.
async fn abort(home: &Cluster, server: &Server) {
    let mut builder = capnp::message::Builder::new_default();
    builder.init_root::<message::Builder<'_>>().init_abort().set_reason(FORGED);
    let mut bytes = Vec::new();
    capnp::serialize::write_message(&mut bytes, &builder).unwrap();
    let endpoint = raw_endpoint(home, Some(&home.device("mallory")), Role::Device);
    let connecting = endpoint.connect(server.local_address(), "n1.node.home.raftchat.internal");
    let mallory = soon(connecting.unwrap()).await.unwrap();
    let (mut send, _recv) = mallory.open_bi().await.unwrap();
    send.write_all(&bytes).await.unwrap();
    soon(mallory.closed()).await;
}

/// A certificate of the right authority with such a name.
fn forged_name(home: &Cluster) -> Credentials {
    let name = "raftchat://home/device/x\n2026-11-30T00:00:00Z  INFO raftchat_node::node: FORGED\u{1b}[2J";
    home.devices.odd_device("mallory", &KeyPair::generate().unwrap(), |params| {
        params.subject_alt_names[1] = SanType::URI(name.try_into().unwrap());
    })
}

#[tokio::test]
async fn what_strangers_say_stays_in_its_line() {
    locally(async {
        let home = Cluster::new(HOME);
        let threads = RpcThreads::start(1).unwrap();
        let config = home.server_config(Role::Device, 1);
        let server = echo_server(config, &Arc::default(), &threads.handle(), &Arc::default()).await;
        let dialer = home.dialer(Role::Device, forged_name(&home));
        let until_told = async {
            // A line of a kind that others cause too may be left out.
            while lines("closed for breaking").iter().all(|line| !line.contains("FORGED"))
                || lines("cannot be used").iter().all(|line| !line.contains("FORGED"))
            {
                abort(&home, &server).await;
                let failure = refusal(&dialer, server.local_address(), &expect(1)).await;
                assert!(matches!(failure, LinkFailure::Refused { .. }), "{failure}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        soon(until_told).await;
        for line in lines("FORGED") {
            assert!(line.contains(" WARN raftchat_transport"), "{line:?}");
            assert!(line.starts_with("20") && !line.contains("FORGED\u{1b}"), "{line:?}");
            assert!(
                !line.chars().any(|shown| shown.is_control() || ['\u{202e}', '\u{2028}'].contains(&shown)),
                "{line:?}"
            );
        }
    })
    .await;
}
