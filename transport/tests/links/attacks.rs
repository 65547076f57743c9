//! Callers that break the protocol by hand: they are closed, the others are
//! not disturbed.

use std::sync::Arc;
use std::time::Duration;

use quinn::crypto::rustls::QuicClientConfig;
use raftchat_transport::{CloseCode, Credentials, Link, Role, RpcThreads, Server};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::support::{Cluster, HOME, echo_server, expect, locally, say, soon};

/// A QUIC client with common defaults, session resumption included.
pub(crate) fn raw_endpoint(home: &Cluster, who: Option<&Credentials>, role: Role) -> quinn::Endpoint {
    let mut endpoint = quinn::Endpoint::client(([0, 0, 0, 0], 0).into()).unwrap();
    endpoint.set_default_client_config(raw_config(home, who, role));
    endpoint
}

/// How such a client speaks.
pub(crate) fn raw_config(home: &Cluster, who: Option<&Credentials>, role: Role) -> quinn::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    for der in home.nodes.anchors().0 {
        roots.add(CertificateDer::from(der)).unwrap();
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let mut tls = match who {
        None => builder.with_no_client_auth(),
        Some(credentials) => {
            let chain = credentials.chain.iter().cloned().map(CertificateDer::from).collect();
            let key = PrivatePkcs8KeyDer::from(credentials.key.clone());
            builder.with_client_auth_cert(chain, PrivateKeyDer::Pkcs8(key)).unwrap()
        }
    };
    tls.enable_early_data = true;
    tls.alpn_protocols = vec![role.alpn().into()];
    quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
}

struct Scene {
    home: Cluster,
    server: Server,
    alice: Link,
    _threads: RpcThreads,
}

async fn scene() -> Scene {
    let home = Cluster::new(HOME);
    let threads = RpcThreads::start(1).unwrap();
    let mut config = home.server_config(Role::Device, 1);
    config.limits.frame_deadline = Duration::from_millis(300);
    let server = echo_server(config, &Arc::default(), &threads.handle(), &Arc::default()).await;
    let dialer = home.dialer(Role::Device, home.device("alice"));
    let alice = soon(dialer.connect(server.local_address(), &expect(1))).await.unwrap();
    Scene { home, server, alice, _threads: threads }
}

/// Mallory sends bytes on his RPC stream and keeps it open; gives the reason
/// he is closed for.
async fn closed_for(scene: &Scene, bytes: &[u8]) -> String {
    let endpoint = raw_endpoint(&scene.home, Some(&scene.home.device("mallory")), Role::Device);
    let connecting = endpoint.connect(scene.server.local_address(), "n1.node.home.raftchat.internal");
    let mallory = soon(connecting.unwrap()).await.unwrap();
    let (mut send, _recv) = mallory.open_bi().await.unwrap();
    send.write_all(bytes).await.unwrap();
    match soon(mallory.closed()).await {
        quinn::ConnectionError::ApplicationClosed(close) => {
            let code = CloseCode::from_number(close.error_code.into_inner());
            assert_eq!(code, Some(CloseCode::ProtocolViolation));
            String::from_utf8_lossy(&close.reason).into_owned()
        }
        other => panic!("{other}"),
    }
}

fn words(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

#[tokio::test]
async fn who_breaks_the_protocol_is_closed_with_the_reason_and_alice_goes_on() {
    locally(async {
        let scene = scene().await;
        let alice: crate::support::Echo = soon(scene.alice.bootstrap()).await.unwrap();
        let attacks: [(&str, Vec<u8>, &str); 7] = [
            ("512 segments", words(&[511, 1]), "512 segments"),
            ("2^32 segments", words(&[u32::MAX, 1]), "4294967296 segments"),
            ("nine segments", words(&[8, 1, 1, 1, 1, 1, 1, 1, 1, 1]), "9 segments"),
            ("64 MiB announced", words(&[0, 8 * 1024 * 1024]), "too large"),
            ("a pointer out of bounds", words(&[0, 1, 0x7fff_fff0, 0xffff]), ""),
            ("a message begun and left", words(&[0, 4, 0]), "not completed within"),
            ("half a segment table", vec![0, 0, 0], "not completed within"),
        ];
        for (attack, bytes, reason) in attacks {
            let told = closed_for(&scene, &bytes).await;
            assert!(told.contains(reason), "{attack}: {told}");
            let answer = soon(alice.clone().say(attack.to_owned())).await.unwrap();
            assert_eq!(answer, format!("device alice of home: {attack}"));
        }
        assert_eq!(scene.alice.failure(), None);
    })
    .await;
}

#[tokio::test]
async fn a_message_that_trickles_in_has_a_deadline_too() {
    locally(async {
        let scene = scene().await;
        let endpoint = raw_endpoint(&scene.home, Some(&scene.home.device("mallory")), Role::Device);
        let connecting = endpoint.connect(scene.server.local_address(), "n1.node.home.raftchat.internal");
        let mallory = soon(connecting.unwrap()).await.unwrap();
        let (mut send, _recv) = mallory.open_bi().await.unwrap();
        send.write_all(&words(&[0, 64 * 1024])).await.unwrap();
        let trickle = async {
            let mut pace = tokio::time::interval(Duration::from_millis(20));
            while send.write_all(&[0]).await.is_ok() {
                pace.tick().await;
            }
        };
        soon(trickle).await;
        assert!(matches!(
            mallory.close_reason(),
            Some(quinn::ConnectionError::ApplicationClosed(close))
                if close.error_code.into_inner() == u64::from(CloseCode::ProtocolViolation.number())
        ));
        say(&scene.alice, "still here").await;
    })
    .await;
}
