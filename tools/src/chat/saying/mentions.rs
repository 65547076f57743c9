//! Whom a text calls by name.

use std::collections::BTreeMap;

use raftchat_client::{Client, ClientError, Target};
use raftchat_model::text::markup;
use raftchat_schema::error::{ErrorCode, Refusal};
use raftchat_schema::id::UserId;

use crate::failure::Failure;

/// The members of the conversation that the text mentions as `@name`.
pub(in crate::chat) async fn mentioned(client: &Client, target: &Target, text: &str) -> Result<Vec<UserId>, Failure> {
    // Most texts call nobody, and then nobody is asked who there is.
    if !text.contains('@') {
        return Ok(Vec::new());
    }
    let members = match client.members(target).await {
        // Of a direct one that begins with this message it is known all the same who is in it.
        Err(ClientError::Refused(Refusal { code: ErrorCode::NoSuchConversation, .. })) => {
            client.conversation(target).await?.members
        }
        members => members?,
    };
    let members: BTreeMap<&str, UserId> =
        members.iter().map(|member| (member.user.username.as_str(), member.user.id)).collect();
    Ok(markup::mentioned(text, |name| members.get(name).copied()))
}
