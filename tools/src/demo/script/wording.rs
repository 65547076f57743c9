//! The part of the story in which something is said otherwise, liked, and said among three.

use raftchat_client::{Page, Target};
use raftchat_schema::command::{ConversationAct, Switch};
use raftchat_schema::id::MessageId;
use raftchat_schema::view::{MessageState, MessageView};
use uuid::Uuid;

use super::{PATIENCE, same_history};
use crate::demo::stage::Stage;
use crate::demo::steps::{Steps, must};
use crate::failure::Failure;
use crate::retry::until_found;
use crate::talk::{Person, payload};

/// Alice corrects herself, and bob likes it.
pub(super) async fn edit_and_react(steps: &mut Steps, alice: &Person, bob: &Person) -> Result<(), Failure> {
    let correct = async {
        let place = alice.says(bob, "Nothing is lsot").await?.position;
        let (to_bob, to_alice) = (Target::User(bob.name.clone()), Target::User(alice.name.clone()));
        alice
            .client
            .act(&to_bob, ConversationAct::EditMessage { position: place, payload: payload("Nothing is lost") })
            .await?;
        bob.client
            .act(&to_alice, ConversationAct::React { position: place, emoji: "👍".to_owned(), switch: Switch::On })
            .await?;
        let history = same_history(alice, bob).await?;
        let shown = history.iter().find(|message| message.position == place);
        must(shown.is_some_and(is_corrected_and_liked), || format!("#{place} is not as it was corrected and liked"))?;
        Ok(((), format!("#{place} says it right, and bob likes it")))
    };
    steps.step("alice corrects herself, bob reacts", correct).await
}

fn is_corrected_and_liked(message: &MessageView) -> bool {
    let liked = message.reactions.first().is_some_and(|one| one.emoji == "👍" && one.users.len() == 1);
    liked && message.state == MessageState::Edited && message.payload == payload("Nothing is lost")
}

/// Alice makes a group with bob and carol, bob speaks in it, and all three read it.
pub(super) async fn group(stage: &Stage, steps: &mut Steps, alice: &Person, bob: &Person) -> Result<(), Failure> {
    let carol = steps.step("carol gets an account", stage.person("carol", "Carol")).await?;
    let talk = async {
        let members = [bob.client.whoami().await?.user.id, carol.client.whoami().await?.user.id];
        let group = alice.client.group_create("Harbour".to_owned(), members.to_vec()).await?;
        let target = Target::Conversation(group.id);
        let id = MessageId(Uuid::now_v7().into_bytes());
        bob.client.send(&target, id, payload("All aboard?")).await?;
        for person in [alice, &carol] {
            let read = async || {
                // A node that has not heard of the group yet says that there is none.
                let messages = person.client.history(&target, Page::Before(None), 10).await.unwrap_or_default();
                messages.iter().any(|message| message.message_id == id).then_some(())
            };
            let unread = || Failure::Failed(format!("{} has not read it for {PATIENCE:?}", person.name));
            until_found(PATIENCE, read).await.ok_or_else(unread)?;
        }
        must(group.member_count == 3, || format!("{} are in the group", group.member_count))?;
        Ok(((), format!("{} has {} members, and all read it", group.id, group.member_count)))
    };
    steps.step("three talk in a group", talk).await
}
