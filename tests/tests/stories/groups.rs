//! Groups: who is in, who may what, what they see, and what becomes of a group whose owner goes.

use raftchat_client::Target;
use raftchat_schema::command::{ConversationAct, MemberRole, OwnMessages, Switch};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::Position;
use raftchat_schema::view::ChangedRow;
use raftchat_tests::cluster::Cluster;
use raftchat_tests::people::{PASSWORD, Person, code, fresh_id, says, typed};
use raftchat_tests::{soon, until};

use crate::PROGRAM;

fn id(group: &Target) -> raftchat_schema::id::ConversationId {
    match group {
        Target::Conversation(id) => *id,
        other => panic!("{other:?} is no group"),
    }
}

/// Who is in a group, by name, as what.
async fn roles(of: &Person, group: &Target) -> Vec<(String, MemberRole)> {
    let members = soon("looking", of.client.members(group)).await.unwrap();
    members.into_iter().map(|member| (member.user.username.to_string(), member.role)).collect()
}

fn texts(read: Vec<(u64, Option<String>)>) -> Vec<String> {
    read.into_iter().filter_map(|(_, text)| text).collect()
}

#[tokio::test]
async fn a_member_sees_what_is_said_while_they_are_in() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob, carol) =
        (cluster.person("alice").await, cluster.person("bob").await, cluster.person("carol").await);
    let phone = cluster.phone("carol", 2).await;
    let mut phone_hears = phone.follow();
    let crew = alice.group("Crew", &[&bob]).await;
    let before = alice.say_in(&crew, "before carol").await.position;
    assert_eq!(code(carol.client.conversation(&crew).await), ErrorCode::NotAMember);

    let carol_id = carol.id().await;
    soon("adding", alice.client.act(&crew, ConversationAct::AddMembers { members: vec![carol_id] })).await.unwrap();
    bob.say_in(&crew, "welcome").await;
    soon(
        "editing",
        alice.client.act(
            &crew,
            ConversationAct::EditMessage {
                position: before,
                payload: raftchat_tests::people::says("changed meanwhile"),
            },
        ),
    )
    .await
    .unwrap();
    carol.say_in(&crew, "hello all").await;
    cluster.agree().await;
    assert_eq!(texts(carol.read_in(&crew).await), ["welcome", "hello all"]);
    assert_eq!(texts(bob.read_in(&crew).await), ["changed meanwhile", "welcome", "hello all"]);
    assert_eq!(carol.client.conversation(&crew).await.unwrap().place.counts.unread, 1);
    let mut heard = Vec::new();
    while heard.len() < 2 {
        heard.push(phone_hears.message().await.position);
    }
    assert_eq!(heard, [Position(2), Position(3)], "the phone hears nothing from before the joining");

    soon("removing", alice.client.act(&crew, ConversationAct::RemoveMember { user: carol_id })).await.unwrap();
    bob.say_in(&crew, "she is gone").await;
    until("the phone is told", async || match phone_hears.change().await.row {
        ChangedRow::Left(left) => (left == id(&crew)).then_some(()),
        ChangedRow::Message(message) => panic!("the phone still hears {message:?}"),
        _ => None,
    })
    .await;
    assert_eq!(
        code(carol.client.send(&crew, raftchat_tests::people::fresh_id(), vec![1]).await),
        ErrorCode::NotAMember
    );
    assert!(carol.client.conversations().await.unwrap().is_empty());

    soon("adding", alice.client.act(&crew, ConversationAct::AddMembers { members: vec![carol_id] })).await.unwrap();
    bob.say_in(&crew, "she is back").await;
    cluster.agree().await;
    assert_eq!(texts(carol.read_in(&crew).await), ["she is back"]);
}

#[tokio::test]
async fn roles_say_who_may_what_and_a_group_never_lacks_an_owner() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob, carol) =
        (cluster.person("alice").await, cluster.person("bob").await, cluster.person("carol").await);
    let crew = alice.group("Crew", &[&bob, &carol]).await;
    let (alice_id, bob_id, carol_id) = (alice.id().await, bob.id().await, carol.id().await);
    let rename = async |by: &Person, title: &str| {
        by.client.act(&crew, ConversationAct::Rename { title: title.to_owned() }).await
    };

    assert_eq!(code(rename(&bob, "Bob's").await), ErrorCode::NotAllowed);
    assert_eq!(
        code(bob.client.act(&crew, ConversationAct::RemoveMember { user: carol_id }).await),
        ErrorCode::NotAllowed
    );
    assert_eq!(
        code(bob.client.act(&crew, ConversationAct::SetRole { user: bob_id, role: MemberRole::Owner }).await),
        ErrorCode::NotAllowed
    );
    soon("giving a role", alice.client.act(&crew, ConversationAct::SetRole { user: bob_id, role: MemberRole::Admin }))
        .await
        .unwrap();
    soon("renaming", rename(&bob, "Hands")).await.unwrap();
    assert_eq!(
        code(bob.client.act(&crew, ConversationAct::RemoveMember { user: alice_id }).await),
        ErrorCode::NotAllowed
    );
    assert_eq!(code(rename(&bob, "").await), ErrorCode::EmptyTitle);
    until("carol sees the new title", async || {
        (carol.client.conversation(&crew).await.unwrap().profile.title == "Hands").then_some(())
    })
    .await;

    soon("leaving", alice.client.act(&crew, ConversationAct::Leave)).await.unwrap();
    cluster.agree().await;
    let expected = [("bob".to_owned(), MemberRole::Owner), ("carol".to_owned(), MemberRole::Member)];
    assert_eq!(roles(&carol, &crew).await, expected, "the admin succeeds");
    soon("deleting", bob.client.delete_account(typed(PASSWORD), OwnMessages::Keep)).await.unwrap();
    until("the member succeeds", async || {
        (roles(&carol, &crew).await == [("carol".to_owned(), MemberRole::Owner)]).then_some(())
    })
    .await;
    soon("leaving", carol.client.act(&crew, ConversationAct::Leave)).await.unwrap();
    cluster.agree().await;
}

#[tokio::test]
async fn where_only_admins_write_others_read() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob) = (cluster.person("alice").await, cluster.person("bob").await);
    let crew = alice.group("Crew", &[&bob]).await;
    let only = |switch| ConversationAct::SetAdminsOnly { switch };
    assert_eq!(code(bob.client.act(&crew, only(Switch::On)).await), ErrorCode::NotAllowed);
    soon("closing", alice.client.act(&crew, only(Switch::On))).await.unwrap();
    cluster.agree().await;
    assert!(bob.client.conversation(&crew).await.unwrap().profile.admins_only);
    let said = bob.client.send(&crew, fresh_id(), says("may I?")).await;
    assert_eq!(code(said), ErrorCode::NotAllowed, "over whichever node he asks");
    alice.say_in(&crew, "the boat leaves at seven").await;
    cluster.agree().await;
    assert_eq!(texts(bob.read_in(&crew).await), ["the boat leaves at seven"]);
    soon("opening", alice.client.act(&crew, only(Switch::Off))).await.unwrap();
    bob.say_in(&crew, "I am there").await;
}
