//! The end: everything is compared with what people were told. Knows nothing of what happened.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use raftchat_client::{Client, Page, Target};
use raftchat_schema::id::{ConversationId, UserId};
use raftchat_schema::view::{MessageState, MessageView};
use raftchat_tests::people::{Person, text_of};
use raftchat_tests::soon;

use super::RECOVERY;
use super::ledger::{Word, Words};
use super::stage::Stage;

type Names = BTreeMap<UserId, String>;

/// A message as the nodes hold it.
fn held(message: &MessageView, names: &Names) -> Word {
    let who = |user| names.get(&user).cloned().unwrap_or_default();
    let with =
        |emoji: &str, users: &[UserId]| users.iter().map(|user| (emoji.to_owned(), who(*user))).collect::<Vec<_>>();
    Word {
        by: message.sender_name.to_string(),
        text: (message.state != MessageState::Deleted).then(|| text_of(message)).flatten(),
        edits: message.revision,
        reactions: message.reactions.iter().flat_map(|one| with(&one.emoji, &one.users)).collect(),
    }
}

/// What of a message must be the same: of a deleted one no more than that it is.
fn must_be(word: &Word) -> Word {
    if word.text.is_some() {
        return word.clone();
    }
    Word { edits: 0, reactions: BTreeSet::new(), ..word.clone() }
}

/// Checks that two hold the same messages.
fn same(who: &str, place: &str, found: &Words, told: &Words) {
    let lost: Vec<_> = told.keys().filter(|at| !found.contains_key(at)).collect();
    assert!(lost.is_empty(), "{who} was acknowledged {lost:?} in {place}, which are lost");
    for (at, word) in found {
        let expected =
            told.get(at).unwrap_or_else(|| panic!("{who} finds {word:?} at {at} of {place}, which nobody said"));
        assert_eq!(must_be(word), must_be(expected), "{who} finds another message at {at} of {place}");
    }
    let holes = told.keys().zip(1..).find(|(at, expected)| **at != *expected);
    assert_eq!(holes, None, "there is a hole in {place}");
    let texts: Vec<_> = found.values().filter_map(|word| word.text.as_ref()).collect();
    assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), texts.len(), "something is in {place} twice");
}

async fn history(client: &Client, place: ConversationId, names: &Names) -> Words {
    let all =
        soon("reading", client.history(&Target::Conversation(place), Page::Before(None), u32::MAX)).await.unwrap();
    all.iter().map(|message| (message.position.0, held(message, names))).collect()
}

/// Somebody reads everything over each of the nodes.
async fn reads_everywhere(stage: &Stage, person: &Person, names: &Names) {
    let all = stage.ledger.all();
    for entry in stage.cluster.nodes() {
        let there = Person::on(&person.name, &person.profile, Some(entry.address.clone()));
        for view in soon("asking", there.client.conversations()).await.unwrap() {
            let Some(told) = all.get(&view.id) else { panic!("{} is in {}, where nobody spoke", person.name, view.id) };
            let who = format!("{}, over node {},", person.name, entry.node);
            same(&who, &view.id.to_string(), &history(&there.client, view.id, names).await, told);
        }
    }
}

/// Each device that followed has come to know all.
async fn tails_know(stage: &mut Stage, mine: &BTreeMap<String, BTreeMap<ConversationId, Words>>) {
    for at in 0..stage.tails.len() {
        let tail = stage.tails.get(at).unwrap();
        let (name, heard) = (tail.name.clone(), Arc::clone(&tail.heard));
        let told = mine.get(&name).unwrap().clone();
        let many: usize = told.values().map(BTreeMap::len).sum();
        let of = move |place: &ConversationId| -> Words {
            let place = place.to_string();
            let words = heard.lock().unwrap().words.clone();
            words.into_iter().filter(|((there, _), _)| *there == place).map(|((_, at), word)| (at, word)).collect()
        };
        let equal = |told: &Words, heard: &Words| {
            told.len() == heard.len() && told.iter().all(|(at, word)| heard.get(at).map(must_be) == Some(must_be(word)))
        };
        let knows = async |_: &Stage| told.iter().all(|(place, words)| equal(words, &of(place))).then_some(());
        let in_time = tokio::time::timeout(RECOVERY / 2, stage.until("a device knows all", RECOVERY, knows)).await;
        if in_time.is_err() {
            told.iter()
                .for_each(|(place, words)| same(&format!("{name}'s device"), &place.to_string(), &of(place), words));
            panic!("{name}'s device knows something else");
        }
        let tail = stage.tails.get(at).unwrap();
        let changes = tail.heard.lock().unwrap().changes;
        println!(
            "{name}'s device was told {changes} changes, each once, of {many} messages; it was started {} times",
            tail.started
        );
    }
}

/// Everybody stops talking, and all is compared.
pub(super) async fn at_the_end(mut stage: Stage) {
    let people = stage.people_are_done().await;
    stage.recovers_quietly().await;
    stage.cluster.agree().await;
    let users = soon("asking", people.first().unwrap().client.users()).await.unwrap();
    let names: Names = users.into_iter().map(|user| (user.id, user.username.to_string())).collect();
    let mut mine = BTreeMap::new();
    for person in &people {
        reads_everywhere(&stage, person, &names).await;
        let views = soon("asking", person.client.conversations()).await.unwrap();
        let all = stage.ledger.all();
        let own = views.iter().filter_map(|view| Some((view.id, all.get(&view.id)?.clone()))).collect();
        mine.insert(person.name.clone(), own);
        let crew = views.iter().find(|view| view.profile.title.starts_with("Crew")).unwrap();
        assert_eq!(
            (&crew.profile.title, crew.member_count),
            (&stage.ledger.title(), 4 + u32::from(stage.ledger.has_erin()))
        );
    }
    tails_know(&mut stage, &mine).await;
    stage.ledger.tell();
    stage.watch.tell();
}
