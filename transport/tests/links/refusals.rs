//! Who is not let in, and what each side is told.

use std::collections::BTreeMap;
use std::sync::Arc;

use raftchat_transport::{AuthRefusal, Credentials, Expect, LinkFailure, Role, RpcThreads, Server};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
};

use crate::attacks::raw_endpoint;
use crate::support::{Cluster, Guests, HOME, echo_server, expect, locally, refusal, say, soon, spki};

struct Scene {
    home: Cluster,
    server: Server,
    second_node: Credentials,
    _threads: RpcThreads,
}

/// Node 1's endpoint for `role`, in a cluster of nodes 1 and 2.
async fn scene(role: Role) -> Scene {
    let home = Cluster::new(HOME);
    let threads = RpcThreads::start(1).unwrap();
    let second_node = home.node(2);
    let members = BTreeMap::from([(2, spki(&second_node))]);
    let guests = Arc::new(Guests { members, ..Guests::default() });
    let config = home.server_config(role, 1);
    let server = echo_server(config, &guests, &threads.handle(), &Arc::default()).await;
    Scene { home, server, second_node, _threads: threads }
}

fn refused(reason: AuthRefusal) -> LinkFailure {
    LinkFailure::Refused { reason }
}

#[tokio::test]
async fn the_peer_endpoint_takes_members_and_nobody_else() {
    locally(async {
        let scene = scene(Role::Node).await;
        let address = scene.server.local_address();
        let (home, other) = (&scene.home, Cluster::new(HOME));
        let attempt = async |credentials| refusal(&home.dialer(Role::Node, credentials), address, &expect(1)).await;

        let member = home.dialer(Role::Node, scene.second_node.clone());
        let link = soon(member.connect(address, &expect(1))).await.unwrap();
        assert_eq!(say(&link, "vote").await, "node 2 of home: vote");

        assert_eq!(attempt(home.device("alice")).await, refused(AuthRefusal::WrongRole));
        assert_eq!(attempt(other.node(2)).await, refused(AuthRefusal::UnknownAuthority));
        // Signed by the right authority, but not the key the membership has.
        assert_eq!(attempt(home.node(2)).await, refused(AuthRefusal::NotAMember));
        assert_eq!(attempt(home.node(3)).await, refused(AuthRefusal::NotAMember));
        // The device authority signing a node's names.
        let uses = [ExtendedKeyUsagePurpose::ClientAuth];
        let forged = home.devices.leaf("n2.node.home.raftchat.internal", "raftchat://home/node/2", &uses);
        assert_eq!(attempt(forged).await, refused(AuthRefusal::UnknownAuthority));
        // Names that do not agree.
        let torn = home.nodes.leaf("n2.node.home.raftchat.internal", "raftchat://home/node/3", &uses);
        assert_eq!(attempt(torn).await, refused(AuthRefusal::BadCertificate));
        assert_eq!(scene.server.connections().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_client_endpoint_takes_this_clusters_devices_and_nobody_else() {
    locally(async {
        let scene = scene(Role::Device).await;
        let address = scene.server.local_address();
        let (home, other) = (&scene.home, Cluster::new(HOME));
        let attempt = async |credentials| refusal(&home.dialer(Role::Device, credentials), address, &expect(1)).await;
        assert_eq!(attempt(scene.second_node.clone()).await, refused(AuthRefusal::WrongRole));
        assert_eq!(attempt(other.device("alice")).await, refused(AuthRefusal::UnknownAuthority));
        let expired = home.devices.expired_device("alice");
        assert_eq!(attempt(expired).await, refused(AuthRefusal::Expired));
        assert!(scene.server.connections().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_caller_without_a_certificate_is_refused_at_both_endpoints() {
    locally(async {
        for role in [Role::Node, Role::Device] {
            let scene = scene(role).await;
            let endpoint = raw_endpoint(&scene.home, None, role);
            let name = "n1.node.home.raftchat.internal";
            let connecting = endpoint.connect(scene.server.local_address(), name).unwrap();
            let error = match soon(connecting).await {
                Ok(connection) => soon(connection.closed()).await,
                Err(error) => error,
            };
            let quinn::ConnectionError::ConnectionClosed(close) = error else {
                panic!("{error}");
            };
            assert_eq!(u64::from(close.error_code), 0x174);
        }
    })
    .await;
}

#[tokio::test]
async fn another_protocol_is_a_version_mismatch() {
    locally(async {
        let scene = scene(Role::Node).await;
        let dialer = scene.home.dialer(Role::Device, scene.second_node.clone());
        let failure = refusal(&dialer, scene.server.local_address(), &expect(1)).await;
        assert_eq!(failure, LinkFailure::VersionMismatch);
        assert!(!failure.may_have_happened());
    })
    .await;
}

#[tokio::test]
async fn a_device_refuses_a_server_that_is_not_the_expected_node() {
    locally(async {
        let home = Cluster::new(HOME);
        let scene = scene(Role::Device).await;
        let address = scene.server.local_address();
        let alice = scene.home.dialer(Role::Device, scene.home.device("alice"));
        let wrong = |failure: &LinkFailure| matches!(failure, LinkFailure::WrongServer { .. });

        let failure = refusal(&alice, address, &expect(2)).await;
        assert!(wrong(&failure), "{failure}");
        let elsewhere = Expect { cluster: "away".to_owned(), node: None };
        let failure = refusal(&alice, address, &elsewhere).await;
        assert!(wrong(&failure), "{failure}");
        // A cluster of the same name under other authorities.
        let failure = refusal(&home.dialer(Role::Device, home.device("alice")), address, &expect(1)).await;
        assert!(wrong(&failure), "{failure}");

        let any = Expect { cluster: HOME.to_owned(), node: None };
        let link = soon(alice.connect(address, &any)).await.unwrap();
        assert_eq!(link.peer().to_string(), "node 1 of home");
    })
    .await;
}

#[tokio::test]
async fn a_certificate_of_a_device_does_not_make_a_server() {
    locally(async {
        let home = Cluster::new(HOME);
        let threads = RpcThreads::start(1).unwrap();
        let mut config = home.server_config(Role::Device, 1);
        // Even with a node's names and use, from the device authority.
        let uses = [ExtendedKeyUsagePurpose::ServerAuth];
        config.credentials = home.devices.leaf("n1.node.home.raftchat.internal", "raftchat://home/node/1", &uses);
        let server = echo_server(config, &Arc::default(), &threads.handle(), &Arc::default()).await;
        let alice = home.dialer(Role::Device, home.device("alice"));
        let failure = refusal(&alice, server.local_address(), &expect(1)).await;
        assert!(matches!(failure, LinkFailure::WrongServer { .. }), "{failure}");
    })
    .await;
}

/// What an authority must not issue, though it be the right one and the names be good.
#[derive(Clone, Copy, Debug)]
enum Odd {
    NoUses,
    OtherUses,
    MoreUses,
    NoKeyUsage,
    MoreKeyUsage,
    Authority,
    Ed25519,
    P384,
}

const ODD: [Odd; 8] = [
    Odd::NoUses,
    Odd::OtherUses,
    Odd::MoreUses,
    Odd::NoKeyUsage,
    Odd::MoreKeyUsage,
    Odd::Authority,
    Odd::Ed25519,
    Odd::P384,
];

impl Odd {
    fn key(self) -> KeyPair {
        match self {
            Self::Ed25519 => KeyPair::generate_for(&PKCS_ED25519).unwrap(),
            Self::P384 => KeyPair::generate_for(&PKCS_ECDSA_P384_SHA384).unwrap(),
            _ => KeyPair::generate().unwrap(),
        }
    }

    fn change(self, params: &mut CertificateParams) {
        match self {
            Self::NoUses => params.extended_key_usages.clear(),
            Self::OtherUses => params.extended_key_usages = vec![ExtendedKeyUsagePurpose::EmailProtection],
            Self::MoreUses => params.extended_key_usages.push(ExtendedKeyUsagePurpose::CodeSigning),
            Self::NoKeyUsage => params.key_usages.clear(),
            Self::MoreKeyUsage => params.key_usages.push(KeyUsagePurpose::KeyCertSign),
            Self::Authority => params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
            Self::Ed25519 | Self::P384 => {}
        }
    }
}

#[tokio::test]
async fn a_certificate_that_is_not_what_is_issued_is_refused_at_both_endpoints_and_by_who_dials() {
    locally(async {
        let devices = scene(Role::Device).await;
        for odd in ODD {
            let device = devices.home.devices.odd_device("alice", &odd.key(), |params| odd.change(params));
            let dialer = devices.home.dialer(Role::Device, device);
            let failure = refusal(&dialer, devices.server.local_address(), &expect(1)).await;
            assert!(matches!(failure, LinkFailure::Refused { .. }), "a device with {odd:?}: {failure}");
        }
        // A device's certificate that would do for a node.
        let both = [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let device = devices.home.devices.odd_device("alice", &KeyPair::generate().unwrap(), |params| {
            params.extended_key_usages = both.to_vec();
        });
        let dialer = devices.home.dialer(Role::Device, device);
        let failure = refusal(&dialer, devices.server.local_address(), &expect(1)).await;
        assert_eq!(failure, refused(AuthRefusal::BadCertificate));
        assert!(devices.server.connections().is_empty());
        let as_issued = devices.home.devices.odd_device("alice", &KeyPair::generate().unwrap(), |_| {});
        let alice = devices.home.dialer(Role::Device, as_issued);
        let link = soon(alice.connect(devices.server.local_address(), &expect(1))).await.unwrap();
        assert_eq!(say(&link, "hello").await, "device alice of home: hello");

        let home = Cluster::new(HOME);
        for odd in ODD {
            let node = home.nodes.odd_node(2, &odd.key(), |params| odd.change(params));
            let guests: Arc<Guests> = Arc::default();
            let threads = RpcThreads::start(1).unwrap();
            let config = home.server_config(Role::Node, 1);
            let server = echo_server(config, &guests, &threads.handle(), &Arc::default()).await;
            let dialer = home.dialer(Role::Node, node.clone());
            let failure = refusal(&dialer, server.local_address(), &expect(1)).await;
            // That no member has the key is told only to who has shown a good certificate.
            let refused = matches!(failure, LinkFailure::Refused { reason } if reason != AuthRefusal::NotAMember);
            assert!(refused, "a node with {odd:?}: {failure}");

            let mut config = home.server_config(Role::Device, 1);
            config.credentials = home.nodes.odd_node(1, &odd.key(), |params| odd.change(params));
            let server = echo_server(config, &Arc::default(), &threads.handle(), &Arc::default()).await;
            let alice = home.dialer(Role::Device, home.device("alice"));
            let failure = refusal(&alice, server.local_address(), &expect(1)).await;
            assert!(matches!(failure, LinkFailure::WrongServer { .. }), "a server with {odd:?}: {failure}");
        }
    })
    .await;
}
