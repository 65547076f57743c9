//! What nodes tell each other of themselves when they meet, and once a second from then on: how far they are, so that an older
//! copy of a node's data is noticed, by the node and by the others; and, before there is a cluster, of whom it is to be. Never
//! knows what is in the log.

mod founding;
mod memory;
mod seal;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::join_all;
use raftchat_schema::id::NodeId;
use raftchat_schema::level::Level;
use raftchat_schema::peer::{Greeting, Mark, Welcome};
use raftchat_schema::stored::Member;
use raftchat_transport::Damped;
use tokio::time::{MissedTickBehavior, interval};

use crate::levels::Levels;
use crate::peers::links::PeerLinks;
use crate::peers::members::Members;
use crate::raft::RaftHandle;
pub(crate) use founding::differences;
use founding::{Founding, Word};
use memory::Memory;
pub(crate) use seal::Sealer;

/// How often the others are greeted while this node waits for their answers …
const EAGER: Duration = Duration::from_millis(50);
/// … and at every so many of these rounds otherwise.
const CALM_ROUNDS: u32 = 20;
/// How long a node may take to answer: the next greeting follows soon.
const ANSWER_LIMIT: Duration = Duration::from_millis(500);
/// How often what is remembered is written: what is lost is made good by the next greeting.
const SAVE_EVERY: Duration = Duration::from_secs(10);
/// How often a list that differs is told of.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// What this node says to others and hears from them.
#[derive(Debug)]
pub(crate) struct Greeter {
    own: NodeId,
    raft: RaftHandle,
    sealer: Sealer,
    memory: Memory,
    /// None once there is a cluster.
    founding: Mutex<Option<Founding>>,
    /// Who says that its data is older than it was.
    behind: Mutex<BTreeSet<NodeId>>,
    differs: Damped<NodeId>,
    levels: Levels,
}

impl Greeter {
    /// `remembered` is where the others' words are kept; `founds` are the nodes of a cluster that is to be begun.
    pub(crate) fn new(
        raft: RaftHandle,
        sealer: Sealer,
        remembered: PathBuf,
        founds: Option<Vec<(NodeId, Member)>>,
    ) -> Self {
        let own = raft.stores().identity.node;
        let founding = founds.map(|list| Founding::new(own, list));
        Self {
            own,
            raft,
            sealer,
            memory: Memory::load(remembered),
            founding: Mutex::new(founding),
            behind: Mutex::default(),
            differs: Damped::new(TELL_EVERY),
            levels: Levels::default(),
        }
    }

    /// The levels that the others know.
    pub(crate) fn levels(&self) -> &Levels {
        &self.levels
    }

    /// Another node greets this one.
    pub(crate) fn welcome(&self, from: NodeId, greeting: &Greeting) -> Welcome {
        // What was known before: now it may say less.
        let known = self.memory.of(from);
        self.hear(from, greeting);
        Welcome { greeting: self.greeting(), known }
    }

    /// What this node says of itself.
    fn greeting(&self) -> Greeting {
        let founds = lock(&self.founding).as_ref().map(|founding| founding.list().to_vec());
        let sync = self.raft.stores().syncs.p99();
        let (mark, newest) = (self.sealer.seal(self.raft.mark()), Level::newest());
        Greeting { mark, behind: self.raft.behind(), founds, sync, newest }
    }

    /// Another answers: with what it knows of this one, too.
    fn welcomed(&self, from: NodeId, sent: &Mark, welcome: &Welcome) {
        self.hear(from, &welcome.greeting);
        let own: Vec<Mark> = welcome.known.iter().filter(|mark| self.sealer.is_own(mark)).cloned().collect();
        // A vote that was given meanwhile may have cut the log's end, as it should.
        if self.raft.mark().vote == sent.vote {
            self.raft.hear_of_itself(from, &own);
        }
    }

    fn hear(&self, from: NodeId, greeting: &Greeting) {
        let Greeting { mark, behind, founds, sync, newest } = greeting;
        self.levels.hear(from, *newest, Instant::now());
        self.raft.hear_of_disk(from, *sync);
        self.memory.note(from, mark);
        if let Some(vote) = mark.vote {
            self.raft.note_term(from, vote.term);
        }
        let news = match behind {
            Some(_) => lock(&self.behind).insert(from),
            None => lock(&self.behind).remove(&from),
        };
        if news {
            if let Some(floor) = behind {
                tracing::warn!(
                    node = %from, was_at = floor.index,
                    "a node has come back with older data than it had: it gives no vote until it has been sent what is missing"
                );
            } else {
                tracing::warn!(node = %from, "the node has what was missing, and gives its vote as before");
            }
        }
        self.hear_of_founding(from, founds.as_deref());
    }

    fn hear_of_founding(&self, from: NodeId, theirs: Option<&[(NodeId, Member)]>) {
        let word = match &mut *lock(&self.founding) {
            Some(founding) => founding.hear(from, theirs),
            None => return,
        };
        match word {
            Word::Other(differences) => {
                if self.differs.tell(from, Instant::now()).is_some() {
                    let differences = differences.join("; ");
                    tracing::error!(
                        node = %from, %differences,
                        "`members` in node.toml differs between this node and another, so no cluster is begun. Make the lists \
                         equal and start both again"
                    );
                }
            }
            Word::Same => self.differs.forget(&from),
            Word::Founded => {}
        }
    }

    /// Begins the cluster, if this node may.
    async fn begin(&self) {
        let list = {
            let mut kept = lock(&self.founding);
            if self.raft.status().last_log.is_some() {
                // Another has begun it, and leads.
                *kept = None;
            }
            let Some(founding) = &mut *kept else { return };
            if !founding.may_begin(Instant::now()) {
                return;
            }
            founding.list().to_vec()
        };
        if self.raft.behind().is_some() || self.raft.is_unasked() {
            return;
        }
        match self.raft.initialize(&list).await {
            Ok(begun) => {
                tracing::info!(begun, nodes = list.len(), "the lists of a majority agree: the cluster begins");
                *lock(&self.founding) = None;
            }
            Err(error) => self.raft.stores().failures.report(&error),
        }
    }

    /// Whether something hangs on the others' answers.
    fn is_eager(&self) -> bool {
        self.raft.is_unasked() || self.raft.behind().is_some() || lock(&self.founding).is_some()
    }

    fn save(&self) {
        if let Err(error) = self.memory.save() {
            tracing::warn!(%error, "what is remembered of the other nodes is not written");
        }
    }
}

/// Greets the others for as long as the node runs.
pub(crate) async fn keep_greeting(greeter: Arc<Greeter>, members: Arc<Members>, links: Arc<PeerLinks>) {
    let mut ticks = interval(EAGER);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut rounds, mut saved) = (0_u32, Instant::now());
    loop {
        ticks.tick().await;
        rounds = rounds.wrapping_add(1);
        if !greeter.is_eager() && !rounds.is_multiple_of(CALM_ROUNDS) {
            continue;
        }
        greet(&greeter, &members, &links).await;
        greeter.raft.look_for_the_missing();
        greeter.begin().await;
        if saved.elapsed() >= SAVE_EVERY {
            saved = Instant::now();
            let writer = greeter.clone();
            // It ends by itself, and what it could not write it has told.
            let _written = tokio::task::spawn_blocking(move || writer.save()).await;
        }
    }
}

async fn greet(greeter: &Greeter, members: &Members, links: &PeerLinks) {
    let (now, greeting) = (members.now(), greeter.greeting());
    let others = now.membership.members.iter().map(|(node, _)| *node);
    let there = others.filter(|node| *node != greeter.own && links.is_up(*node));
    let asked = there.map(|node| {
        let asked = links.greet(node, greeting.clone(), ANSWER_LIMIT);
        async move { (node, asked.await) }
    });
    for (node, answer) in join_all(asked).await {
        // Who does not answer is asked again.
        if let Ok(welcome) = answer {
            greeter.welcomed(node, &greeting.mark, &welcome);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is locked here is whole after every step, whoever panicked meanwhile.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
