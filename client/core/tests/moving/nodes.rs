//! Nodes made for these tests: they speak the client interface and share one memory, so that what one has taken all
//! have. Each can be told to refuse, to fall silent and to go.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use capnp::Error;
use raftchat_certs::{Anchors, Authorities, Leaf, Subject};
use raftchat_client::{ClientConfig, NodeEntry, Profile};
use raftchat_schema::command::{Act, ConversationAct, Done, SendMessage};
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::generated::client_capnp::{conversation, gateway, granted, receiver, session, subscription};
use raftchat_schema::id::{ChangeNumber, Cursor, MessageId, Position, Stamp};
use raftchat_schema::view::{Change, ChangedRow, Counts, MessageView};
use raftchat_schema::wire::{
    read_act, read_message_id, write_change, write_conversation, write_counts, write_done, write_member_view,
    write_message, write_notice, write_refusal, write_user,
};
use raftchat_transport::{
    AdmitAll, CloseCode, ConnectionHandle, Credentials, Datagram, LinkLimits, LinkTiming, NodeSecret, Role, RpcThreads,
    Server, ServerConfig, TrustAnchors,
};
use tokio::sync::watch;

use crate::relay::Relay;
use crate::world::{ALICE, TOGETHER, Unwilling, World, people, person};

/// What a node says that is not willing, and names no time.
const NOT_NOW: Refusal = Refusal { code: ErrorCode::Behind, retry_after_ms: 0 };

/// One node, as one caller meets it. Each capability is one of its own: the same object would be taken for the same
/// capability.
#[derive(Clone)]
struct Node {
    id: u64,
    world: Arc<World>,
    connection: ConnectionHandle,
}

impl Node {
    fn grant(&self, mut granted: granted::Builder<'_>) {
        let session: session::Client = capnp_rpc::new_client(self.clone());
        granted.set_session(session);
        granted.set_session_id(7);
        granted.set_fresh(true);
        write_user(granted.reborrow().init_user(), &person(ALICE, "alice"));
        granted.init_seen().set_bytes(&self.world.cursor(self.world.stored() as u64));
    }
}

impl Node {
    /// Takes a message, which is there from then on; a silent node does not answer it.
    async fn take(&self, message_id: MessageId, payload: &[u8]) -> Result<Position, Refusal> {
        if self.world.lock().leaderless.contains(&self.id) {
            return Err(ErrorCode::NoLeader.into());
        }
        if self.world.is_unwilling(Unwilling::Store) {
            return Err(NOT_NOW);
        }
        self.world.lock().sends += 1;
        let left = self.world.lock().too_many.checked_sub(1);
        if let Some(left) = left {
            self.world.lock().too_many = left;
            return Err(Refusal { code: ErrorCode::RateLimited, retry_after_ms: 20 });
        }
        let position = self.world.store(ALICE, message_id, payload);
        self.answer().await;
        Ok(position)
    }

    /// An act that changes nothing here, but that who has left has left.
    async fn note(&self, act: Act) -> Result<Done, Refusal> {
        let has_left = matches!(act, Act::In(_, ConversationAct::Leave)) && self.world.lock().acts.contains(&act);
        if has_left {
            return Err(ErrorCode::NotAMember.into());
        }
        self.world.lock().acts.push(act);
        self.answer().await;
        Ok(Done::Nothing)
    }

    /// Never, of a node that is silent.
    async fn answer(&self) {
        if self.world.lock().silent.contains(&self.id) {
            std::future::pending::<()>().await;
        }
    }
}

impl gateway::Server for Node {
    async fn hello(self: Rc<Self>, _: gateway::HelloParams, mut results: gateway::HelloResults) -> Result<(), Error> {
        if self.world.lock().greets_nobody {
            std::future::pending::<()>().await;
        }
        results.get().set_node(self.id);
        Ok(())
    }

    async fn login(
        self: Rc<Self>,
        params: gateway::LoginParams,
        mut results: gateway::LoginResults,
    ) -> Result<(), Error> {
        let takes = {
            let mut world = self.world.lock();
            world.logins += 1;
            world.login_takes
        };
        tokio::time::sleep(takes).await;
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
        if self.world.is_unwilling(Unwilling::TakeSessions) {
            write_refusal(results.get().init_refused(), &NOT_NOW);
        } else if self.world.lock().behind.contains(&self.id) {
            let refusal = Refusal { code: ErrorCode::Behind, retry_after_ms: 1000 };
            write_refusal(results.get().init_refused(), &refusal);
        } else if !self.world.knows(params.get()?.get_seen()?.get_bytes()?) {
            write_refusal(results.get().init_refused(), &ErrorCode::ForeignCursor.into());
        } else if self.world.lock().tokens.contains(params.get()?.get_token()?) {
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
        write_user(results.get().init_user(), &person(ALICE, "alice"));
        Ok(())
    }

    async fn direct(
        self: Rc<Self>,
        _: session::DirectParams,
        mut results: session::DirectResults,
    ) -> Result<(), Error> {
        let view = self.world.together();
        write_conversation(results.get().init_state(), &view);
        results.get().set_conversation(capnp_rpc::new_client(Self::clone(&self)));
        Ok(())
    }

    async fn direct_with(
        self: Rc<Self>,
        _: session::DirectWithParams,
        mut results: session::DirectWithResults,
    ) -> Result<(), Error> {
        write_conversation(results.get().init_state(), &self.world.together());
        results.get().set_conversation(capnp_rpc::new_client(Self::clone(&self)));
        Ok(())
    }

    async fn conversation(
        self: Rc<Self>,
        params: session::ConversationParams,
        mut results: session::ConversationResults,
    ) -> Result<(), Error> {
        if params.get()?.get_id() != TOGETHER.0 {
            write_refusal(results.get().init_refused(), &ErrorCode::NoSuchConversation.into());
            return Ok(());
        }
        write_conversation(results.get().init_state(), &self.world.together());
        results.get().set_conversation(capnp_rpc::new_client(Self::clone(&self)));
        Ok(())
    }

    async fn conversations(
        self: Rc<Self>,
        _: session::ConversationsParams,
        mut results: session::ConversationsResults,
    ) -> Result<(), Error> {
        write_conversation(results.get().init_conversations(1).get(0), &self.world.together());
        Ok(())
    }

    async fn users(
        self: Rc<Self>,
        params: session::UsersParams,
        mut results: session::UsersResults,
    ) -> Result<(), Error> {
        // One at a time, as where there are many.
        let after = params.get()?.get_after();
        let left: Vec<_> = people().into_iter().filter(|user| user.id.0 > after).collect();
        results.get().set_more(left.len() > 1);
        let mut list = results.get().init_users(u32::from(!left.is_empty()));
        if let Some(user) = left.first() {
            write_user(list.reborrow().get(0), user);
        }
        Ok(())
    }

    async fn blocked(self: Rc<Self>, _: session::BlockedParams, _: session::BlockedResults) -> Result<(), Error> {
        Ok(())
    }

    async fn perform(
        self: Rc<Self>,
        params: session::PerformParams,
        mut results: session::PerformResults,
    ) -> Result<(), Error> {
        let done = match read_act(params.get()?.get_act()?).map_err(|error| Error::failed(error.to_string()))? {
            Act::Send(SendMessage { message_id, payload, .. }) => {
                let position = self.take(message_id, &payload).await;
                position.map(|position| Done::Sent { conversation: TOGETHER, position, sent_at: Stamp(0) })
            }
            // Which a device says whenever it is looked at.
            Act::In(_, ConversationAct::MarkRead { .. }) => Ok(Done::Nothing),
            act => self.note(act).await,
        };
        match done {
            Ok(done) => write_done(results.get().init_done(), &done),
            Err(refusal) => write_refusal(results.get().init_refused(), &refusal),
        }
        Ok(())
    }

    async fn catch_up(
        self: Rc<Self>,
        _: session::CatchUpParams,
        mut results: session::CatchUpResults,
    ) -> Result<(), Error> {
        results.get().init_seen().set_bytes(&self.world.cursor(self.world.stored() as u64));
        results.get().set_fresh(!self.world.lock().leaderless.contains(&self.id));
        Ok(())
    }

    async fn subscribe(
        self: Rc<Self>,
        params: session::SubscribeParams,
        mut results: session::SubscribeResults,
    ) -> Result<(), Error> {
        if self.world.is_unwilling(Unwilling::Push) {
            write_refusal(results.get().init_refused(), &NOT_NOW);
            return Ok(());
        }
        let from = params.get()?.get_from()?.get_bytes()?;
        if !self.world.knows(from) {
            write_refusal(results.get().init_refused(), &ErrorCode::ForeignCursor.into());
            return Ok(());
        }
        let from = change_of(from);
        let params = params.get()?;
        let armed = if params.get_armed() { self.world.armed(self.id) } else { watch::Sender::new(true) };
        let pushing = Pushing { node: self.id, world: Arc::clone(&self.world), armed, from: Rc::new(Cell::new(from)) };
        let feed = push(Rc::clone(&self), Rc::clone(&pushing.from), pushing.armed.subscribe(), params.get_receiver()?);
        if params.get_armed() {
            let (connection, armed) = (self.connection.clone(), pushing.armed.clone());
            tokio::task::spawn_local(async move {
                while let Ok(datagram) = connection.read_datagram().await {
                    // What comes before the cursor in it falls by number.
                    if matches!(datagram, Datagram::Activate(_)) {
                        armed.send_replace(true);
                    }
                }
            });
        }
        let feed = if self.world.is_unwilling(Unwilling::KeepPushing) {
            tokio::task::spawn_local(std::future::ready(Ok(())))
        } else {
            tokio::task::spawn_local(feed)
        };
        results.get().set_subscription(capnp_rpc::new_client(Subscribed { pushing, feed }));
        Ok(())
    }

    async fn attend(
        self: Rc<Self>,
        params: session::AttendParams,
        mut results: session::AttendResults,
    ) -> Result<(), Error> {
        let asked = params.get()?.get_beat_ms();
        self.world.lock().attended.push((self.id, asked));
        let connection = self.connection.clone();
        if asked > 0 {
            tokio::task::spawn_local(async move {
                while connection.send_beat() {
                    tokio::time::sleep(Duration::from_millis(u64::from(asked))).await;
                }
            });
        }
        results.get().set_beat_ms(asked);
        Ok(())
    }

    async fn have_seen(
        self: Rc<Self>,
        params: session::HaveSeenParams,
        _: session::HaveSeenResults,
    ) -> Result<(), Error> {
        let upto = change_of(params.get()?.get_upto()?.get_bytes()?);
        self.world.lock().shown_elsewhere.push((self.id, upto));
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

struct Pushing {
    node: u64,
    world: Arc<World>,
    /// Whether it pushes.
    armed: watch::Sender<bool>,
    /// From where on.
    from: Rc<Cell<u64>>,
}

struct Subscribed {
    pushing: Pushing,
    feed: tokio::task::JoinHandle<Result<(), Error>>,
}

impl subscription::Server for Subscribed {
    async fn advance(
        self: Rc<Self>,
        params: subscription::AdvanceParams,
        _: subscription::AdvanceResults,
    ) -> Result<(), Error> {
        let upto = change_of(params.get()?.get_upto()?.get_bytes()?);
        self.pushing.world.lock().advanced.push((self.pushing.node, upto));
        self.pushing.from.set(self.pushing.from.get().max(upto));
        Ok(())
    }

    async fn activate(
        self: Rc<Self>,
        params: subscription::ActivateParams,
        _: subscription::ActivateResults,
    ) -> Result<(), Error> {
        let from = change_of(params.get()?.get_from()?.get_bytes()?);
        if !self.pushing.armed.send_replace(true) {
            self.pushing.from.set(self.pushing.from.get().max(from));
        }
        Ok(())
    }
}

impl Drop for Subscribed {
    fn drop(&mut self) {
        self.feed.abort();
    }
}

fn change_of(cursor: &[u8]) -> u64 {
    Cursor::from_bytes(cursor).map_or(0, |cursor| cursor.change.0)
}

/// Calls with every message after `from`, two at a time and without waiting in between; with nothing once, when all that
/// was missed is sent. Before it is told to it says only what the world wants to be said.
async fn push(
    node: Rc<Node>,
    from: Rc<Cell<u64>>,
    mut active: watch::Receiver<bool>,
    receiver: receiver::Client,
) -> Result<(), Error> {
    let said = say_notices(Rc::clone(&node), receiver.clone());
    tokio::pin!(said);
    tokio::select! {
        outcome = &mut said => return outcome,
        _ = active.wait_for(|active| *active) => {}
    }
    tokio::select! {
        outcome = said => outcome,
        outcome = push_changes(node, from.get(), receiver) => outcome,
    }
}

/// Passes on what the world wants this node to say.
async fn say_notices(node: Rc<Node>, receiver: receiver::Client) -> Result<(), Error> {
    let mut notices = node.world.notices.subscribe();
    while let Ok((speaker, notice)) = notices.recv().await {
        if speaker == node.id {
            let mut request = receiver.notice_request();
            write_notice(request.get().init_notice(), notice);
            request.send().promise.await?;
        }
    }
    std::future::pending().await
}

async fn push_changes(node: Rc<Node>, mut from: u64, receiver: receiver::Client) -> Result<(), Error> {
    let mut count = node.world.count.subscribe();
    let mut caught_up = false;
    loop {
        // Who is silent tells of nothing either.
        count.wait_for(|_| !node.world.lock().silent.contains(&node.id)).await.unwrap();
        let missed: Vec<_> = node.world.lock().messages.iter().skip(usize::try_from(from).unwrap()).cloned().collect();
        let mut answers = Vec::new();
        for page in missed.chunks(2) {
            let mut request = receiver.changes_request();
            from += page.len() as u64;
            request.get().init_cursor().set_bytes(&node.world.cursor(from));
            let mut list = request.get().init_changes(u32::try_from(page.len()).unwrap());
            for (at, message) in (0..).zip(page) {
                let (number, row) = (ChangeNumber(message.position.0), ChangedRow::Message(message.clone()));
                write_change(list.reborrow().get(at), &Change { number, row });
            }
            let counts = Counts { as_of: ChangeNumber(from), ..Counts::default() };
            write_counts(request.get().init_counts(1).get(0), TOGETHER, &counts);
            let (answer, upto) = (request.send().promise, from);
            answers.push(async move { answer.await.map(|_| upto) });
        }
        for upto in futures::future::try_join_all(answers).await? {
            node.world.acknowledged.send_if_modified(|seen| std::mem::replace(seen, upto.max(*seen)) < upto);
        }
        if !std::mem::replace(&mut caught_up, true) {
            let mut request = receiver.changes_request();
            request.get().init_cursor().set_bytes(&node.world.cursor(from));
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
        let params = params.get()?;
        match self.take(read_message_id(params.get_message_id()?), params.get_payload()?).await {
            Ok(position) => {
                results.get().set_conversation(TOGETHER.0);
                results.get().set_position(position.0);
                results.get().set_node(self.id);
            }
            Err(refusal) => write_refusal(results.get().init_refused(), &refusal),
        }
        Ok(())
    }

    async fn history(
        self: Rc<Self>,
        params: conversation::HistoryParams,
        mut results: conversation::HistoryResults,
    ) -> Result<(), Error> {
        if self.world.lock().keeps_history {
            std::future::pending::<()>().await;
        }
        let params = params.get()?;
        let after = params.get_after();
        let before = match params.get_before() {
            0 => u64::MAX,
            before => before,
        };
        let meant = |message: &&MessageView| match after {
            0 => message.position.0 < before,
            _ => message.position.0 > after,
        };
        let all: Vec<_> = self.world.lock().messages.iter().filter(meant).cloned().collect();
        // Fewer than asked for, as where messages are large.
        let most = usize::try_from(params.get_limit()).unwrap().min(3);
        let skipped = if after == 0 { all.len().saturating_sub(most) } else { 0 };
        let page = all.iter().skip(skipped).take(most);
        let mut list = results.get().init_messages(u32::try_from(page.len()).unwrap());
        for (at, message) in (0..).zip(page) {
            write_message(list.reborrow().get(at), message);
        }
        Ok(())
    }

    async fn state(
        self: Rc<Self>,
        _: conversation::StateParams,
        mut results: conversation::StateResults,
    ) -> Result<(), Error> {
        write_conversation(results.get().init_state(), &self.world.together());
        Ok(())
    }

    async fn members(
        self: Rc<Self>,
        _: conversation::MembersParams,
        mut results: conversation::MembersResults,
    ) -> Result<(), Error> {
        let members = self.world.together().members;
        let mut list = results.get().init_members(u32::try_from(members.len()).unwrap());
        for (at, member) in (0..).zip(&members) {
            write_member_view(list.reborrow().get(at), member);
        }
        Ok(())
    }
}

/// Three nodes and who vouches for them.
pub(crate) struct Cluster {
    pub(crate) world: Arc<World>,
    pub(crate) authorities: Authorities,
    servers: Vec<(NodeEntry, Option<Server>)>,
    /// What stands before each.
    relays: Vec<Relay>,
    _threads: RpcThreads,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        let authorities = Authorities::create(SystemTime::now()).unwrap();
        let world = Arc::new(World::new());
        let threads = RpcThreads::start(1).unwrap();
        let (mut servers, mut relays) = (Vec::new(), Vec::new());
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
                clock: Arc::new(raftchat_transport::MachineClock),
                meters: raftchat_transport::LinkMeters::default(),
            };
            let shared = Arc::clone(&world);
            let handle = threads.handle();
            let server = Server::bind(config, Arc::new(AdmitAll), &handle, move |connection: ConnectionHandle| {
                if shared.is_unwilling(Unwilling::Link) {
                    connection.close(CloseCode::Overloaded, "no room");
                }
                let node = Node { id: node, world: Arc::clone(&shared), connection };
                let gateway: gateway::Client = capnp_rpc::new_client(node);
                gateway.client
            });
            let server = server.await.unwrap();
            let relay = Relay::towards(server.local_address()).await;
            servers.push((NodeEntry { node, address: relay.address.to_string() }, Some(server)));
            relays.push(relay);
        }
        Self { world, authorities, servers, relays, _threads: threads }
    }

    pub(crate) fn address(&self, node: u64) -> String {
        self.servers.iter().find(|(entry, _)| entry.node == node).unwrap().0.address.clone()
    }

    pub(crate) fn relay(&self, node: u64) -> &Relay {
        let at = self.servers.iter().position(|(entry, _)| entry.node == node).unwrap();
        &self.relays[at]
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
