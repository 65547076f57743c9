//! Sending later: into what is kept on this device, from where it goes out when a node can be reached.

use raftchat_client::{ClientOptions, Profile, Target};
use raftchat_model::{ChatId, Intent};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{MessageId, Position};
use serde_json::json;

use super::place::{Device, chat_of};
use crate::chat::shapes::uuid;
use crate::failure::Failure;
use crate::shell::output::Output;

/// What to send later.
pub(in crate::chat) struct Later {
    pub(in crate::chat) target: Target,
    pub(in crate::chat) message_id: MessageId,
    pub(in crate::chat) text: String,
    pub(in crate::chat) reply_to: Option<Position>,
}

/// Returns when it is on this device's disk.
pub(in crate::chat) async fn send_later(
    profile: Profile,
    options: ClientOptions,
    later: Later,
    output: Output,
) -> Result<(), Failure> {
    let device = Device::of(profile)?;
    let head = device.open()?.head()?;
    if !head.stored.bootstrapped {
        let reason = "this device knows nobody yet: `chat sync` tells it once who there is".to_owned();
        return Err(Failure::Failed(reason));
    }
    let chat = chat_of(&head, device.me(), &later.target)?;
    if chat == ChatId::Direct(device.me()) {
        return Err(ErrorCode::ToYourself.into());
    }
    drop(head);
    let (messenger, _updates) = device.messenger(options)?;
    let Later { message_id, text, reply_to, .. } = later;
    messenger.act(Intent::Send { chat, message_id, text, reply_to, forwarded_from: None });
    messenger.close().await?;
    let told = json!({ "message_id": uuid(message_id), "queued": true });
    output.answer(&told, || "kept on this device; `chat sync`, a repl or the window sends it".to_owned())
}
