//! What becomes of a message: edited, reacted to, pinned, deleted; and what a person keeps of a conversation for themselves.

use raftchat_schema::command::{AccountAct, ConversationAct, OwnMessages, Switch};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::{Position, Stamp};
use raftchat_schema::view::{ChangedRow, MessageState};
use raftchat_schema::wire::decode_payload;
use raftchat_tests::cluster::Cluster;
use raftchat_tests::ctl::Ctl;
use raftchat_tests::people::{PASSWORD, code, fresh_id, says, text_of, typed, with};
use raftchat_tests::{soon, until};

use crate::PROGRAM;

#[tokio::test]
async fn a_message_is_edited_reacted_to_and_deleted_and_a_late_edit_does_not_revive_it() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let phone = cluster.phone("bob", 3).await;
    let mut phone_hears = phone.follow();
    let (to_alice, to_bob) = (with("alice"), with("bob"));
    let first = alice.say("bob", "helo").await.position;
    soon(
        "editing",
        alice.client.act(&with("bob"), ConversationAct::EditMessage { position: first, payload: says("hello") }),
    )
    .await
    .unwrap();
    assert_eq!(
        code(
            bob.client
                .act(&with("alice"), ConversationAct::EditMessage { position: first, payload: says("mine") })
                .await
        ),
        ErrorCode::NotYours
    );
    let reacting = bob
        .client
        .act(&to_alice, ConversationAct::React { position: first, emoji: "👍".to_owned(), switch: Switch::On });
    soon("reacting", reacting).await.unwrap();
    let reacting = alice
        .client
        .act(&to_bob, ConversationAct::React { position: first, emoji: "👍".to_owned(), switch: Switch::On });
    soon("reacting", reacting).await.unwrap();
    let bad = bob
        .client
        .act(&to_alice, ConversationAct::React { position: first, emoji: "two words".to_owned(), switch: Switch::On });
    assert_eq!(code(bad.await), ErrorCode::MalformedReaction);

    cluster.agree().await;
    let message = bob.message(&with("alice"), first).await;
    assert_eq!(
        (text_of(&message).as_deref(), message.state, message.revision),
        (Some("hello"), MessageState::Edited, 1)
    );
    assert_eq!(message.reactions.len(), 1);
    assert_eq!(message.reactions[0].users, [alice.id().await, bob.id().await]);
    let (revisions, more) = bob.client.revisions(&with("alice"), first).await.unwrap();
    assert_eq!(decode_payload(&revisions[0].payload).unwrap().text, "helo");
    assert!(!more && revisions.len() == 1);
    until("the phone hears of the reactions", async || match phone_hears.change().await.row {
        ChangedRow::Reactions { reactions, .. } => (reactions[0].users.len() == 2).then_some(()),
        _ => None,
    })
    .await;

    alice.delete("bob", first.0).await.unwrap();
    assert_eq!(
        code(
            alice
                .client
                .act(&with("bob"), ConversationAct::EditMessage { position: first, payload: says("back") })
                .await
        ),
        ErrorCode::NoSuchMessage
    );
    cluster.agree().await;
    let tombstone = bob.message(&with("alice"), first).await;
    assert_eq!((tombstone.state, tombstone.payload.len(), tombstone.reactions.len()), (MessageState::Deleted, 0, 0));
    assert_eq!(bob.client.revisions(&with("alice"), first).await.unwrap().0, [], "nor does an old version stay");
}

#[tokio::test]
async fn the_first_message_to_somebody_may_call_them_by_name() {
    let cluster = Cluster::start(PROGRAM, 1, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let profile = alice.profile.clone();
    drop(alice);
    let text = "hello @bob, write to me@example.org";
    let sent =
        Ctl(PROGRAM.into()).call(&["chat", "--profile", profile.to_str().unwrap(), "send", "--to", "bob", text], "");
    assert_eq!(sent.one()["position"], 1, "{sent:?}");
    let message = bob.message(&with("alice"), Position(1)).await;
    assert_eq!((text_of(&message).as_deref(), message.mentions), (Some(text), vec![bob.id().await]));
}

#[tokio::test]
async fn mentions_pins_mute_drafts_and_unread_are_the_same_on_all_devices_of_a_person() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let phone = cluster.phone("bob", 2).await;
    let bob_id = bob.id().await;
    let (to_bob, mut mentioned) = (with("bob"), Position(0));
    for text in ["one", "two", "@bob three"] {
        let mentions = if text.starts_with('@') { vec![bob_id] } else { Vec::new() };
        let sending = alice.client.send_mentioning(&to_bob, fresh_id(), says(text), mentions);
        mentioned = soon("sending", sending).await.unwrap().position;
    }
    cluster.agree().await;
    let place = async || phone.conversation("alice").await.place;
    let counts = place().await.counts;
    assert_eq!((counts.unread, counts.mentions), (3, 1));
    alice.delete("bob", mentioned.0).await.unwrap();
    until("the mention is gone", async || {
        let counts = place().await.counts;
        ((counts.unread, counts.mentions) == (2, 0)).then_some(())
    })
    .await;

    soon("reading", bob.client.act(&with("alice"), ConversationAct::MarkRead { position: Position(u64::MAX) }))
        .await
        .unwrap();
    soon("marking", bob.client.act(&with("alice"), ConversationAct::MarkUnread)).await.unwrap();
    soon("muting", bob.client.act(&with("alice"), ConversationAct::Mute { until: Stamp(u64::MAX) })).await.unwrap();
    soon("pinning", bob.client.act(&with("alice"), ConversationAct::PinConversation { switch: Switch::On }))
        .await
        .unwrap();
    soon("drafting", bob.client.act(&with("alice"), ConversationAct::SaveDraft { draft: says("dear") })).await.unwrap();
    soon(
        "pinning a message",
        bob.client.act(&with("alice"), ConversationAct::PinMessage { position: Position(1), switch: Switch::On }),
    )
    .await
    .unwrap();
    cluster.agree().await;
    let shown = phone.conversation("alice").await;
    assert_eq!(shown.pinned_messages, [Position(1)]);
    let place = shown.place;
    assert_eq!((place.counts.unread, place.marked_unread, place.pinned), (0, true, true));
    assert_eq!((place.muted_until, place.draft), (Stamp(u64::MAX), says("dear")));
    soon("reading", phone.client.act(&with("alice"), ConversationAct::MarkRead { position: Position(u64::MAX) }))
        .await
        .unwrap();
    until("it is read everywhere", async || (!bob.conversation("alice").await.place.marked_unread).then_some(())).await;
    assert!(alice.conversation("bob").await.place.draft.is_empty(), "what bob keeps for himself alice does not see");
}

#[tokio::test]
async fn marks_tell_who_has_received_and_read_unless_they_do_not_tell() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let sent = alice.say("bob", "are you there?").await.position;
    let mut hears = bob.follow();
    assert_eq!(hears.message().await.position, sent);
    let bob_of = async || {
        let members = alice.client.members(&with("bob")).await.unwrap();
        members.into_iter().find(|member| member.user.username.as_str() == "bob").unwrap()
    };
    until("it is delivered", async || (bob_of().await.delivered_position == sent).then_some(())).await;
    assert_eq!(bob_of().await.read_position, Position(0));
    soon("reading", bob.client.act(&with("alice"), ConversationAct::MarkRead { position: Position(u64::MAX) }))
        .await
        .unwrap();
    until("it is read", async || (bob_of().await.read_position == sent).then_some(())).await;

    let quiet = raftchat_schema::command::Profile { receipts: Some(Switch::Off), ..Default::default() };
    soon("switching off", bob.client.act_on_account(AccountAct::SetProfile(quiet))).await.unwrap();
    alice.say("bob", "and now?").await;
    hears.message().await;
    soon("reading", bob.client.act(&with("alice"), ConversationAct::MarkRead { position: Position(u64::MAX) }))
        .await
        .unwrap();
    cluster.agree().await;
    let seen = bob_of().await;
    assert_eq!((seen.read_position, seen.delivered_position), (Position(0), Position(0)));
    assert_eq!(bob.conversation("alice").await.place.counts.unread, 0, "bob himself knows");
}

#[tokio::test]
async fn an_account_goes_with_its_messages_if_its_owner_wants() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    for number in 0..300 {
        alice.say("bob", &format!("mine {number}")).await;
    }
    bob.say("alice", "his").await;
    soon("deleting", alice.client.delete_account(typed(PASSWORD), OwnMessages::Erase)).await.unwrap();
    until("what she said is gone", async || {
        let read = bob.read("alice").await;
        (read.len() == 301 && read.iter().filter(|(_, text)| text.is_some()).count() == 1).then_some(())
    })
    .await;
    cluster.agree().await;
}
