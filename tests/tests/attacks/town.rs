//! Where an attack takes place: three nodes, alice and bob, who talk all the while over nodes of their choice, carol and erin, who
//! log in again and again. What they notice is measured, and so is what the nodes take. Knows nothing of attacks.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use raftchat_client::Target;
use raftchat_node::config::NodeConfig;
use raftchat_schema::view::NodeStatus;
use raftchat_tests::cluster::Cluster;
use raftchat_tests::measure::resident_kib;
use raftchat_tests::people::{PASSWORD, Person, fresh_id, says, typed, with};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::PROGRAM;

/// Between two messages of one person, and between two looks at the nodes' memory.
const PAUSE: Duration = Duration::from_millis(15);
const LOOK: Duration = Duration::from_millis(100);
/// Between two logins.
const LOGIN_PAUSE: Duration = Duration::from_millis(2200);
/// Who says something, and who logs in. Each has a device.
pub(crate) const WHO_TALKS: [&str; 2] = ["alice", "bob"];
pub(crate) const WHO_LOGS_IN: [&str; 2] = ["carol", "erin"];
/// Who looks whether all is as before.
pub(crate) const WHO_LOOKS: &str = "dave";

/// What bystanders noticed for a while.
#[derive(Debug, Default)]
pub(crate) struct Noticed {
    /// How long each message took to be acknowledged, those that still wait among them.
    acks: Vec<Duration>,
    /// How long each login took.
    logins: Vec<Duration>,
    /// What was not done.
    failed: Vec<String>,
}

impl Noticed {
    pub(crate) fn ack(&mut self, of_hundred: usize) -> Duration {
        percentile(&mut self.acks, of_hundred)
    }

    pub(crate) fn slowest_login(&self) -> Duration {
        self.logins.iter().max().copied().unwrap_or_default()
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.acks.len()
    }

    pub(crate) fn failed(&self) -> &[String] {
        &self.failed
    }
}

fn percentile(times: &mut [Duration], of_hundred: usize) -> Duration {
    times.sort_unstable();
    let rank = (times.len() * of_hundred).div_ceil(100).max(1);
    times.get(rank - 1).copied().unwrap_or(Duration::MAX)
}

/// What nodes took for a while, in KiB of resident memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) before: u64,
    pub(crate) most: u64,
}

impl Memory {
    pub(crate) fn growth_mib(self) -> f64 {
        f64::from(u32::try_from(self.most.saturating_sub(self.before)).unwrap_or(u32::MAX)) / 1024.0
    }
}

/// A phase: what was noticed, and what each node took.
#[derive(Debug)]
pub(crate) struct Phase {
    pub(crate) noticed: Noticed,
    pub(crate) memory: BTreeMap<u64, Memory>,
}

impl Phase {
    /// The growth of the node that grew most, MiB.
    pub(crate) fn growth_mib(&self) -> f64 {
        self.memory.values().map(|memory| memory.growth_mib()).fold(0.0, f64::max)
    }

    /// The same, beyond the most that a node had in an earlier phase: logins come and go in both, and each takes a hash.
    pub(crate) fn growth_beyond_mib(&self, earlier: &Self) -> f64 {
        let beyond = self.memory.iter().map(|(node, memory)| {
            let most = earlier.memory.get(node).map_or(0, |earlier| earlier.most);
            Memory { before: memory.before.max(most), most: memory.most }.growth_mib()
        });
        beyond.fold(0.0, f64::max)
    }
}

type Shared = Rc<RefCell<Ledger>>;

#[derive(Debug, Default)]
struct Ledger {
    noticed: Noticed,
    /// Since when each person waits who waits.
    waiting: BTreeMap<&'static str, Instant>,
}

impl Ledger {
    /// All that was noticed since the last time.
    fn take(&mut self) -> Noticed {
        let mut noticed = std::mem::take(&mut self.noticed);
        for (who, since) in &self.waiting {
            let times = if WHO_LOGS_IN.contains(who) { &mut noticed.logins } else { &mut noticed.acks };
            times.push(since.elapsed());
        }
        noticed
    }
}

/// The town; its people stop when it is dropped.
pub(crate) struct Town {
    pub(crate) cluster: Cluster,
    ledger: Shared,
    people: Vec<JoinHandle<()>>,
}

impl Drop for Town {
    fn drop(&mut self) {
        self.people.iter().for_each(JoinHandle::abort);
    }
}

impl Town {
    /// Three nodes and five people. Must be called on a `LocalSet`.
    pub(crate) async fn found(adapt: impl Fn(&mut NodeConfig)) -> Self {
        let cluster = Cluster::start(PROGRAM, 3, adapt).await;
        for name in WHO_TALKS.into_iter().chain(WHO_LOGS_IN).chain([WHO_LOOKS]) {
            cluster.person(name).await;
        }
        let mut town = Self { cluster, ledger: Shared::default(), people: Vec::new() };
        let leader = town.cluster.serving(3).await;
        town.talks("alice", "bob", leader);
        town.talks("bob", "alice", 1 + leader % 3);
        for node in 1..=3 {
            // What hashing takes once is there before anything is measured.
            town.person_at(WHO_LOOKS, node).login().await;
        }
        for (who, node) in WHO_LOGS_IN.into_iter().zip([leader, 1 + leader % 3]) {
            town.logs_in(who, node);
        }
        town
    }

    /// A client on the device of one of the three, which tries that node first.
    pub(crate) fn person_at(&self, name: &str, node: u64) -> Person {
        Person::on(name, &self.cluster.dir().join("devices").join(name), Some(self.cluster.address(node)))
    }

    fn talks(&mut self, who: &'static str, to: &'static str, node: u64) {
        let (person, ledger): (_, Shared) = (self.person_at(who, node), Rc::clone(&self.ledger));
        self.people.push(tokio::task::spawn_local(async move {
            let to: Target = with(to);
            for number in 0_u64.. {
                let begun = Instant::now();
                ledger.borrow_mut().waiting.insert(who, begun);
                let sent = person.client.send(&to, fresh_id(), says(&format!("{who} {number}"))).await;
                let mut ledger = ledger.borrow_mut();
                ledger.waiting.remove(who);
                ledger.noticed.acks.push(begun.elapsed());
                if let Err(error) = sent {
                    ledger.noticed.failed.push(format!("{who} could not send: {error}"));
                }
                drop(ledger);
                // People pause between words; nothing waits for it.
                sleep(PAUSE).await;
            }
        }));
    }

    fn logs_in(&mut self, who: &'static str, node: u64) {
        let (person, ledger): (_, Shared) = (self.person_at(who, node), Rc::clone(&self.ledger));
        self.people.push(tokio::task::spawn_local(async move {
            loop {
                let begun = Instant::now();
                ledger.borrow_mut().waiting.insert(who, begun);
                let done = person.client.login(who.parse().unwrap(), typed(PASSWORD)).await;
                {
                    let mut ledger = ledger.borrow_mut();
                    ledger.waiting.remove(who);
                    ledger.noticed.logins.push(begun.elapsed());
                    if let Err(error) = done {
                        ledger.noticed.failed.push(format!("{who} could not log in: {error}"));
                    }
                }
                sleep(LOGIN_PAUSE).await;
            }
        }));
    }

    fn memory(&self) -> BTreeMap<u64, u64> {
        (1..=3).filter_map(|node| Some((node, resident_kib(self.cluster.pid(node))?))).collect()
    }

    /// What is noticed while something is done, and what came of that.
    pub(crate) async fn during<T>(&self, deed: impl Future<Output = T>) -> (Phase, T) {
        drop(self.ledger.borrow_mut().take());
        let look = |now: BTreeMap<u64, u64>, so_far: &mut BTreeMap<u64, Memory>| {
            for (node, kib) in now {
                let memory = so_far.entry(node).or_insert(Memory { before: kib, most: kib });
                memory.most = memory.most.max(kib);
            }
        };
        let mut memory = BTreeMap::new();
        look(self.memory(), &mut memory);
        let mut deed = std::pin::pin!(deed);
        let done = loop {
            tokio::select! {
                done = &mut deed => break done,
                () = sleep(LOOK) => look(self.memory(), &mut memory),
            }
        };
        look(self.memory(), &mut memory);
        let noticed = self.ledger.borrow_mut().take();
        (Phase { noticed, memory }, done)
    }

    /// How all nodes are.
    pub(crate) async fn statuses(&self) -> Vec<NodeStatus> {
        self.cluster.statuses().await
    }
}
