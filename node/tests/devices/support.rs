//! A cluster in this process, a device on it, and waiting.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use capnp::capability::Request;
use raftchat_certs::{Authorities, Leaf, Subject};
use raftchat_node::config::{LimitsConfig, MemberConfig, NodeConfig};
use raftchat_node::node::Node;
use raftchat_schema::command::{AccountAct, Act, Profile};
use raftchat_schema::error::Refusal;
use raftchat_schema::generated::client_capnp::{Freshness, gateway, receiver, session, subscription};
use raftchat_schema::generated::types_capnp::change;
use raftchat_schema::id::Cursor;
use raftchat_schema::view::{NodeStatus, Notice};
use raftchat_schema::wire;
use raftchat_tests::places;
use raftchat_transport::{
    Credentials, Dialer, DialerConfig, Expect, Link, LinkLimits, LinkTiming, Role, RpcThreads, StreamPriority,
    TrustAnchors,
};
use tempfile::TempDir;
use tokio::sync::Notify;

const PATIENCE: Duration = Duration::from_mins(1);
const TOKEN: [u8; 32] = [7; 32];
/// Everybody's.
pub(crate) const PASSWORD: &str = "a good password";

/// Waits for what must come; a test fails when it does not.
pub(crate) async fn soon<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(PATIENCE, what).await.expect("it took too long")
}

/// Looks again until it is so.
pub(crate) async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    soon(looking).await
}

/// Runs a test on a `LocalSet`, where links live.
pub(crate) fn locally<F: Future>(test: F) -> impl Future<Output = F::Output> {
    let filter = tracing_subscriber::EnvFilter::new("raftchat_node=info,warn");
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
    let test = Box::pin(test);
    async { tokio::task::LocalSet::new().run_until(test).await }
}

pub(crate) struct Cluster {
    name: String,
    authorities: Authorities,
    device: Leaf,
    anchors: Vec<u8>,
    pub(crate) nodes: BTreeMap<u64, Node>,
    home: TempDir,
}

impl Cluster {
    /// Three nodes that serve, and know their leader.
    pub(crate) async fn start() -> Self {
        Self::limited(&LimitsConfig::NONE).await
    }

    /// The same, where devices are limited so.
    pub(crate) async fn limited(limits: &LimitsConfig) -> Self {
        let (home, now) = (tempfile::tempdir().unwrap(), SystemTime::now());
        let authorities = Authorities::create(now).unwrap();
        let addresses: [SocketAddr; 6] = std::array::from_fn(|_| places::next());
        let mut members = Vec::new();
        for (index, id) in (1..=3).enumerate() {
            let leaf = authorities.issue_node(id, now).unwrap();
            let certs = home.path().join(id.to_string()).join("certs");
            leaf.write(&certs, &authorities.anchors_for(&Subject::node(id).unwrap())).unwrap();
            members.push(MemberConfig {
                node: id,
                client_address: addresses[2 * index].to_string(),
                peer_address: addresses[2 * index + 1].to_string(),
                fingerprint: leaf.fingerprint().unwrap().to_string(),
            });
        }
        let name = authorities.cluster().as_str().to_owned();
        let device = authorities.issue_device("alice", now).unwrap();
        let anchors = authorities.anchors_for(&Subject::device("alice").unwrap()).nodes.to_vec();
        let mut cluster = Self { name, authorities, device, anchors, nodes: BTreeMap::new(), home };
        for (index, id) in (1..=3).enumerate() {
            let (clients, peers) = (addresses[2 * index], addresses[2 * index + 1]);
            let mut config = NodeConfig::new(&cluster.name, id, clients, peers, members.clone());
            config.certs = cluster.home.path().join(id.to_string()).join("certs");
            config.data = cluster.home.path().join(id.to_string()).join("data");
            std::fs::create_dir(&config.data).unwrap();
            std::fs::write(config.data.join(raftchat_node::store::open::NEW_FILE), &cluster.name).unwrap();
            (config.password_memory_kib, config.password_passes) = (19_456, 2);
            config.limits = limits.clone();
            cluster.nodes.insert(id, Node::start(&config, RpcThreads::start(2).unwrap()).await.unwrap());
        }
        cluster
    }

    /// Another device that the cluster lets in.
    pub(crate) fn device(&self, name: &str) -> Leaf {
        self.authorities.issue_device(name, SystemTime::now()).unwrap()
    }

    /// The cluster's id.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where a node's certificate is.
    pub(crate) fn certs(&self, node: u64) -> std::path::PathBuf {
        self.home.path().join(node.to_string()).join("certs")
    }

    /// A device's link to a node.
    pub(crate) async fn dial(&self, node: u64) -> (Link, gateway::Client) {
        self.dial_from(&self.device, node).await
    }

    /// Another device's link to a node.
    pub(crate) async fn dial_from(&self, device: &Leaf, node: u64) -> (Link, gateway::Client) {
        let dialer = Dialer::new(&DialerConfig {
            role: Role::Device,
            credentials: Credentials { chain: device.chain_der(), key: device.key_der() },
            nodes: TrustAnchors(vec![self.anchors.clone()]),
            timing: LinkTiming { idle: Duration::from_secs(10), keep_alive: Duration::from_secs(1) },
            limits: LinkLimits::device(),
        })
        .unwrap();
        let expect = Expect { cluster: self.name.clone(), node: Some(node) };
        let address = self.nodes[&node].client_address();
        let link = soon(dialer.connect(address, &expect)).await.unwrap();
        let gateway = soon(link.open_rpc(StreamPriority::Control)).await.unwrap();
        (link, gateway)
    }

    /// Alice's account, made over that node.
    pub(crate) async fn alice(&self, node: u64) -> Device {
        let (link, gateway) = self.dial(node).await;
        let session = until(async || {
            let response = registering(&gateway, "alice", TOKEN).send().promise.await.unwrap();
            let results = response.get().unwrap();
            (!results.has_refused()).then(|| results.get_granted().unwrap().get_session().unwrap())
        })
        .await;
        Device { link, gateway, session, requests: Cell::new(0) }
    }

    /// Alice's session on another node.
    pub(crate) async fn resume(&self, node: u64) -> Device {
        let (link, gateway) = self.dial(node).await;
        let session = until(async || resume(&gateway).await.ok()).await;
        Device { link, gateway, session, requests: Cell::new(0) }
    }
}

/// To be sent: an account of that name, with the password of all.
pub(crate) fn registering(
    gateway: &gateway::Client,
    name: &str,
    token: [u8; 32],
) -> Request<gateway::register_params::Owned, gateway::register_results::Owned> {
    let mut call = gateway.register_request();
    call.get().set_username(name);
    call.get().set_password(PASSWORD);
    call.get().set_token(&token);
    call.get().set_device_name("desk");
    call
}

/// Logs in; otherwise the refusal.
pub(crate) async fn login(
    gateway: &gateway::Client,
    name: &str,
    password: &str,
    token: [u8; 32],
) -> Result<session::Client, Refusal> {
    let mut call = gateway.login_request();
    call.get().set_username(name);
    call.get().set_password(password);
    call.get().set_token(&token);
    let response = soon(call.send().promise).await.unwrap();
    let results = response.get().unwrap();
    if results.has_refused() {
        return Err(wire::read_refusal(results.get_refused().unwrap()));
    }
    Ok(results.get_granted().unwrap().get_session().unwrap())
}

/// Takes up alice's session; otherwise the refusal.
pub(crate) async fn resume(gateway: &gateway::Client) -> Result<session::Client, Refusal> {
    resume_by(gateway, TOKEN).await
}

/// Takes up the session of that token.
pub(crate) async fn resume_by(gateway: &gateway::Client, token: [u8; 32]) -> Result<session::Client, Refusal> {
    let mut call = gateway.resume_request();
    call.get().set_token(&token);
    call.get().set_freshness(Freshness::Linearizable);
    let response = soon(call.send().promise).await.unwrap();
    let results = response.get().unwrap();
    if results.has_refused() {
        return Err(wire::read_refusal(results.get_refused().unwrap()));
    }
    Ok(results.get_granted().unwrap().get_session().unwrap())
}

/// What a device holds of a node.
pub(crate) struct Device {
    pub(crate) link: Link,
    pub(crate) gateway: gateway::Client,
    pub(crate) session: session::Client,
    requests: Cell<u64>,
}

impl Device {
    pub(crate) async fn attend(&self, beat_ms: u32) -> u32 {
        let mut call = self.session.attend_request();
        call.get().set_beat_ms(beat_ms);
        soon(call.send().promise).await.unwrap().get().unwrap().get_beat_ms()
    }

    /// Renames alice: one change, which is told to all her devices.
    pub(crate) async fn rename(&self, name: &str) {
        self.requests.set(self.requests.get() + 1);
        let mut call = self.session.perform_request();
        call.get().init_request().set_number(self.requests.get());
        let profile = Profile { display_name: Some(name.to_owned()), ..Profile::default() };
        wire::write_act(call.get().init_act(), &Act::Account(AccountAct::SetProfile(profile)));
        assert!(!soon(call.send().promise).await.unwrap().get().unwrap().has_refused());
    }

    /// How far its node has applied.
    pub(crate) async fn cursor(&self) -> Cursor {
        let response = soon(self.session.catch_up_request().send().promise).await.unwrap();
        Cursor::from_bytes(response.get().unwrap().get_seen().unwrap().get_bytes().unwrap()).unwrap()
    }

    /// Tells the node that the device was shown everything up to there.
    pub(crate) async fn has_seen(&self, upto: Cursor) {
        let mut call = self.session.have_seen_request();
        call.get().init_upto().set_bytes(&upto.to_bytes());
        soon(call.send().promise).await.unwrap();
    }

    /// Alice's name as its node shows it.
    pub(crate) async fn own_name(&self) -> String {
        let response = soon(self.session.whoami_request().send().promise).await.unwrap();
        wire::read_user(response.get().unwrap().get_user().unwrap()).unwrap().display_name
    }

    pub(crate) async fn subscribe(&self, from: &[u8], watching: u64, armed: Armed) -> Subscription {
        self.try_subscribe(from, watching, armed).await.unwrap()
    }

    /// Subscribes; otherwise the refusal.
    pub(crate) async fn try_subscribe(
        &self,
        from: &[u8],
        watching: u64,
        armed: Armed,
    ) -> Result<Subscription, raftchat_schema::error::Refusal> {
        let heard: Rc<Heard> = Rc::default();
        let mut call = self.session.subscribe_request();
        call.get().init_from().set_bytes(from);
        call.get().set_armed(armed == Armed::Yes);
        call.get().set_watching(watching);
        call.get().set_receiver(capnp_rpc::new_client(ReceiverService(heard.clone())));
        let response = soon(call.send().promise).await.unwrap();
        let results = response.get().unwrap();
        if results.has_refused() {
            return Err(wire::read_refusal(results.get_refused().unwrap()));
        }
        Ok(Subscription { heard, capability: results.get_subscription().unwrap() })
    }

    pub(crate) async fn status(&self) -> NodeStatus {
        let response = soon(self.gateway.status_request().send().promise).await.unwrap();
        wire::read_status(response.get().unwrap().get_status().unwrap()).unwrap()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Armed {
    Yes,
    No,
}

/// What came over a subscription.
#[derive(Default)]
pub(crate) struct Heard {
    pub(crate) changes: RefCell<Vec<u64>>,
    pub(crate) cursor: RefCell<Vec<u8>>,
    pub(crate) pushes: RefCell<usize>,
    pub(crate) notices: RefCell<Vec<Notice>>,
    news: Notify,
}

pub(crate) struct Subscription {
    pub(crate) heard: Rc<Heard>,
    pub(crate) capability: subscription::Client,
}

impl Subscription {
    /// Waits until what was heard is enough.
    pub(crate) async fn hears<T>(&self, enough: impl Fn(&Heard) -> Option<T>) -> T {
        soon(async {
            loop {
                if let Some(found) = enough(&self.heard) {
                    return found;
                }
                self.heard.news.notified().await;
            }
        })
        .await
    }

    pub(crate) fn cursor(&self) -> Vec<u8> {
        self.heard.cursor.borrow().clone()
    }

    pub(crate) async fn advance(&self, cursor: &[u8]) {
        let mut call = self.capability.advance_request();
        call.get().init_upto().set_bytes(cursor);
        soon(call.send().promise).await.unwrap();
    }

    pub(crate) async fn activate(&self, cursor: &[u8]) {
        let mut call = self.capability.activate_request();
        call.get().init_from().set_bytes(cursor);
        soon(call.send().promise).await.unwrap();
    }
}

struct ReceiverService(Rc<Heard>);

impl receiver::Server for ReceiverService {
    async fn changes(
        self: Rc<Self>,
        params: receiver::ChangesParams,
        _results: receiver::ChangesResults,
    ) -> Result<(), capnp::Error> {
        let params = params.get()?;
        self.0.changes.borrow_mut().extend(params.get_changes()?.iter().map(change::Reader::get_number));
        *self.0.cursor.borrow_mut() = params.get_cursor()?.get_bytes()?.to_vec();
        *self.0.pushes.borrow_mut() += 1;
        self.0.news.notify_one();
        Ok(())
    }

    async fn notice(
        self: Rc<Self>,
        params: receiver::NoticeParams,
        _results: receiver::NoticeResults,
    ) -> Result<(), capnp::Error> {
        let notice = wire::read_notice(params.get()?.get_notice()?).unwrap();
        self.0.notices.borrow_mut().push(notice);
        self.0.news.notify_one();
        Ok(())
    }
}
