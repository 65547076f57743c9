//! The way of many users into a cluster from one thread: a link each, and the plainest calls. What a client does beside
//! that, it does not: no repeating, no moving.

use std::time::Duration;

use raftchat_schema::command::{AccountAct, Act, Done};
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::generated::client_capnp::{
    Freshness, conversation, gateway, granted, receiver, session, subscription,
};
use raftchat_schema::id::{ConversationId, MessageId, UserId};
use raftchat_schema::pause::Pause;
use raftchat_schema::payload::Payload;
use raftchat_schema::wire::{WireError, encode_payload, read_done, read_refusal, write_act, write_message_id};
use raftchat_transport::{
    CredentialError, Dialer, DialerConfig, Expect, Link, LinkFailure, LinkLimits, LinkTiming, Role, lot,
};

use tokio::time::sleep;
use uuid::Uuid;

use super::arena::Access;

/// The number of times that a call that is refused with a time is repeated.
const ATTEMPTS: u32 = 20;
/// The pauses before that, where the node asks for shorter ones.
pub(super) const PAUSE: Pause = Pause::between(Duration::from_millis(20), Duration::from_secs(1));

/// A 32-byte secret of a session.
pub(super) type Token = [u8; 32];

/// Reasons why a call of the load came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// The node said no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no link.
    #[error(transparent)]
    Link(#[from] LinkFailure),
    /// The call broke off.
    #[error("{0}")]
    Call(#[from] capnp::Error),
    /// The answer cannot be read.
    #[error(transparent)]
    Answer(#[from] WireError),
    /// The system gives no randomness.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
}

impl Trouble {
    /// How long to wait before trying again; none where that is of no use.
    pub(super) fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Self::Refused(refusal) => match refusal.code {
                ErrorCode::Busy | ErrorCode::NoLeader | ErrorCode::Behind | ErrorCode::RateLimited => {
                    Some(refusal.retry_after_ms.max(20))
                }
                _ => None,
            },
            Self::Call(error) if error.kind == capnp::ErrorKind::Overloaded => Some(100),
            Self::Link(LinkFailure::Overloaded | LinkFailure::Unreachable { .. }) => Some(200),
            Self::Call(_) | Self::Link(_) | Self::Answer(_) | Self::Random(_) => None,
        }
    }
}

/// Opens links; lives on one thread.
pub(super) struct Door {
    dialer: Dialer,
    access: Access,
}

/// Somebody who is in. Dropping it closes the link.
pub(super) struct Visit {
    /// What the user may do.
    pub(super) session: session::Client,
    /// The user's id.
    pub(super) user: UserId,
    _link: Link,
}

impl Door {
    pub(super) fn new(access: Access) -> Result<Self, CredentialError> {
        let dialer = Dialer::new(&DialerConfig {
            role: Role::Device,
            credentials: access.credentials.clone(),
            nodes: access.anchors.clone(),
            timing: LinkTiming::device(),
            limits: LinkLimits::device(),
        })?;
        Ok(Self { dialer, access })
    }

    /// A link for the `number`th user: they are spread evenly over the nodes.
    async fn knock(&self, number: usize) -> Result<(Link, gateway::Client), Trouble> {
        let nodes = &self.access.nodes;
        let place = number.checked_rem(nodes.len()).and_then(|at| nodes.get(at));
        let Some((node, address)) = place else {
            return Err(LinkFailure::Unreachable { cause: "no node is known".to_owned() }.into());
        };
        let expect = Expect { cluster: self.access.cluster.clone(), node: Some(*node) };
        let link = self.dialer.connect(*address, &expect).await?;
        let gateway: gateway::Client = link.bootstrap().await?;
        link.admitted(&gateway).await?;
        Ok((link, gateway))
    }

    /// Makes an account.
    pub(super) async fn register(
        &self,
        number: usize,
        username: &str,
        password: &str,
        token: &Token,
    ) -> Result<Visit, Trouble> {
        let (link, gateway) = self.knock(number).await?;
        let mut request = gateway.register_request();
        let mut params = request.get();
        params.set_username(username);
        params.set_display_name(username);
        params.set_password(password);
        params.set_token(token);
        params.set_device_name("bench");
        let response = request.send().promise.await?;
        let answer = response.get()?;
        if answer.has_refused() {
            return Err(read_refusal(answer.get_refused()?).into());
        }
        visit(link, answer.get_granted()?)
    }

    /// Takes up a session over one more link.
    pub(super) async fn resume(&self, number: usize, token: &Token) -> Result<Visit, Trouble> {
        let (link, gateway) = self.knock(number).await?;
        let mut request = gateway.resume_request();
        request.get().set_token(token);
        request.get().set_freshness(Freshness::Local);
        let response = request.send().promise.await?;
        let answer = response.get()?;
        if answer.has_refused() {
            return Err(read_refusal(answer.get_refused()?).into());
        }
        visit(link, answer.get_granted()?)
    }
}

fn visit(link: Link, granted: granted::Reader<'_>) -> Result<Visit, Trouble> {
    Ok(Visit { session: granted.get_session()?, user: UserId(granted.get_user()?.get_id()), _link: link })
}

impl Visit {
    /// Waits until everything that anybody was told is done is known to this node too; gives the cursor after it.
    pub(super) async fn catch_up(&self) -> Result<Vec<u8>, Trouble> {
        let response = self.session.catch_up_request().send().promise.await?;
        let answer = response.get()?;
        if answer.has_refused() {
            return Err(read_refusal(answer.get_refused()?).into());
        }
        Ok(answer.get_seen()?.get_bytes()?.to_vec())
    }

    /// The direct conversation with somebody.
    pub(super) async fn direct(&self, username: &str) -> Result<conversation::Client, Trouble> {
        let mut request = self.session.direct_request();
        request.get().set_username(username);
        let response = request.send().promise.await?;
        let answer = response.get()?;
        if answer.has_refused() {
            return Err(read_refusal(answer.get_refused()?).into());
        }
        Ok(answer.get_conversation()?)
    }

    /// Has `receiver` called with every change from the beginning.
    pub(super) async fn subscribe(&self, receiver: receiver::Client) -> Result<subscription::Client, Trouble> {
        self.subscribe_after(&[], receiver).await
    }

    /// Has `receiver` called with every change after the cursor.
    pub(super) async fn subscribe_after(
        &self,
        cursor: &[u8],
        receiver: receiver::Client,
    ) -> Result<subscription::Client, Trouble> {
        let mut request = self.session.subscribe_request();
        request.get().set_receiver(receiver);
        request.get().init_from().set_bytes(cursor);
        let response = request.send().promise.await?;
        let answer = response.get()?;
        if answer.has_refused() {
            return Err(read_refusal(answer.get_refused()?).into());
        }
        Ok(answer.get_subscription()?)
    }

    /// A group of the user and these others.
    pub(super) async fn create_group(&self, title: &str, members: &[UserId]) -> Result<conversation::Client, Trouble> {
        let mut request = self.session.perform_request();
        request.get().init_request().set_number(1);
        let (title, members) = (title.to_owned(), members.to_vec());
        write_act(request.get().init_act(), &Act::Account(AccountAct::CreateGroup { title, members }));
        let response = request.send().promise.await?;
        let answer = response.get()?;
        if answer.has_refused() {
            return Err(read_refusal(answer.get_refused()?).into());
        }
        let Done::GroupCreated { conversation } = read_done(answer.get_done()?)? else {
            return Err(capnp::Error::failed("the node made no group".to_owned()).into());
        };
        self.conversation(conversation).await
    }

    async fn conversation(&self, id: ConversationId) -> Result<conversation::Client, Trouble> {
        let mut request = self.session.conversation_request();
        request.get().set_id(id.0);
        let response = request.send().promise.await?;
        let answer = response.get()?;
        if answer.has_refused() {
            return Err(read_refusal(answer.get_refused()?).into());
        }
        Ok(answer.get_conversation()?)
    }

    /// Deletes the account, so that nothing is left of the measurement but what was said.
    pub(super) async fn delete_account(&self, password: &str) -> Result<(), Trouble> {
        let mut request = self.session.delete_account_request();
        request.get().set_password(password);
        request.get().init_request().set_number(1);
        let response = request.send().promise.await?;
        let answer = response.get()?;
        if answer.has_refused() {
            return Err(read_refusal(answer.get_refused()?).into());
        }
        Ok(())
    }
}

/// Says something and waits until a majority has it.
pub(super) async fn say(conversation: &conversation::Client, text: String) -> Result<(), Trouble> {
    let mut request = conversation.send_request();
    let id = MessageId(Uuid::now_v7().into_bytes());
    write_message_id(request.get().init_message_id(), id);
    request.get().set_payload(&encode_payload(&Payload::text(text)));
    let response = request.send().promise.await?;
    let answer = response.get()?;
    if answer.has_refused() {
        return Err(read_refusal(answer.get_refused()?).into());
    }
    Ok(())
}

/// Tries again where the node is busy and says for how long.
pub(super) async fn patiently<T>(mut attempt: impl AsyncFnMut() -> Result<T, Trouble>) -> Result<T, Trouble> {
    let mut pause = PAUSE;
    loop {
        match attempt().await {
            Err(trouble) => {
                let wait = trouble.retry_after_ms().filter(|_| pause.failures() < ATTEMPTS);
                let Some(ms) = wait else { return Err(trouble) };
                sleep(pause.grow_to(Duration::from_millis(ms), lot())).await;
            }
            done => return done,
        }
    }
}

/// A new token or any other 32 secret bytes.
pub(super) fn random() -> Result<Token, Trouble> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(Trouble::Random)?;
    Ok(bytes)
}
