//! Nodes made for these tests: they speak the client interface and share one memory, so that what one has taken all
//! have. Each can be told to refuse, to fall silent and to go.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use capnp::Error;
use raftchat_certs::{Anchors, Authorities, Leaf, Subject};
use raftchat_client::{ClientConfig, NodeEntry, Profile};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::generated::client_capnp::{conversation, gateway, granted, receiver, session, subscription};
use raftchat_schema::id::{ChangeNumber, ConversationId, Cursor, MessageId, Position, Stamp, UserId};
use raftchat_schema::view::{
    Change, ChangedRow, ConversationKind, ConversationView, MessageState, MessageView, UserView,
};
use raftchat_schema::wire::{
    read_message_id, write_change, write_conversation, write_message, write_refusal, write_user,
};
use raftchat_transport::{
    AdmitAll, Credentials, LinkLimits, LinkTiming, NodeSecret, Role, RpcThreads, Server, ServerConfig, TrustAnchors,
};
use tokio::sync::watch;

/// What all nodes know.
pub(crate) struct World {
    state: Mutex<State>,
    count: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    messages: Vec<MessageView>,
    tokens: BTreeSet<Vec<u8>>,
    leaderless: BTreeSet<u64>,
    silent: BTreeSet<u64>,
}

impl World {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// From now on this node takes nothing.
    pub(crate) fn lose_majority(&self, node: u64) {
        self.lock().leaderless.insert(node);
    }

    /// From now on this node stores what it is sent and does not answer.
    pub(crate) fn fall_silent(&self, node: u64) {
        self.lock().silent.insert(node);
    }

    /// Ends every session.
    pub(crate) fn end_sessions(&self) {
        self.lock().tokens.clear();
    }

    /// Somebody says something.
    pub(crate) fn say(&self, id: u16) {
        self.store(MessageId(u128::from(id).to_be_bytes()), &id.to_be_bytes());
    }

    pub(crate) fn stored(&self) -> usize {
        self.lock().messages.len()
    }

    fn store(&self, message_id: MessageId, payload: &[u8]) -> Position {
        let mut state = self.lock();
        if let Some(known) = state.messages.iter().find(|message| message.message_id == message_id) {
            return known.position;
        }
        let position = Position(state.messages.len() as u64 + 1);
        state.messages.push(MessageView {
            conversation: ConversationId(1),
            position,
            message_id,
            sender: UserId(1001),
            sender_name: "alice".parse().unwrap(),
            sent_at: Stamp(position.0),
            state: MessageState::Original,
            revision: 0,
            payload: payload.to_vec(),
        });
        self.count.send_replace(state.messages.len());
        position
    }
}

fn alice() -> UserView {
    UserView {
        id: UserId(1001),
        username: "alice".parse().unwrap(),
        display_name: "Alice".to_owned(),
        deleted: false,
        last_seen: None,
        online: true,
    }
}

fn cursor(change: u64) -> [u8; 21] {
    Cursor { cluster: 7, epoch: 1, change: ChangeNumber(change) }.to_bytes()
}

/// One node, as one caller meets it. Each capability is one of its own: the same object would be taken for the same
/// capability.
#[derive(Clone)]
struct Node {
    id: u64,
    world: Arc<World>,
}

impl Node {
    fn grant(&self, mut granted: granted::Builder<'_>) {
        let session: session::Client = capnp_rpc::new_client(self.clone());
        granted.set_session(session);
        granted.set_session_id(7);
        granted.set_fresh(true);
        write_user(granted.reborrow().init_user(), &alice());
        granted.init_seen().set_bytes(&cursor(self.world.stored() as u64));
    }
}

impl gateway::Server for Node {
    async fn hello(self: Rc<Self>, _: gateway::HelloParams, mut results: gateway::HelloResults) -> Result<(), Error> {
        results.get().set_node(self.id);
        Ok(())
    }

    async fn login(
        self: Rc<Self>,
        params: gateway::LoginParams,
        mut results: gateway::LoginResults,
    ) -> Result<(), Error> {
        if params.get()?.get_password()? != "secret" {
            write_refusal(results.get().init_refused(), &ErrorCode::WrongCredentials.into());
            return Ok(());
        }
        self.world.lock().tokens.insert(params.get()?.get_token()?.to_vec());
        self.grant(results.get().init_granted());
        Ok(())
    }

    async fn resume(
        self: Rc<Self>,
        params: gateway::ResumeParams,
        mut results: gateway::ResumeResults,
    ) -> Result<(), Error> {
        if self.world.lock().tokens.contains(params.get()?.get_token()?) {
            self.grant(results.get().init_granted());
        } else {
            write_refusal(results.get().init_refused(), &ErrorCode::SessionEnded.into());
        }
        Ok(())
    }
}

impl session::Server for Node {
    async fn whoami(
        self: Rc<Self>,
        _: session::WhoamiParams,
        mut results: session::WhoamiResults,
    ) -> Result<(), Error> {
        results.get().set_session_id(7);
        results.get().set_node(self.id);
        write_user(results.get().init_user(), &alice());
        Ok(())
    }

    async fn direct(
        self: Rc<Self>,
        _: session::DirectParams,
        mut results: session::DirectResults,
    ) -> Result<(), Error> {
        let view = ConversationView {
            id: ConversationId(1),
            kind: ConversationKind::Direct,
            title: String::new(),
            members: vec![alice()],
            last_position: Position(self.world.stored() as u64),
            read_position: Position(0),
            unread: 0,
        };
        write_conversation(results.get().init_state(), &view);
        results.get().set_conversation(capnp_rpc::new_client(Self::clone(&self)));
        Ok(())
    }

    async fn catch_up(
        self: Rc<Self>,
        _: session::CatchUpParams,
        mut results: session::CatchUpResults,
    ) -> Result<(), Error> {
        results.get().init_seen().set_bytes(&cursor(self.world.stored() as u64));
        Ok(())
    }

    async fn subscribe(
        self: Rc<Self>,
        params: session::SubscribeParams,
        mut results: session::SubscribeResults,
    ) -> Result<(), Error> {
        let from = params.get()?.get_from()?.get_bytes()?;
        let from = Cursor::from_bytes(from).map_or(0, |cursor| cursor.change.0);
        let feed = tokio::task::spawn_local(push(Rc::clone(&self), from, params.get()?.get_receiver()?));
        results.get().set_subscription(capnp_rpc::new_client(Pushing(feed)));
        Ok(())
    }

    async fn delete_account(
        self: Rc<Self>,
        _: session::DeleteAccountParams,
        _: session::DeleteAccountResults,
    ) -> Result<(), Error> {
        self.world.lock().tokens.clear();
        if self.world.lock().silent.contains(&self.id) {
            std::future::pending::<()>().await;
        }
        Ok(())
    }
}

struct Pushing(tokio::task::JoinHandle<Result<(), Error>>);

impl subscription::Server for Pushing {}

impl Drop for Pushing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Calls with every message after `from`, two at a time and without waiting in between; with nothing once, when all that
/// was missed is sent.
async fn push(node: Rc<Node>, mut from: u64, receiver: receiver::Client) -> Result<(), Error> {
    let mut count = node.world.count.subscribe();
    let mut caught_up = false;
    loop {
        let missed: Vec<_> = node.world.lock().messages.iter().skip(usize::try_from(from).unwrap()).cloned().collect();
        let mut answers = Vec::new();
        for page in missed.chunks(2) {
            let mut request = receiver.changes_request();
            from += page.len() as u64;
            request.get().init_cursor().set_bytes(&cursor(from));
            let mut list = request.get().init_changes(u32::try_from(page.len()).unwrap());
            for (at, message) in (0..).zip(page) {
                let (number, row) = (ChangeNumber(message.position.0), ChangedRow::Message(message.clone()));
                write_change(list.reborrow().get(at), &Change { number, row });
            }
            answers.push(request.send().promise);
        }
        futures::future::try_join_all(answers).await?;
        if !std::mem::replace(&mut caught_up, true) {
            let mut request = receiver.changes_request();
            request.get().init_cursor().set_bytes(&cursor(from));
            request.send().promise.await?;
        }
        count.wait_for(|count| *count as u64 > from).await.unwrap();
    }
}

impl conversation::Server for Node {
    async fn send(
        self: Rc<Self>,
        params: conversation::SendParams,
        mut results: conversation::SendResults,
    ) -> Result<(), Error> {
        if self.world.lock().leaderless.contains(&self.id) {
            write_refusal(results.get().init_refused(), &ErrorCode::NoLeader.into());
            return Ok(());
        }
        let params = params.get()?;
        let position = self.world.store(read_message_id(params.get_message_id()?), params.get_payload()?);
        if self.world.lock().silent.contains(&self.id) {
            std::future::pending::<()>().await;
        }
        results.get().set_conversation(1);
        results.get().set_position(position.0);
        results.get().set_node(self.id);
        Ok(())
    }

    async fn history(
        self: Rc<Self>,
        params: conversation::HistoryParams,
        mut results: conversation::HistoryResults,
    ) -> Result<(), Error> {
        let params = params.get()?;
        let before = match params.get_before() {
            0 => u64::MAX,
            before => before,
        };
        let below = |message: &&MessageView| message.position.0 < before;
        let all: Vec<_> = self.world.lock().messages.iter().filter(below).cloned().collect();
        // Fewer than asked for, as where messages are large.
        let most = usize::try_from(params.get_limit()).unwrap().min(3);
        let page = all.iter().rev().take(most).rev();
        let mut list = results.get().init_messages(u32::try_from(page.len()).unwrap());
        for (at, message) in (0..).zip(page) {
            write_message(list.reborrow().get(at), message);
        }
        Ok(())
    }
}

/// Three nodes and who vouches for them.
pub(crate) struct Cluster {
    pub(crate) world: Arc<World>,
    pub(crate) authorities: Authorities,
    servers: Vec<(NodeEntry, Option<Server>)>,
    _threads: RpcThreads,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let authorities = Authorities::create(SystemTime::now()).unwrap();
        let world = Arc::new(World { state: Mutex::default(), count: watch::Sender::new(0) });
        let threads = RpcThreads::start(1).unwrap();
        let mut servers = Vec::new();
        for node in 1..=3 {
            let leaf = authorities.issue_node(node, SystemTime::now()).unwrap();
            let anchors = authorities.anchors_for(&Subject::node(node).unwrap());
            let config = ServerConfig {
                role: Role::Device,
                cluster: authorities.cluster().to_string(),
                address: "127.0.0.1:0".parse().unwrap(),
                credentials: Credentials { chain: leaf.chain_der(), key: leaf.key_der() },
                callers: TrustAnchors(vec![anchors.devices.unwrap().to_vec()]),
                secret: NodeSecret([u8::try_from(node).unwrap(); 32]),
                timing: LinkTiming::server(Role::Device),
                limits: LinkLimits::server(Role::Device),
            };
            let shared = Arc::clone(&world);
            let handle = threads.handle();
            let server = Server::bind(config, Arc::new(AdmitAll), &handle, move |_| {
                let gateway: gateway::Client = capnp_rpc::new_client(Node { id: node, world: Arc::clone(&shared) });
                gateway.client
            });
            let server = server.await.unwrap();
            servers.push((NodeEntry { node, address: server.local_address().to_string() }, Some(server)));
        }
        Self { world, authorities, servers, _threads: threads }
    }

    pub(crate) fn address(&self, node: u64) -> String {
        self.servers.iter().find(|(entry, _)| entry.node == node).unwrap().0.address.clone()
    }

    /// The node closes its links and is gone.
    pub(crate) fn stop(&mut self, node: u64) {
        self.servers.iter_mut().find(|(entry, _)| entry.node == node).unwrap().1 = None;
    }

    pub(crate) fn profile(&self) -> Profile {
        let (leaf, anchors) = device(&self.authorities);
        self.profile_with(leaf, anchors)
    }

    pub(crate) fn profile_with(&self, leaf: Leaf, anchors: Anchors) -> Profile {
        let nodes = self.servers.iter().map(|(entry, _)| entry.clone()).collect();
        Profile::in_memory(ClientConfig { cluster: self.authorities.cluster().to_string(), nodes }, leaf, anchors)
    }
}

/// Alice's device, as these authorities know it.
pub(crate) fn device(authorities: &Authorities) -> (Leaf, Anchors) {
    let leaf = authorities.issue_device("alice", SystemTime::now()).unwrap();
    (leaf, authorities.anchors_for(&Subject::device("alice").unwrap()))
}
