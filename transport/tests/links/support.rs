//! A small cluster's certificates, a service that echoes, and waiting.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::SocketAddr;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use capnp::any_pointer;
use capnp::capability::{Client, DispatchCallResult, FromClientHook, FromServer, Params, Promise, Results};
use capnp::private::capability::ClientHook;
use raftchat_schema::told::write_field;
use raftchat_transport::{
    Admission, AuthRefusal, Credentials, Dialer, DialerConfig, Expect, Identity, Link, LinkFailure, LinkLimits,
    LinkMeters, LinkTiming, NodeSecret, PeerCertificate, Role, RpcHandle, Server, ServerConfig, Spki, TrustAnchors,
    device_dns_name, node_dns_name,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose,
    GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints, SanType,
};
use time::OffsetDateTime;
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::filter::{LevelFilter, filter_fn};
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

pub(crate) const HOME: &str = "home";
const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for what must come; a test fails when it does not.
pub(crate) async fn soon<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(PATIENCE, what).await.expect("it took too long")
}

/// What all tests have logged.
pub(crate) static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

/// Writes to the log that is kept.
struct Kept;

impl std::io::Write for Kept {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap().extend(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The spans of links in all tests, by their fields.
pub(crate) static LINKS: Mutex<Vec<BTreeMap<String, String>>> = Mutex::new(Vec::new());

/// Notes the spans of links.
struct LinkSpans;

impl<S: tracing::Subscriber> Layer<S> for LinkSpans {
    fn on_new_span(&self, span: &tracing::span::Attributes<'_>, _id: &tracing::Id, _context: Context<'_, S>) {
        let mut fields = BTreeMap::new();
        span.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            fields.insert(field.name().to_owned(), format!("{value:?}"));
        });
        LINKS.lock().unwrap().push(fields);
    }
}

/// Runs a test on a `LocalSet`, where links live.
pub(crate) fn locally<F: Future>(test: F) -> impl Future<Output = F::Output> {
    // As the programs do.
    let fields = debug_fn(|writer, field, value| write_field(writer, field.name(), value)).delimited(" ");
    let log = tracing_subscriber::fmt::layer().fmt_fields(fields).with_ansi(false).with_writer(|| Kept);
    let links = LinkSpans.with_filter(filter_fn(|told| told.is_span() && told.name() == "link"));
    let _ = tracing_subscriber::registry().with(log.with_filter(LevelFilter::WARN)).with(links).try_init();
    // Some tests are large.
    let test = Box::pin(test);
    async move { tokio::task::LocalSet::new().run_until(test).await }
}

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

fn dated(names: Vec<SanType>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = OffsetDateTime::now_utc() - time::Duration::hours(1);
    params.not_after = OffsetDateTime::now_utc() + time::Duration::hours(1);
    params.subject_alt_names = names;
    params
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = dated(Vec::new());
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

impl Authority {
    /// An authority for the names `<kind>.<cluster>.raftchat.internal`, under
    /// the root that all authorities of a cluster share.
    fn new(kind: &str, cluster: &str, root: &CertifiedIssuer<'static, KeyPair>) -> Self {
        let mut params = authority_params(&format!("{kind} authority of {cluster}"));
        let names = GeneralSubtree::DnsName(format!("{kind}.{cluster}.raftchat.internal"));
        params.name_constraints =
            Some(NameConstraints { permitted_subtrees: vec![names], excluded_subtrees: Vec::new() });
        Self(CertifiedIssuer::signed_by(params, KeyPair::generate().unwrap(), root).unwrap())
    }

    pub(crate) fn anchors(&self) -> TrustAnchors {
        TrustAnchors(vec![self.0.der().to_vec()])
    }

    pub(crate) fn leaf(&self, dns: &str, uri: &str, uses: &[ExtendedKeyUsagePurpose]) -> Credentials {
        let mut params = dated(vec![SanType::DnsName(dns.try_into().unwrap()), SanType::URI(uri.try_into().unwrap())]);
        params.extended_key_usages = uses.to_vec();
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        self.sign(&params)
    }

    pub(crate) fn expired_device(&self, name: &str) -> Credentials {
        let mut params = dated(vec![
            SanType::DnsName(device_dns_name(HOME, name).try_into().unwrap()),
            SanType::URI(format!("raftchat://{HOME}/device/{name}").try_into().unwrap()),
        ]);
        params.not_after = OffsetDateTime::now_utc() - time::Duration::minutes(1);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        self.sign(&params)
    }

    /// The certificate of the device `name`, as `change` makes it another.
    pub(crate) fn odd_device(
        &self,
        name: &str,
        key: &KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Credentials {
        let mut params = dated(vec![
            SanType::DnsName(device_dns_name(HOME, name).try_into().unwrap()),
            SanType::URI(format!("raftchat://{HOME}/device/{name}").try_into().unwrap()),
        ]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        change(&mut params);
        self.sign_for(&params, key)
    }

    /// Credentials of node `id` that are as they should be but for `change`.
    pub(crate) fn odd_node(&self, id: u64, key: &KeyPair, change: impl FnOnce(&mut CertificateParams)) -> Credentials {
        let mut params = dated(vec![
            SanType::DnsName(node_dns_name(HOME, id).try_into().unwrap()),
            SanType::URI(format!("raftchat://{HOME}/node/{id}").try_into().unwrap()),
        ]);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        change(&mut params);
        self.sign_for(&params, key)
    }

    fn sign(&self, params: &CertificateParams) -> Credentials {
        self.sign_for(params, &KeyPair::generate().unwrap())
    }

    fn sign_for(&self, params: &CertificateParams, key: &KeyPair) -> Credentials {
        let leaf = params.signed_by(key, &self.0).unwrap();
        Credentials { chain: vec![leaf.der().to_vec(), self.0.der().to_vec()], key: key.serialize_der() }
    }
}

/// The authorities of one cluster.
pub(crate) struct Cluster {
    pub(crate) name: &'static str,
    pub(crate) nodes: Authority,
    pub(crate) devices: Authority,
}

impl Cluster {
    pub(crate) fn new(name: &'static str) -> Self {
        let root = authority_params(&format!("root of {name}"));
        let root = CertifiedIssuer::self_signed(root, KeyPair::generate().unwrap()).unwrap();
        let authority = |kind| Authority::new(kind, name, &root);
        Self { name, nodes: authority("node"), devices: authority("device") }
    }

    pub(crate) fn node(&self, id: u64) -> Credentials {
        let uri = format!("raftchat://{}/node/{id}", self.name);
        let uses = [ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        self.nodes.leaf(&node_dns_name(self.name, id), &uri, &uses)
    }

    pub(crate) fn device(&self, name: &str) -> Credentials {
        let uri = format!("raftchat://{}/device/{name}", self.name);
        let uses = [ExtendedKeyUsagePurpose::ClientAuth];
        self.devices.leaf(&device_dns_name(self.name, name), &uri, &uses)
    }

    pub(crate) fn server_config(&self, role: Role, id: u64) -> ServerConfig {
        let callers = match role {
            Role::Node => self.nodes.anchors(),
            Role::Device => self.devices.anchors(),
        };
        ServerConfig {
            role,
            cluster: self.name.to_owned(),
            address: ([127, 0, 0, 1], 0).into(),
            credentials: self.node(id),
            callers,
            secret: NodeSecret([9; 32]),
            timing: LinkTiming::server(role),
            limits: LinkLimits::server(role),
            clock: Arc::new(raftchat_transport::MachineClock),
            meters: LinkMeters::default(),
        }
    }

    pub(crate) fn dialer(&self, role: Role, credentials: Credentials) -> Dialer {
        let (timing, limits) = match role {
            Role::Node => (LinkTiming::peer(), LinkLimits::peer()),
            Role::Device => (LinkTiming::device(), LinkLimits::device()),
        };
        let nodes = self.nodes.anchors();
        Dialer::new(&DialerConfig { role, credentials, nodes, timing, limits }).unwrap()
    }
}

pub(crate) fn expect(node: u64) -> Expect {
    Expect { cluster: HOME.to_owned(), node: Some(node) }
}

pub(crate) fn spki(credentials: &Credentials) -> Spki {
    PeerCertificate::from_der(&credentials.chain[0]).unwrap().identity.spki()
}

/// Lets in members and whoever is not revoked, and counts being asked.
#[derive(Default)]
pub(crate) struct Guests {
    pub(crate) members: BTreeMap<u64, Spki>,
    pub(crate) revoked: Mutex<BTreeSet<Spki>>,
    pub(crate) asked: AtomicUsize,
}

impl Admission for Guests {
    fn admit(&self, identity: &Identity) -> Result<(), AuthRefusal> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.revoked.lock().unwrap().contains(&identity.spki()) {
            return Err(AuthRefusal::Revoked);
        }
        match identity {
            Identity::Node { id, spki, .. } if self.members.get(id) != Some(spki) => Err(AuthRefusal::NotAMember),
            _ => Ok(()),
        }
    }
}

/// The failure of a link that must not come to be: in the handshake, or told
/// right after it.
pub(crate) async fn refusal(dialer: &Dialer, address: SocketAddr, expect: &Expect) -> LinkFailure {
    match soon(dialer.connect(address, expect)).await {
        Err(failure) => failure,
        Ok(link) => soon(link.closed()).await,
    }
}

pub(crate) const ECHO: u64 = 0xec40_ec40_ec40_ec40;

/// A service that answers a text with the caller's identity and the text, and
/// never answers `wait`. Remembers what it was told, in order.
#[derive(Default)]
pub(crate) struct EchoService {
    caller: String,
    heard: Arc<Mutex<Vec<String>>>,
}

#[derive(Clone)]
pub(crate) struct EchoDispatch(Rc<EchoService>);

impl Deref for EchoDispatch {
    type Target = EchoService;
    fn deref(&self) -> &EchoService {
        &self.0
    }
}

impl capnp::capability::Server for EchoDispatch {
    fn dispatch_call(
        self,
        interface: u64,
        _method: u16,
        params: Params<any_pointer::Owned>,
        mut results: Results<any_pointer::Owned>,
    ) -> DispatchCallResult {
        if interface != ECHO {
            let error = capnp::Error::unimplemented("not an echo".to_owned());
            return DispatchCallResult::new(Promise::err(error), false);
        }
        let text = params.get().unwrap().get_as::<capnp::text::Reader<'_>>().unwrap();
        let text = text.to_string().unwrap();
        self.heard.lock().unwrap().push(text.clone());
        if text == "wait" {
            return DispatchCallResult::new(Promise::from_future(std::future::pending()), false);
        }
        let answer = format!("{}: {text}", self.caller);
        let done = results.get().set_as::<capnp::text::Owned>(answer.as_str());
        DispatchCallResult::new(Promise::from_future(async move { done }), false)
    }

    fn as_ptr(&self) -> usize {
        Rc::as_ptr(&self.0) as usize
    }
}

/// The caller's side of the service.
#[derive(Clone)]
pub(crate) struct Echo(Box<dyn ClientHook>);

impl FromClientHook for Echo {
    fn new(hook: Box<dyn ClientHook>) -> Self {
        Self(hook)
    }
    fn into_client_hook(self) -> Box<dyn ClientHook> {
        self.0
    }
    fn as_client_hook(&self) -> &dyn ClientHook {
        &*self.0
    }
}

impl FromServer<EchoService> for Echo {
    type Dispatch = EchoDispatch;
    fn from_server(service: Rc<EchoService>) -> EchoDispatch {
        EchoDispatch(service)
    }
}

impl Echo {
    pub(crate) async fn say(self, text: String) -> Result<String, capnp::Error> {
        let client = Client::new(self.0);
        let mut request = client.new_call::<any_pointer::Owned, any_pointer::Owned>(ECHO, 0, None);
        request.get().set_as::<capnp::text::Owned>(text.as_str())?;
        let response = request.send().promise.await?;
        Ok(response.get()?.get_as::<capnp::text::Reader<'_>>()?.to_string()?)
    }
}

/// Starts an echoing server; what it hears is kept in `heard`.
pub(crate) async fn echo_server(
    config: ServerConfig,
    guests: &Arc<Guests>,
    threads: &RpcHandle,
    heard: &Arc<Mutex<Vec<String>>>,
) -> Server {
    let heard = Arc::clone(heard);
    let guests: Arc<dyn Admission> = guests.clone();
    let bootstrap = move |connection: raftchat_transport::ConnectionHandle| {
        let caller = connection.identity().to_string();
        let service = EchoService { caller, heard: Arc::clone(&heard) };
        let echo: Echo = capnp_rpc::new_client(service);
        Client::new(echo.into_client_hook())
    };
    // A port that was just given up can take a moment to be free.
    soon(Server::bind(config, guests, threads, bootstrap)).await.unwrap()
}

pub(crate) async fn say(link: &Link, text: &str) -> String {
    let echo: Echo = soon(link.bootstrap()).await.unwrap();
    soon(echo.say(text.to_owned())).await.unwrap()
}
