//! What a device fetches once before it follows the feed: who there is, which conversations, and the newest of each. Knows
//! nothing of what becomes of it.

use futures::{StreamExt as _, stream};
use raftchat_model::Input;
use raftchat_schema::error::ErrorCode;
use raftchat_schema::view::ConversationView;

use super::tasks::{Fetch, Report, Reports, until_answered};
use crate::client::Client;
use crate::error::ClientError;
use crate::options::{Page, Target};

/// How many conversations are fetched with a page of messages; the others come with their last one, which the list shows,
/// and with more when they are opened.
const WITH_A_PAGE: usize = 50;
/// The messages of such a page.
const PAGE_MESSAGES: u32 = 50;
/// How many conversations are asked for at once.
const AT_ONCE: usize = 8;

/// Fetches everything and reports it in pieces; what is reported twice because it was begun again does no harm.
pub(super) async fn bootstrap(client: Client, reports: Reports) {
    until_answered(&reports, async || fetch_everything(&client, &reports).await).await;
    reports.send(Report::Ended(Fetch::Everything));
}

async fn fetch_everything(client: &Client, reports: &Reports) -> Result<(), ClientError> {
    // Before all else: whatever changes while the rest is read comes again with the feed after it.
    let cursor = client.applied().await?.cursor;
    reports.tell(Input::People(client.users().await?));
    let conversations = client.conversations().await?;
    reports.tell(Input::Roster(conversations.clone()));
    reports.tell(Input::Blocked(client.blocked().await?));
    let mut pages = stream::iter(in_order_of_interest(conversations))
        .map(|(conversation, limit)| newest(client, conversation, limit))
        .buffer_unordered(AT_ONCE);
    while let Some(page) = pages.next().await {
        reports.tell(page?);
    }
    reports.tell(Input::Bootstrapped { cursor });
    Ok(())
}

/// Conversations with how many messages to fetch of each: with something to read first, then the younger before the older.
fn in_order_of_interest(mut conversations: Vec<ConversationView>) -> Vec<(ConversationView, u32)> {
    conversations.retain(|conversation| conversation.last_position.0 > 0);
    conversations
        .sort_by_key(|conversation| (conversation.place.counts.unread == 0, std::cmp::Reverse(conversation.id)));
    let limits = std::iter::repeat_n(PAGE_MESSAGES, WITH_A_PAGE).chain(std::iter::repeat(1));
    conversations.into_iter().zip(limits).collect()
}

async fn newest(client: &Client, view: ConversationView, limit: u32) -> Result<Input, ClientError> {
    let conversation = view.id;
    match client.history(&Target::Conversation(conversation), Page::Before(None), limit).await {
        Ok(messages) => Ok(Input::Newest { conversation, messages }),
        // Left in the meantime, which the feed tells.
        Err(ClientError::Refused(refusal))
            if matches!(refusal.code, ErrorCode::NotAMember | ErrorCode::NoSuchConversation) =>
        {
            tracing::debug!(%refusal, %conversation, "a conversation is no longer to be had");
            Ok(Input::Newest { conversation, messages: Vec::new() })
        }
        Err(error) => Err(error),
    }
}
