//! One trial: quiet, attack, as before. Says what is demanded and what was found.

use std::cell::RefCell;
use std::net::UdpSocket;
use std::path::Path;
use std::process::Stdio;
use std::rc::Rc;
use std::time::{Duration, Instant};

use raftchat_node::config::NodeConfig;
use raftchat_schema::view::{NodeStatus, Role};
use raftchat_tests::cluster::Cluster;
use raftchat_tests::people::{PASSWORD, Person, says, typed, with};
use serde_json::Value;
use tokio::process::Command;
use tokio::task::LocalSet;
use tokio::time::sleep;

use crate::town::{Phase, Town, WHO_LOOKS};
use crate::{ATTACKER, PROGRAM};

/// For how long each attack goes on where nobody says.
const SECONDS: u64 = 3;
/// From so long on, the bounds are the strict ones.
const STRICT_SECONDS: u64 = 30;
/// For how long the quiet before is measured.
const QUIET: Duration = Duration::from_millis(2500);
/// How much later a message may be acknowledged than when all is quiet.
const ACK_TIMES: u32 = 3;
/// Below this a short trial on a machine with other work finds nothing.
const ACK_FLOOR: Duration = Duration::from_millis(250);
/// How long a login of somebody else may take.
const LOGIN_MAX: Duration = Duration::from_secs(2);
/// How often it is asked who leads before nobody does.
const LEADER_LOOKS: usize = 20;
/// The attacker's address: what an address may do is another's than that of the bystanders.
const FROM: &str = "127.66.66.66";
/// Between two arrivals of newcomers.
const ARRIVAL_PAUSE: Duration = Duration::from_millis(200);
/// How long after the attack all is as before.
const RECOVERY_MAX: Duration = Duration::from_secs(5);
/// What a hostile link may cost a node, MiB.
const LINK_MIB: f64 = 4.0;
/// What hashing one password takes in these clusters, MiB, with its thread.
const HASH_MIB: f64 = 20.0;
/// What a node's own work adds meanwhile, MiB: tables, journals, what bystanders say, and in a short trial, whose quiet time may
/// have been without one, the hash of somebody else's login.
const OWN_MIB: f64 = 24.0;

/// For how long each attack goes on.
pub(crate) fn seconds() -> u64 {
    std::env::var("RAFTCHAT_ATTACK_SECONDS").ok().map_or(SECONDS, |text| text.parse().unwrap())
}

fn is_strict() -> bool {
    seconds() >= STRICT_SECONDS
}

/// For how long it is quiet before. In the strict form as long as an attack, so that both are measured alike.
fn quiet_time() -> Duration {
    if is_strict() { Duration::from_secs(seconds()) } else { QUIET }
}

/// Which nodes are attacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Against {
    /// The one that leads and that alice is linked to.
    Leader,
    /// All three at the same time.
    All,
}

/// An attack as a trial has it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Its number and what it does, as in the table.
    pub(crate) name: &'static str,
    /// What the attacker calls it.
    pub(crate) attack: &'static str,
    pub(crate) against: Against,
    /// How many links it has to a node.
    pub(crate) links: u32,
    /// Whether it has passwords hashed.
    pub(crate) hashes: bool,
    /// What a node is allowed to take beside that, MiB: entries that are due, rows of the attacker's own.
    pub(crate) beside_mib: f64,
    /// How late others' messages may be acknowledged in a short trial, however quiet it was.
    pub(crate) ack_floor: Duration,
    /// More arguments.
    pub(crate) more: Vec<String>,
    /// For how long, if not as long as all.
    pub(crate) seconds: Option<u64>,
}

impl Row {
    pub(crate) fn of(name: &'static str, attack: &'static str) -> Self {
        let (against, more) = (Against::Leader, Vec::new());
        let ack_floor = ACK_FLOOR;
        Self { name, attack, against, links: 1, hashes: false, beside_mib: 0.0, ack_floor, more, seconds: None }
    }

    pub(crate) fn against_all(mut self) -> Self {
        self.against = Against::All;
        self
    }

    pub(crate) fn hashing(mut self) -> Self {
        self.hashes = true;
        self
    }

    fn allowed_mib(&self) -> f64 {
        let hashing = if self.hashes { HASH_MIB } else { 0.0 };
        f64::from(self.links) * LINK_MIB + hashing + OWN_MIB + self.beside_mib
    }
}

/// A town and what was measured in it while all was quiet.
pub(crate) struct Trial {
    pub(crate) town: Town,
    quiet: Phase,
    /// How many devices attacked so far: each attack begins with a new one, of which nothing is known yet.
    hostile: u32,
    faults: Vec<String>,
}

/// Has a trial in a town of its own; it fails with all that was found.
pub(crate) async fn in_a_town(adapt: impl Fn(&mut NodeConfig), trial: impl AsyncFnOnce(&mut Trial)) {
    let local = LocalSet::new();
    local
        .run_until(async {
            let town = Town::found(adapt).await;
            let (mut quiet, ()) = town.during(sleep(quiet_time())).await;
            let (p50, p99) = (quiet.noticed.ack(50), quiet.noticed.ack(99));
            println!(
                "| quiet | {} acks | p50 {p50:.1?} p99 {p99:.1?} | login {:.0?} | {:+.1} MiB |",
                quiet.noticed.acknowledged(),
                quiet.noticed.slowest_login(),
                quiet.growth_mib()
            );
            let mut running = Trial { town, quiet, hostile: 0, faults: Vec::new() };
            trial(&mut running).await;
            assert!(running.faults.is_empty(), "{}", running.faults.join("\n"));
        })
        .await;
}

impl Trial {
    /// Something that must hold.
    pub(crate) fn must(&mut self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            let fault = otherwise();
            println!("FAULT {fault}");
            self.faults.push(fault);
        }
    }

    /// The leader and the highest term; no leader if none says so for a while.
    async fn leadership(&self) -> (Option<u64>, u64) {
        let mut found = (None, 0);
        for _ in 0..LEADER_LOOKS {
            let statuses = self.town.statuses().await;
            let leader = statuses.iter().find(|status| status.role == Role::Leader).map(|status| status.node.0);
            found = (leader, statuses.iter().map(|status| status.term).max().unwrap_or(0));
            if leader.is_some() {
                break;
            }
            sleep(ARRIVAL_PAUSE).await;
        }
        found
    }

    /// Measures the quiet anew.
    pub(crate) async fn again_quiet(&mut self) {
        self.quiet = self.town.during(sleep(quiet_time())).await.0;
    }

    /// Measures the quiet anew, while what the row sends goes to a socket of nobody's: who sends as fast as it can takes as much
    /// of this machine as it gets, which it would not if it were another's.
    pub(crate) async fn quiet_beside(&mut self, row: &Row) {
        let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mallory = self.town.cluster.device("mallory-elsewhere");
        let elsewhere = [nobody.local_addr().unwrap().to_string()];
        self.quiet = self.while_elsewhere(row, &mallory, &elsewhere).await;
    }

    /// Tells, in the strict form, what others notice while another cluster on this machine is attacked: the part of it that is the
    /// machine's. Judges nothing by it.
    pub(crate) async fn tell_beside_another_cluster(&self, row: &Row) {
        if !is_strict() {
            return;
        }
        let other = Cluster::start(PROGRAM, 3, |_| {}).await;
        let elsewhere: Vec<_> = (1..=3).map(|node| other.address(node)).collect();
        drop(self.while_elsewhere(row, &other.device("mallory"), &elsewhere).await);
    }

    async fn while_elsewhere(&self, row: &Row, mallory: &Path, elsewhere: &[String]) -> Phase {
        let (mut quiet, said) = self.town.during(attack(row, mallory, elsewhere)).await;
        println!(
            "| {}, sent elsewhere | p50 {:.1?} p99 {:.1?} | {said} |",
            row.name,
            quiet.noticed.ack(50),
            quiet.noticed.ack(99)
        );
        quiet
    }

    /// Somebody's login on a device that they never had.
    pub(crate) async fn on_a_new_device(&self, name: &str) -> Result<Duration, String> {
        let device = self.town.cluster.device(&format!("{name}-new"));
        let person = Person::on(name, &device, None);
        let begun = Instant::now();
        let login = person.client.login(name.parse().unwrap(), typed(PASSWORD));
        match tokio::time::timeout(LOGIN_MAX, login).await {
            Ok(Ok(_)) => Ok(begun.elapsed()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_elapsed) => Err(format!("not within {LOGIN_MAX:?}")),
        }
    }

    /// A row while new links are made again and again, each of which must be let in.
    pub(crate) async fn newcomers_while(&mut self, row: Row) -> Value {
        let name = row.name;
        let client = self.town.person_at(WHO_LOOKS, 1).client;
        let took = Rc::new(RefCell::new((Vec::new(), Vec::<String>::new())));
        let told = Rc::clone(&took);
        let arrivals = tokio::task::spawn_local(async move {
            loop {
                let begun = Instant::now();
                // A link of its own to each node.
                let all = client.statuses().await;
                let refused = all.iter().filter_map(|(_, status)| status.as_ref().err()).map(ToString::to_string);
                told.borrow_mut().1.extend(refused);
                told.borrow_mut().0.push(begun.elapsed());
                sleep(ARRIVAL_PAUSE).await;
            }
        });
        let said = self.row(row).await;
        arrivals.abort();
        let (times, refused) = took.take();
        let slowest: Duration = times.into_iter().max().unwrap_or_default();
        println!("| {name} | slowest new link {slowest:.1?} |");
        self.must(slowest <= LOGIN_MAX, || format!("{name}: a new link took {slowest:.1?}"));
        self.must(refused.is_empty(), || format!("{name}: new links were refused: {refused:?}"));
        said
    }

    /// One row: does it, measures and judges. Gives what the attacker said.
    pub(crate) async fn row(&mut self, row: Row) -> Value {
        let before = self.leadership().await;
        let leader = before.0.unwrap_or(1);
        let nodes: Vec<u64> = if row.against == Against::All { vec![1, 2, 3] } else { vec![leader] };
        let addresses: Vec<_> = nodes.iter().map(|node| self.town.cluster.address(*node)).collect();
        self.hostile += 1;
        let mallory = self.town.cluster.device(&format!("mallory-{}", self.hostile));
        let attacker = attack(&row, &mallory, &addresses);
        let (mut during, said) = self.town.during(attacker).await;
        let over = Instant::now();
        let recovered = self.as_before().await;
        let took = over.elapsed();
        let after = self.leadership().await;
        let (p50, p99, quiet) = (during.noticed.ack(50), during.noticed.ack(99), self.quiet.noticed.ack(99));
        println!(
            "| {} | {} acks | p50 {p50:.1?} p99 {p99:.1?} (quiet {quiet:.1?}) | login {:.0?} | {:+.1} MiB (may {:.0}) | as before after {took:.1?} | term {} to {} | {} |",
            row.name,
            during.noticed.acknowledged(),
            during.noticed.slowest_login(),
            during.growth_beyond_mib(&self.quiet),
            row.allowed_mib(),
            before.1,
            after.1,
            said
        );
        self.judge(&row, &mut during, (before, after), recovered);
        self.must(said.get("hung").is_none(), || format!("{}: the attacker hung: {said}", row.name));
        said
    }

    fn judge(
        &mut self,
        row: &Row,
        during: &mut Phase,
        leadership: ((Option<u64>, u64), (Option<u64>, u64)),
        recovered: bool,
    ) {
        let name = row.name;
        let (p99, quiet) = (during.noticed.ack(99), self.quiet.noticed.ack(99));
        let allowed = if is_strict() { quiet * ACK_TIMES } else { (quiet * ACK_TIMES).max(row.ack_floor) };
        self.must(p99 <= allowed, || format!("{name}: others' acks p99 {p99:.1?}, quiet {quiet:.1?}"));
        let login = during.noticed.slowest_login();
        self.must(login <= LOGIN_MAX, || format!("{name}: somebody else's login took {login:.1?}"));
        let failed = during.noticed.failed();
        self.must(failed.is_empty(), || format!("{name}: refused to others: {failed:?}"));
        let growth = during.growth_beyond_mib(&self.quiet);
        let allowed = row.allowed_mib();
        self.must(growth <= allowed, || format!("{name}: a node grew by {growth:.1} MiB, at most {allowed:.0} is due"));
        let (before, after) = leadership;
        self.must(before == after, || format!("{name}: leader and term were {before:?} and are {after:?}"));
        self.must(recovered, || format!("{name}: not as before {RECOVERY_MAX:?} after the attack"));
        for node in 1..=3 {
            let log = self.town.cluster.log(node);
            let panicked = log.lines().find(|line| line.contains("panicked"));
            self.must(panicked.is_none(), || format!("{name}: node {node} panicked: {panicked:?}"));
        }
    }

    /// What nodes still hold of these budgets.
    pub(crate) async fn held(&self, budgets: &[&str]) -> Vec<String> {
        let statuses = self.town.statuses().await;
        let of_node = |status: &NodeStatus| {
            let node = status.node;
            let full = status.budgets.iter().filter(|budget| budgets.contains(&&*budget.name) && budget.held > 0);
            full.map(|budget| format!("node {node} holds {} of {}", budget.held, budget.name)).collect::<Vec<_>>()
        };
        statuses.iter().flat_map(of_node).collect()
    }

    /// Waits until messages and a login over each node are as when all was quiet; whether that came in time.
    async fn as_before(&mut self) -> bool {
        let deadline = Instant::now() + RECOVERY_MAX;
        let allowed = (self.quiet.noticed.ack(99) * ACK_TIMES).max(ACK_FLOOR);
        for node in 1..=3 {
            let dave = self.town.person_at(WHO_LOOKS, node);
            let rest = deadline.saturating_duration_since(Instant::now());
            let well = tokio::time::timeout(rest, well(&dave, allowed)).await;
            if well.is_err() {
                return false;
            }
        }
        true
    }
}

/// Comes when a login works and ten messages are quick.
async fn well(somebody: &Person, allowed: Duration) {
    loop {
        let begun = Instant::now();
        let done = somebody.client.login(WHO_LOOKS.parse().unwrap(), typed(PASSWORD)).await;
        if done.is_ok() && begun.elapsed() <= LOGIN_MAX {
            break;
        }
    }
    let mut quick = 0;
    while quick < 10 {
        let begun = Instant::now();
        let sent = somebody.client.send(&with("bob"), raftchat_tests::people::fresh_id(), says("well?")).await;
        quick = if sent.is_ok() && begun.elapsed() <= allowed { quick + 1 } else { 0 };
    }
}

/// Runs the attacker to its end.
async fn attack(row: &Row, device: &Path, nodes: &[String]) -> Value {
    let seconds = row.seconds.unwrap_or_else(seconds).to_string();
    let mut command = Command::new(ATTACKER);
    command.arg(row.attack).args(["--from", FROM, "--seconds", &seconds]).args(&row.more);
    command.arg("--device").arg(device);
    for node in nodes {
        command.args(["--node", node]);
    }
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}: {}", row.name, String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(said.trim()).unwrap()
}
