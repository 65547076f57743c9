//! Two people who talk steadily while something happens to the cluster, and an account of every word: what was confirmed
//! when, what arrived when, what was lost or doubled. Knows nothing of what happens.

mod ledger;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use raftchat_client::{Client, ClientError, Event, Following, Page, Subscription, Target};
use raftchat_schema::id::{MessageId, Username};
use raftchat_schema::pause::Pause;
use raftchat_schema::payload::Payload;
use raftchat_schema::view::{ChangedRow, MessageState, MessageView};
use raftchat_schema::wire::encode_payload;
use raftchat_transport::lot;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep};
use uuid::Uuid;

pub(crate) use ledger::Ledger;

use crate::failure::Failure;
use crate::retry::until_found;

/// Each says something this often.
const PACE: Duration = Duration::from_millis(20);
/// The pauses before something is said again.
const SAID_AGAIN: Pause = Pause::between(Duration::from_millis(50), Duration::from_secs(2));
/// The time that the last word may take to arrive.
const ARRIVAL_PATIENCE: Duration = Duration::from_secs(15);

/// Somebody who is logged in.
#[derive(Clone)]
pub(crate) struct Person {
    /// Their username in the cluster.
    pub(crate) name: Username,
    /// The client of their device.
    pub(crate) client: Client,
}

impl Person {
    /// Says one thing and waits until it is kept.
    pub(crate) async fn says(&self, to: &Self, text: &str) -> Result<raftchat_client::Sent, Failure> {
        let id = MessageId(Uuid::now_v7().into_bytes());
        Ok(self.client.send(&Target::User(to.name.clone()), id, payload(text)).await?)
    }

    /// All that was said with somebody.
    pub(crate) async fn reads_all(&self, with: &Self) -> Result<Vec<MessageView>, Failure> {
        Ok(self.client.history(&Target::User(with.name.clone()), Page::Before(None), u32::MAX).await?)
    }
}

/// A text as nodes keep it.
pub(crate) fn payload(text: &str) -> Vec<u8> {
    encode_payload(&Payload::text(text))
}

/// A conversation that goes on by itself.
pub(crate) struct Talk {
    ledger: Arc<Mutex<Ledger>>,
    over: watch::Sender<bool>,
    speakers: Vec<JoinHandle<Result<(), ClientError>>>,
    listeners: Vec<JoinHandle<()>>,
}

impl Talk {
    /// Both listen first; when they do, both begin to speak.
    pub(crate) async fn begin(one: &Person, other: &Person) -> Result<Self, Failure> {
        let ledger = Arc::new(Mutex::new(Ledger::default()));
        let (over, is_over) = watch::channel(false);
        let mut talk = Self { ledger, over, speakers: Vec::new(), listeners: Vec::new() };
        for person in [one, other] {
            let subscription = listening(&person.client).await?;
            let (ledger, name) = (Arc::clone(&talk.ledger), person.name.clone());
            talk.listeners.push(tokio::spawn(listen(name, subscription, ledger)));
        }
        for (speaker, listener) in [(one, other), (other, one)] {
            let target = Target::User(listener.name.clone());
            let ledger = Arc::clone(&talk.ledger);
            talk.speakers.push(tokio::spawn(speak(speaker.clone(), target, ledger, is_over.clone())));
        }
        Ok(talk)
    }

    /// What has been confirmed and has arrived so far.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        lock(&self.ledger)
    }

    /// Waits until each speaker has had `count` more words confirmed since `since`; how many the slower one had if not.
    pub(crate) async fn goes_on(&self, since: Instant, count: usize, patience: Duration) -> Result<(), usize> {
        let enough = async || (self.ledger().fewest_acks_since(since) >= count).then_some(());
        until_found(patience, enough).await.ok_or_else(|| self.ledger().fewest_acks_since(since))
    }

    /// Both fall silent; waits until everything that was confirmed has arrived, and gives the account.
    pub(crate) async fn end(mut self) -> Result<Ledger, Failure> {
        self.over.send_replace(true);
        for speaker in self.speakers.drain(..) {
            let spoken = speaker.await.map_err(|error| Failure::Failed(format!("a speaker broke off: {error}")))?;
            spoken?;
        }
        // What has not arrived by then is in the account as lost.
        let _ = until_found(ARRIVAL_PATIENCE, async || self.ledger().all_arrived().then_some(())).await;
        Ok(std::mem::take(&mut *self.ledger()))
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.speakers.iter().for_each(JoinHandle::abort);
        self.listeners.iter().for_each(JoinHandle::abort);
    }
}

/// A subscription that has nothing left to catch up with.
pub(crate) async fn listening(client: &Client) -> Result<Subscription, Failure> {
    let mut subscription = client.subscribe(Following::FromNow);
    while let Some(event) = subscription.next().await {
        match event {
            Event::CaughtUp { .. } => return Ok(subscription),
            Event::Ended(error) => return Err(error.into()),
            _ => {}
        }
    }
    Err(Failure::Failed("a subscription ended without a reason".to_owned()))
}

async fn listen(name: Username, mut subscription: Subscription, ledger: Arc<Mutex<Ledger>>) {
    while let Some(event) = subscription.next().await {
        let Event::Change { change, .. } = event else { continue };
        if let ChangedRow::Message(message) = change.row
            && message.state == MessageState::Original
        {
            lock(&ledger).arrived(&name, &message, Instant::now());
        }
    }
}

async fn speak(
    speaker: Person,
    target: Target,
    ledger: Arc<Mutex<Ledger>>,
    mut is_over: watch::Receiver<bool>,
) -> Result<(), ClientError> {
    lock(&ledger).begins(&speaker.name);
    let mut ticks = interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 1_u64.. {
        tokio::select! {
            _ = ticks.tick() => {}
            // Fails only once nobody waits for the end any more.
            _ = is_over.wait_for(|over| *over) => return Ok(()),
        }
        let id = MessageId(Uuid::now_v7().into_bytes());
        let text = format!("{} says {number}", speaker.name);
        let mut pause = SAID_AGAIN;
        let sent = loop {
            match speaker.client.send(&target, id, payload(&text)).await {
                Ok(sent) => break sent,
                // Whether it was stored is unknown: the same id is sent until it is known.
                Err(ClientError::Unreachable { cause }) => {
                    tracing::info!(%cause, "said again");
                    sleep(pause.grow(lot())).await;
                }
                Err(error) => return Err(error),
            }
        };
        lock(&ledger).confirmed(&speaker.name, id, sent.position, Instant::now());
    }
    Ok(())
}

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}
