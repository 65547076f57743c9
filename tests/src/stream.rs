//! A stream of numbered messages from one person to another while something happens: who says them, who hears them, who
//! calls meanwhile, and the check that nothing is lost, doubled or out of order. Knows nothing of what happens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use raftchat_client::{Client, Event, Following, LinkEvent, LinkEventKind, LinkState, Target};
use raftchat_schema::view::ChangedRow;
use tokio::sync::{oneshot, watch};

use crate::measure::Figures;
use crate::people::{fresh_id, says, text_of};
use crate::{soon, until};

/// A message as who said it knows of it.
#[derive(Clone, Debug)]
pub struct Said {
    /// What it says.
    pub text: String,
    /// When it was handed over.
    pub sent: Instant,
    /// When it was told to be stored.
    pub acknowledged: Instant,
    /// Where.
    pub position: u64,
}

/// Somebody who talks without end.
pub struct Speaker {
    said: Arc<Mutex<Vec<Said>>>,
    stop: watch::Sender<bool>,
    task: tokio::task::JoinHandle<()>,
}

impl Speaker {
    /// Says one message after the other, each so long after the one before it was acknowledged.
    pub fn start(client: Client, to: Target, name: String, pause: Duration) -> Self {
        let said = Arc::new(Mutex::new(Vec::new()));
        let (stop, stopped) = watch::channel(false);
        let told = Arc::clone(&said);
        let task = tokio::spawn(async move {
            for number in 0_u64.. {
                if *stopped.borrow() {
                    return;
                }
                let text = format!("{name} {number}");
                let sent = Instant::now();
                let stored = soon("sending", client.send(&to, fresh_id(), says(&text))).await.unwrap();
                let acknowledged = Instant::now();
                told.lock().unwrap().push(Said { text, sent, acknowledged, position: stored.position.0 });
                // People pause between words; nothing waits for it.
                tokio::time::sleep(pause).await;
            }
        });
        Self { said, stop, task }
    }

    /// How much was said so far.
    pub fn count(&self) -> usize {
        self.said.lock().unwrap().len()
    }

    /// Waits until so many more are said.
    pub async fn more(&self, many: usize) {
        let enough = self.count() + many;
        until("more is said", async || (self.count() >= enough).then_some(())).await;
    }

    /// Stops, and gives all that was said.
    pub async fn stop(self) -> Vec<Said> {
        self.stop.send_replace(true);
        soon("the last message", self.task).await.unwrap();
        std::mem::take(&mut self.said.lock().unwrap())
    }
}

/// A message as it came.
#[derive(Clone, Debug)]
pub struct Heard {
    /// What it says.
    pub text: String,
    /// When it came.
    pub at: Instant,
    /// Where it stands.
    pub position: u64,
    /// The number of its change.
    pub change: u64,
}

/// All that a listener was told.
#[derive(Debug, Default)]
struct Ears {
    /// The messages of the speaker, in the order they came.
    heard: Vec<Heard>,
    /// The last change of any kind.
    last: u64,
    cursor: Option<Vec<u8>>,
    caught_up: bool,
    links: Vec<(Instant, LinkEvent)>,
    ended: Option<String>,
}

/// Somebody who listens, on a thread of their own so that nobody holds them up.
pub struct Listener {
    ears: Arc<Mutex<Ears>>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Listener {
    /// Takes down every message whose text begins with `prefix`.
    pub fn start(client: &Client, from: Following, prefix: &str) -> Self {
        let mut subscription = client.subscribe(from);
        let ears = Arc::new(Mutex::new(Ears::default()));
        let (end, mut over) = oneshot::channel();
        let (mine, prefix) = (Arc::clone(&ears), prefix.to_owned());
        let thread = std::thread::spawn(move || {
            futures::executor::block_on(async move {
                loop {
                    let event = tokio::select! {
                        event = subscription.next() => event,
                        _ = &mut over => return,
                    };
                    let Some(event) = event else { return };
                    mine.lock().unwrap().take(event, &prefix);
                }
            });
        });
        Self { ears, end: Some(end), thread: Some(thread) }
    }

    /// Waits until what was there before is told.
    pub async fn caught_up(&self) {
        until("catching up", async || self.ears.lock().unwrap().caught_up.then_some(())).await;
    }

    /// Waits until a message is heard.
    pub async fn hears(&self, text: &str) {
        let heard = async || self.ears.lock().unwrap().heard.iter().any(|heard| heard.text == text).then_some(());
        until("the last message is heard", heard).await;
    }

    /// Waits until a second link stands by; gives its node.
    pub async fn has_standby(&self) -> u64 {
        let stands = |ears: &Ears| {
            let standby = ears.links.iter().rev().find(|(_, event)| event.kind == LinkEventKind::Standby);
            standby.map(|(_, event)| event.node.0)
        };
        until("a second link stands by", async || stands(&self.ears.lock().unwrap())).await
    }

    /// What has happened to links since `since`, and how long after.
    pub fn links_since(&self, since: Instant) -> Vec<(Duration, LinkEvent)> {
        let ears = self.ears.lock().unwrap();
        let recent = ears.links.iter().filter(|(at, _)| *at >= since);
        recent.map(|(at, event)| (at.duration_since(since), event.clone())).collect()
    }

    /// All messages so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.ears.lock().unwrap().heard.clone()
    }

    /// Stops; gives the cursor to go on from.
    pub fn stop(mut self) -> Vec<u8> {
        self.end.take();
        self.thread.take().unwrap().join().unwrap();
        self.ears.lock().unwrap().cursor.clone().unwrap_or_default()
    }
}

impl Ears {
    fn take(&mut self, event: Event, prefix: &str) {
        match event {
            Event::Change { change, cursor } => {
                assert!(change.number.0 > self.last, "change {} came after {}", change.number, self.last);
                self.last = change.number.0;
                self.cursor = Some(cursor);
                let ChangedRow::Message(message) = change.row else { return };
                let Some(text) = text_of(&message).filter(|text| text.starts_with(prefix)) else { return };
                let (position, change) = (message.position.0, change.number.0);
                self.heard.push(Heard { text, at: Instant::now(), position, change });
            }
            Event::CaughtUp { cursor } => {
                self.cursor = Some(cursor);
                self.caught_up = true;
            }
            Event::Path(event) => self.links.push((Instant::now(), event)),
            Event::Ended(error) => self.ended = Some(error.to_string()),
            _ => {}
        }
    }
}

/// Somebody whose device asks all the time.
pub struct Caller {
    stop: watch::Sender<bool>,
    tasks: Vec<tokio::task::JoinHandle<Vec<(Instant, Duration)>>>,
}

impl Caller {
    /// Reads in one loop, and writes to somebody else in another.
    pub fn start(client: &Client, to: &Target) -> Self {
        let (stop, stopped) = watch::channel(false);
        let (asks, says_more) = (client.clone(), client.clone());
        let to = to.clone();
        let asking =
            call_on(stopped.clone(), async move || asks.whoami().await.map_err(|error| error.to_string()).map(drop));
        let saying = call_on(stopped, async move || {
            let sent = says_more.send(&to, fresh_id(), says("meanwhile")).await;
            sent.map_err(|error| error.to_string()).map(drop)
        });
        Self { stop, tasks: vec![tokio::spawn(asking), tokio::spawn(saying)] }
    }

    /// Stops; gives when each call began and how long it took.
    ///
    /// # Panics
    ///
    /// If one failed.
    pub async fn stop(self) -> Vec<(Instant, Duration)> {
        self.stop.send_replace(true);
        let mut all = Vec::new();
        for task in self.tasks {
            all.extend(soon("the last call", task).await.unwrap());
        }
        all
    }
}

async fn call_on(
    stopped: watch::Receiver<bool>,
    call: impl AsyncFn() -> Result<(), String>,
) -> Vec<(Instant, Duration)> {
    let mut taken = Vec::new();
    while !*stopped.borrow() {
        let began = Instant::now();
        soon("a call", call()).await.unwrap_or_else(|error| panic!("a call failed: {error}"));
        taken.push((began, began.elapsed()));
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    taken
}

/// Checks that what was said is what was heard: all of it, once, in order.
///
/// # Panics
///
/// If it is not.
pub fn same(said: &[Said], heard: &[Heard]) {
    let texts: Vec<_> = said.iter().map(|said| (said.position, said.text.as_str())).collect();
    let came: Vec<_> = heard.iter().map(|heard| (heard.position, heard.text.as_str())).collect();
    let counted = came.iter().fold(BTreeMap::new(), |mut counted: BTreeMap<_, u32>, one| {
        *counted.entry(one).or_default() += 1;
        counted
    });
    assert!(counted.values().all(|many| *many == 1), "something came twice");
    let lost: Vec<_> = texts.iter().filter(|one| !counted.contains_key(one)).collect();
    assert!(lost.is_empty(), "acknowledged and never heard: {lost:?}");
    assert_eq!(came, texts, "it came in another order");
}

/// What an event at `fault` did to a stream.
pub struct Effect<'a> {
    /// When it was.
    pub fault: Instant,
    /// What was said.
    pub said: &'a [Said],
    /// What was heard.
    pub heard: &'a [Heard],
    /// The calls of the device.
    pub calls: &'a [(Instant, Duration)],
}

impl Effect<'_> {
    /// How long after it was acknowledged to its sender each message came; those in one half of the time.
    fn lateness(&self, after: bool) -> Duration {
        let half = |at: Instant| (at >= self.fault) == after;
        let came: BTreeMap<_, _> = self.heard.iter().map(|heard| (heard.text.as_str(), heard.at)).collect();
        let late = self.said.iter().filter(|said| half(said.acknowledged)).filter_map(|said| {
            let at = came.get(said.text.as_str())?;
            Some(at.saturating_duration_since(said.acknowledged))
        });
        late.max().unwrap_or_default()
    }

    /// The longest time between two of `times` of which the second is after the fault.
    fn longest_gap(&self, times: impl Iterator<Item = Instant> + Clone) -> Duration {
        let pairs = times.clone().zip(times.skip(1)).filter(|(_, second)| *second >= self.fault);
        pairs.map(|(first, second)| second.duration_since(first)).max().unwrap_or_default()
    }

    /// Adds to the figures: `late`, the longest time from acknowledgement to delivery; `gap`, the longest between two
    /// deliveries; `sender_gap`, the longest between two acknowledgements; `call`, the longest call of the device.
    pub fn add_to(&self, figures: &mut Figures) {
        let gap = self.longest_gap(self.heard.iter().map(|heard| heard.at));
        let sender_gap = self.longest_gap(self.said.iter().map(|said| said.acknowledged));
        figures.time("late_ms", self.lateness(true));
        figures.time("late_before_ms", self.lateness(false));
        figures.time("gap_ms", gap);
        figures.time("sender_gap_ms", sender_gap);
        figures.time("gap_beyond_sender_ms", gap.saturating_sub(sender_gap));
        let around = self.calls.iter().filter(|(began, took)| *began + *took >= self.fault);
        figures.time("call_ms", around.map(|(_, took)| *took).max().unwrap_or_default());
        figures.count("messages", self.said.len() as u64);
        figures.count("calls", self.calls.len() as u64);
        figures.count("failed_calls", 0);
    }
}

/// The node that a client's link leads to, if it has one.
pub fn node_of(state: &LinkState) -> Option<u64> {
    match state {
        LinkState::Connected { node, .. } => Some(node.0),
        _ => None,
    }
}
