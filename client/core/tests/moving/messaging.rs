//! A messenger that is killed, cut off and restarted: what was typed is sent once and in order, and what was acknowledged
//! is held. A kill is a copy of its store, taken while it runs, that another messenger opens.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use raftchat_client::store::{Store, StoreOpenError};
use raftchat_client::{ClientOptions, ExportFormat, Messenger, MessengerOptions, OpenError, Profile, Update, Updates};
use raftchat_model::{Body, ChatId, ChatSummary, Connection, Delivery, Intent, Item, Shown, TimelineChange};
use raftchat_schema::command::Switch;
use raftchat_schema::id::MessageId;
use tempfile::TempDir;

use crate::alice;
use crate::nodes::Cluster;
use crate::world::{ALICE, TOGETHER};

const SOON: Duration = Duration::from_secs(20);
const CHAT: ChatId = ChatId::Known(TOGETHER);

/// What alice has before her.
struct Window {
    messenger: Messenger,
    updates: Updates,
    stores: PathBuf,
}

impl Window {
    fn open(profile: &Profile, stores: &Path) -> Self {
        let client = ClientOptions { timeout: Duration::from_secs(2), ..ClientOptions::default() };
        let options = MessengerOptions { client, stores: Some(stores.to_owned()), ..MessengerOptions::default() };
        let (messenger, updates) = Messenger::open(profile, options).unwrap();
        Self { messenger, updates, stores: stores.to_owned() }
    }

    /// Waits for something to be drawn.
    async fn sees(&mut self, what: &str, mut is_it: impl FnMut(&Shown) -> bool) {
        let seen = async {
            while let Some(turn) = self.updates.next().await {
                if turn.iter().any(|update| matches!(update, Update::Show(shown) if is_it(shown))) {
                    return;
                }
            }
            panic!("the messenger has closed before {what}");
        };
        tokio::time::timeout(SOON, seen).await.unwrap_or_else(|_| panic!("never saw {what}"));
    }

    async fn is_online(&mut self) {
        self.sees("a connection", |shown| matches!(shown, Shown::Connection(Connection::Online { .. }))).await;
    }

    fn says(&self, id: u8) {
        self.messenger.act(Intent::Send {
            chat: CHAT,
            message_id: message_id(id),
            text: format!("mine {id}"),
            reply_to: None,
            forwarded_from: None,
        });
    }

    /// Waits until the message is drawn as the last of the conversation, held by nodes or not.
    async fn sees_own(&mut self, id: u8, is_it: impl Fn(&Delivery) -> bool) {
        self.sees("an own message", |shown| matches!(shown, Shown::Chat(chat) if is_own(chat, id, &is_it))).await;
    }

    /// Copies the store as a crash at this moment would leave it.
    fn crash(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_tree(&self.stores, copy.path());
        copy
    }
}

fn is_own(chat: &ChatSummary, id: u8, is_it: impl Fn(&Delivery) -> bool) -> bool {
    let text = Body::Text(format!("mine {id}"));
    chat.last.as_ref().is_some_and(|last| last.body == text && last.delivery.as_ref().is_some_and(is_it))
}

fn message_id(id: u8) -> MessageId {
    MessageId([id; 16])
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The one store in there.
fn store_in(stores: &Path) -> Store {
    let dir = fs::read_dir(stores).unwrap().next().unwrap().unwrap().path();
    Store::open(&dir, ALICE).unwrap()
}

async fn logged_in(cluster: &Cluster) -> Profile {
    let profile = cluster.profile();
    drop(alice(profile.clone(), None).await);
    profile
}

#[tokio::test]
async fn what_was_typed_survives_a_crash_at_each_step_and_is_sent_once_and_in_order() {
    let cluster = Cluster::start().await;
    cluster.world.say(1);
    let profile = logged_in(&cluster).await;
    let stores = tempfile::tempdir().unwrap();
    let mut window = Window::open(&profile, stores.path());
    window.is_online().await;

    // No node takes anything: all is in the outbox alone.
    (1..=3).for_each(|node| cluster.world.lose_majority(node));
    (1..=3).for_each(|id| window.says(id));
    window.sees_own(3, |delivery| *delivery == Delivery::Sending).await;
    let before_sending = window.crash();

    // The nodes take the first and do not say so.
    cluster.world.recover();
    (1..=3).for_each(|node| cluster.world.fall_silent(node));
    let mut count = cluster.world.count.subscribe();
    tokio::time::timeout(SOON, count.wait_for(|count| *count >= 2)).await.unwrap().unwrap();
    let without_an_answer = window.crash();
    window.messenger.close().await.unwrap();
    assert_eq!(cluster.world.said_by_alice(), [message_id(1)], "one at a time, in order");
    cluster.world.recover();
    let mut after_all = None;
    for (crashed, last) in [(&without_an_answer, 3), (&before_sending, 4)] {
        let mut window = Window::open(&profile, crashed.path());
        window.sees_own(last, |delivery| *delivery != Delivery::Sending).await;
        // Behind all that is still in the outbox.
        window.says(last + 1);
        window.sees_own(last + 1, |delivery| *delivery != Delivery::Sending).await;
        let said: Vec<_> = (1..=last + 1).map(message_id).collect();
        assert_eq!(cluster.world.said_by_alice(), said);
        after_all = Some(window.crash());
        window.messenger.close().await.unwrap();
        assert!(store_in(crashed.path()).head().unwrap().stored.outbox.is_empty());
    }
    let sends = cluster.world.lock().sends;
    let after_all = after_all.unwrap();
    let mut window = Window::open(&profile, after_all.path());
    window.is_online().await;
    window.says(6);
    window.sees_own(6, |delivery| *delivery != Delivery::Sending).await;
    assert_eq!(cluster.world.said_by_alice(), [1, 2, 3, 4, 5, 6].map(message_id));
    assert!(cluster.world.lock().sends <= sends + 2, "what was done is not done again");
}

#[tokio::test]
async fn a_batch_is_acknowledged_only_once_it_is_stored() {
    let cluster = Cluster::start().await;
    cluster.world.say(1);
    let profile = logged_in(&cluster).await;
    let stores = tempfile::tempdir().unwrap();
    let mut window = Window::open(&profile, stores.path());
    window.is_online().await;
    let mut acknowledged = cluster.world.acknowledged.subscribe();
    for upto in [5, 9, 13] {
        (upto - 3..=upto).for_each(|id| cluster.world.say(id));
        let upto = u64::from(upto);
        tokio::time::timeout(SOON, acknowledged.wait_for(|seen| *seen >= upto)).await.unwrap().unwrap();
        let crashed = window.crash();
        let store = store_in(crashed.path());
        assert!(store.count(Some(TOGETHER)).unwrap() >= upto);
        assert!(store.head().unwrap().stored.cursor.unwrap().change.0 >= upto);
    }
}

#[tokio::test]
async fn a_bootstrap_that_was_interrupted_is_repeated() {
    let cluster = Cluster::start().await;
    (1..=8).for_each(|id| cluster.world.say(id));
    let profile = logged_in(&cluster).await;
    let stores = tempfile::tempdir().unwrap();
    cluster.world.keep_history();
    let mut window = Window::open(&profile, stores.path());
    window.sees("the conversation", |shown| matches!(shown, Shown::Chat(chat) if chat.chat == CHAT)).await;
    window.messenger.close().await.unwrap();
    let store = store_in(stores.path());
    let stored = store.head().unwrap().stored;
    assert!(!stored.bootstrapped && stored.people.len() == 3 && store.count(None).unwrap() == 0);
    store.close().unwrap();

    cluster.world.recover();
    let mut window = Window::open(&profile, stores.path());
    window.is_online().await;
    window.messenger.close().await.unwrap();
    let store = store_in(stores.path());
    assert!(store.head().unwrap().stored.bootstrapped);
    assert_eq!(store.count(Some(TOGETHER)).unwrap(), 8);
}

#[tokio::test]
async fn without_any_node_it_opens_on_what_is_stored() {
    let mut cluster = Cluster::start().await;
    (1..=8).for_each(|id| cluster.world.say(id));
    let profile = logged_in(&cluster).await;
    let stores = tempfile::tempdir().unwrap();
    let mut window = Window::open(&profile, stores.path());
    window.is_online().await;
    window.messenger.close().await.unwrap();
    (1..=3).for_each(|node| cluster.stop(node));

    let mut window = Window::open(&profile, stores.path());
    let last = Body::Text("number 8".to_owned());
    window
        .sees("the list", |shown| {
            matches!(shown, Shown::Chat(chat) if chat.last.as_ref().is_some_and(|preview| preview.body == last))
        })
        .await;
    window.messenger.act(Intent::Open { chat: CHAT });
    let mut bodies = Vec::new();
    window
        .sees("the messages", |shown| {
            if let Shown::Timeline { changes, .. } = shown {
                bodies.extend(changes.iter().flat_map(items).filter_map(|item| Some(item.bubble()?.body.clone())));
            }
            bodies.len() >= 8
        })
        .await;
    window.sees("that there is no node", |shown| matches!(shown, Shown::Connection(Connection::Offline))).await;
    let found = window.messenger.search("number 5", 10).await.unwrap();
    assert_eq!(found.iter().map(|message| message.position.0).collect::<Vec<_>>(), [5]);
    window.messenger.close().await.unwrap();
}

fn items(change: &TimelineChange) -> Vec<&Item> {
    match change {
        TimelineChange::Reset(items) => items.iter().collect(),
        TimelineChange::Insert { item, .. } | TimelineChange::Update { item, .. } => vec![item],
        TimelineChange::Remove { .. } => Vec::new(),
    }
}

#[tokio::test]
async fn who_looks_sees_soon_that_the_node_can_only_be_read_from() {
    let cluster = Cluster::start().await;
    let profile = logged_in(&cluster).await;
    let stores = tempfile::tempdir().unwrap();
    let mut window = Window::open(&profile, stores.path());
    window.is_online().await;
    window.messenger.act(Intent::Attend(Switch::On));
    (1..=3).for_each(|node| cluster.world.lose_majority(node));
    // Nothing is sent: sooner than the ten seconds after which a window that nobody looks at asks.
    let seen = window.sees("read-only", |shown| matches!(shown, Shown::Connection(Connection::ReadOnly { .. })));
    tokio::time::timeout(Duration::from_secs(5), seen).await.unwrap();
    cluster.world.recover();
    window.is_online().await;
}

#[tokio::test]
async fn one_program_at_a_time_has_the_store_and_closing_lets_go_of_it() {
    let cluster = Cluster::start().await;
    let profile = logged_in(&cluster).await;
    let stores = tempfile::tempdir().unwrap();
    let first = Window::open(&profile, stores.path());
    let options = || MessengerOptions { stores: Some(stores.path().to_owned()), ..MessengerOptions::default() };
    let Err(error) = Messenger::open(&profile, options()) else { panic!("opened twice") };
    assert!(matches!(error, OpenError::Store(StoreOpenError::InUse { .. })), "{error}");
    first.messenger.close().await.unwrap();
    let (again, _updates) = Messenger::open(&profile, options()).unwrap();
    again.close().await.unwrap();
    let nobody = cluster.profile();
    assert!(matches!(Messenger::open(&nobody, options()), Err(OpenError::NobodyLoggedIn)));
}

#[tokio::test]
async fn after_a_restore_of_the_cluster_everything_is_fetched_anew_and_the_outbox_is_kept() {
    let cluster = Cluster::start().await;
    (1..=4).for_each(|id| cluster.world.say(id));
    let profile = logged_in(&cluster).await;
    let stores = tempfile::tempdir().unwrap();
    let mut window = Window::open(&profile, stores.path());
    window.is_online().await;
    (1..=3).for_each(|node| cluster.world.lose_majority(node));
    window.says(1);
    window.sees_own(1, |delivery| *delivery == Delivery::Sending).await;
    window.messenger.close().await.unwrap();

    cluster.world.restore();
    cluster.world.recover();
    let mut window = Window::open(&profile, stores.path());
    let (mut sent, mut online) = (false, false);
    window
        .sees("the message among what was fetched", |shown| {
            sent |= matches!(shown, Shown::Chat(chat) if is_own(chat, 1, |delivery| *delivery != Delivery::Sending));
            online |= matches!(shown, Shown::Connection(Connection::Online { .. }));
            sent && online
        })
        .await;
    window.messenger.close().await.unwrap();
    assert_eq!(cluster.world.said_by_alice(), [message_id(1)]);
    let store = store_in(stores.path());
    let stored = store.head().unwrap().stored;
    assert!(stored.bootstrapped && stored.outbox.is_empty());
    assert_eq!(store.count(Some(TOGETHER)).unwrap(), 5);
}

#[tokio::test]
async fn an_ended_session_is_told() {
    let cluster = Cluster::start().await;
    let profile = logged_in(&cluster).await;
    let stores = tempfile::tempdir().unwrap();
    let mut window = Window::open(&profile, stores.path());
    window.is_online().await;
    cluster.world.end_sessions();
    window.messenger.close().await.unwrap();
    let mut window = Window::open(&profile, stores.path());
    window.sees("that the session is over", |shown| matches!(shown, Shown::SessionEnded(_))).await;
}

#[tokio::test]
async fn a_whole_conversation_is_written_also_what_this_device_does_not_hold() {
    let cluster = Cluster::start().await;
    (1..=120).for_each(|id| cluster.world.say(id));
    let profile = logged_in(&cluster).await;
    let stores = tempfile::tempdir().unwrap();
    let mut window = Window::open(&profile, stores.path());
    window.is_online().await;
    let mut json = Vec::new();
    let exported = window.messenger.export(CHAT, ExportFormat::Json, &mut json).await.unwrap();
    assert_eq!(exported.messages, 120);
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!((&json["conversation"], &json["title"]), (&"c1".into(), &"bob".into()));
    assert_eq!(json["members"], serde_json::json!(["alice", "bob"]));
    let texts: Vec<_> = json["messages"].as_array().unwrap().iter().map(|one| one["text"].clone()).collect();
    let expected: Vec<_> = (1..=120).map(|id| serde_json::Value::from(format!("number {id}"))).collect();
    assert_eq!(texts, expected);

    let mut text = Vec::new();
    window.messenger.client().export(&crate::bob(), ExportFormat::Text, &mut text).await.unwrap();
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with("bob\nWith alice, bob\n"), "{text}");
    assert!(text.trim_end().ends_with("bob: number 120"), "{text}");
}
