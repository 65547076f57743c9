//! Requests of the window, each done and answered. Knows nothing of the order they come in.

use raftchat_client::{Client, ClientError, Messenger, Target};
use raftchat_model::ChatId;
use raftchat_schema::command::AccountAct;
use raftchat_schema::id::{NodeId, Username};
use raftchat_schema::view::MessageView;
use raftchat_schema::wire::decode_payload;

use crate::backend::{Asked, Hit, Mailbox, NodeReport, Request, Update};

/// Logs in; a failure as a sentence.
pub(super) async fn log_in(client: &Client, username: &str, password: String) -> Result<(), String> {
    let username = username.parse::<Username>().map_err(|error| error.to_string())?;
    client.login(username, password.into()).await.map(drop).map_err(|error| error.to_string())
}

/// Makes an account; a failure as a sentence.
pub(super) async fn register(
    client: &Client,
    username: &str,
    display_name: String,
    password: String,
) -> Result<(), String> {
    let username = username.parse::<Username>().map_err(|error| error.to_string())?;
    client.register(username, display_name, password.into()).await.map(drop).map_err(|error| error.to_string())
}

/// Looks for words in what the device holds.
pub(super) async fn search(messenger: &Messenger, query: &str, limit: usize, mailbox: &Mailbox) {
    match messenger.search(query, limit).await {
        Ok(messages) => {
            let hits = messages.iter().filter_map(hit).collect();
            mailbox.post(Update::Hits { query: query.to_owned(), hits });
        }
        Err(error) => mailbox.post(Update::Refused { request: Asked::Other, sentence: error.to_string() }),
    }
}

/// Reports the state of each node.
pub(super) async fn cluster(client: Client, mailbox: Mailbox) {
    let statuses = client.statuses().await;
    let report = |(entry, status): (raftchat_client::NodeEntry, Result<_, ClientError>)| NodeReport {
        node: NodeId(entry.node),
        status: status.ok(),
    };
    mailbox.post(Update::Cluster(statuses.into_iter().map(report).collect()));
}

/// All that neither changes who is logged in nor needs what is stored.
pub(super) async fn other(client: Client, request: Request, mailbox: Mailbox) {
    let asked = match request {
        Request::ChangePassword { .. } => Asked::ChangePassword,
        _ => Asked::Other,
    };
    let answer = answer(&client, request).await;
    mailbox.post(match answer {
        Ok(update) => update,
        Err(error) => Update::Refused { request: asked, sentence: error.to_string() },
    });
}

async fn answer(client: &Client, request: Request) -> Result<Update, ClientError> {
    match request {
        Request::Sessions => {}
        Request::EndSession(session) => client.act_on_account(AccountAct::EndSession(session)).await.map(drop)?,
        Request::EndOtherSessions => client.act_on_account(AccountAct::EndOtherSessions).await.map(drop)?,
        Request::ChangePassword { old, new, others } => {
            client.change_password(old.into(), new.into(), others).await?;
            return Ok(Update::Done(Asked::ChangePassword));
        }
        Request::Revisions { chat, position } => {
            let target = match chat {
                ChatId::Known(conversation) => Target::Conversation(conversation),
                ChatId::Direct(user) => Target::Person(user),
            };
            let (revisions, _) = client.revisions(&target, position).await?;
            let said = |payload: &[u8]| decode_payload(payload).map(|payload| payload.text).unwrap_or_default();
            let texts = revisions.iter().map(|revision| (revision.written, said(&revision.payload))).collect();
            return Ok(Update::Revisions(texts));
        }
        // The rest is done where the store and the session are.
        _ => return Ok(Update::Done(Asked::Other)),
    }
    client.sessions().await.map(Update::Sessions)
}

fn hit(message: &MessageView) -> Option<Hit> {
    let payload = decode_payload(&message.payload).ok()?;
    Some(Hit {
        chat: ChatId::Known(message.conversation),
        position: message.position,
        sender_name: message.sender_name.to_string(),
        at: message.sent_at,
        text: payload.text,
    })
}
