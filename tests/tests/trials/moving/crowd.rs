//! Many sessions on one node: what they cost while nothing happens, and where they are served when it dies.
//!
//! How many is said by `RAFTCHAT_SESSIONS` (100 if it is not set; 1000 for the figures).

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use raftchat_client::{Attention, Client, Event, Following, Target};
use raftchat_schema::view::ChangedRow;
use raftchat_tests::measure::{Figures, cpu_time};
use raftchat_tests::network::Family;
use raftchat_tests::people::{Person, text_of};
use raftchat_tests::{soon, until};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;

use super::{Setting, Stage, node_of, on_a_stage};
use crate::number;

/// For how long the cost of doing nothing is taken.
const QUIET: Duration = Duration::from_secs(10);

/// One of the sessions.
struct Member {
    client: Client,
    /// When it was told of the message that follows the death.
    told: Arc<Mutex<Option<Instant>>>,
}

/// How many of them are of one account.
const SESSIONS_EACH: u64 = 50;

/// The message that follows.
const NEWS: &str = "node gone";

impl Member {
    /// A session of its own on a device of its own, which follows what comes, on a task of the trial's.
    async fn join(stage: &Stage, home: &Path, node: u64, number: u64) -> Self {
        let name = format!("crowd-{}", number / SESSIONS_EACH);
        let first = Some(stage.cluster.address(node));
        let person = stage.network.device().run(|| Person::on(&name, home, first));
        if number % SESSIONS_EACH == 0 {
            person.register().await;
        } else {
            person.login().await;
        }
        let client = person.client;
        client.attend(Attention::Away);
        let mut subscription = client.subscribe(Following::FromNow);
        let told = Arc::new(Mutex::new(None));
        soon("catching up", async {
            loop {
                match subscription.next().await {
                    Some(Event::CaughtUp { .. }) => break,
                    Some(Event::Ended(_)) | None => panic!("the subscription ended"),
                    Some(_) => {}
                }
            }
        })
        .await;
        let theirs = Arc::clone(&told);
        tokio::spawn(async move {
            while let Some(event) = subscription.next().await {
                if let Event::Change { change, .. } = event
                    && let ChangedRow::Message(message) = change.row
                    && text_of(&message).is_some_and(|text| text == NEWS)
                {
                    theirs.lock().unwrap().get_or_insert_with(Instant::now);
                }
            }
        });
        Self { client, told }
    }

    fn node(&self) -> Option<u64> {
        node_of(&self.client.link().borrow())
    }
}

fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
}

/// Each on a device of its own: none waits for another's disk, nor knows how far others were from the nodes.
async fn gather(stage: &Stage, homes: &Path, node: u64, count: u64) -> Vec<Member> {
    let mut members = Vec::new();
    for number in 0..count {
        let home = homes.join(number.to_string());
        copy(&stage.cluster.device(&format!("crowd-{number}")), &home);
        members.push(Member::join(stage, &home, node, number).await);
    }
    members
}

/// A place that is not on the disk of the nodes, where there is one.
fn homes() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_node_with_many_sessions_is_killed() {
    let count = number("RAFTCHAT_SESSIONS", 100);
    let name = "many sessions, their node killed";
    allow_many_files();
    on_a_stage(name, Setting::Direct(Family::Four), async |stage| {
        let leader = stage.cluster.serving(3).await;
        let [node, speaks_over] = Stage::others(leader);
        let homes = homes();
        let members = gather(stage, homes.path(), node, count).await;
        cost_of_doing_nothing(stage, node, &members).await;
        let alice = Person::on("alice", &stage.alice, Some(stage.cluster.address(speaks_over)));
        let crowd = with_all(&alice, &members).await;
        alice.say_in(&crowd, "all are there").await;
        let were_there = members.iter().filter(|member| member.node() == Some(node)).count();
        let fault = Instant::now();
        stage.cluster.kill(node);
        alice.say_in(&crowd, NEWS).await;
        let all = async || members.iter().all(|member| member.told.lock().unwrap().is_some()).then_some(());
        until("all are served elsewhere", all).await;
        let mut figures = Figures::default();
        for member in &members {
            let told = member.told.lock().unwrap().unwrap_or(fault);
            figures.time("served_after_ms", told.saturating_duration_since(fault));
        }
        let mut nodes: BTreeMap<Option<u64>, u64> = BTreeMap::new();
        for member in &members {
            *nodes.entry(member.node()).or_default() += 1;
        }
        figures.count("on_the_node_that_died", were_there as u64);
        figures.count("now_on_the_leader", nodes.get(&Some(leader)).copied().unwrap_or_default());
        figures.count("now_on_the_other", nodes.get(&Some(speaks_over)).copied().unwrap_or_default());
        figures.tell(name);
        for survivor in [leader, speaks_over] {
            let here = nodes.get(&Some(survivor)).copied().unwrap_or_default();
            assert!(here * 4 >= count, "of {count} sessions node {survivor} serves {here}: {nodes:?}");
        }
    });
}

/// A group of alice and the accounts of all.
async fn with_all(alice: &Person, members: &[Member]) -> Target {
    let mut accounts = Vec::new();
    for member in members.iter().step_by(usize::try_from(SESSIONS_EACH).unwrap()) {
        accounts.push(soon("asking who they are", member.client.whoami()).await.unwrap().user.id);
    }
    let group = soon("making a group", alice.client.group_create("everybody".to_owned(), accounts)).await.unwrap();
    Target::Conversation(group.id)
}

/// What the node that serves all of them does meanwhile.
async fn cost_of_doing_nothing(stage: &Stage, node: u64, members: &[Member]) {
    let count = u32::try_from(members.len()).unwrap();
    let pids: Vec<_> = (1..=3).map(|node| (node, stage.cluster.pid(node))).collect();
    let read = || {
        let cpu: BTreeMap<_, _> = pids.iter().map(|(node, pid)| (*node, cpu_time(*pid).unwrap())).collect();
        let packets: BTreeMap<_, _> =
            pids.iter().map(|(node, _)| (*node, stage.network.node(*node).packets("uplink"))).collect();
        (cpu, packets, cpu_time(std::process::id()).unwrap())
    };
    // Until what the gathering has left to do is done; then a while of nothing, which is what is measured.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (cpu_before, packets_before, own_before) = read();
    let begun = Instant::now();
    tokio::time::sleep(QUIET).await;
    let seconds = begun.elapsed().as_secs_f64();
    let (cpu, packets, own) = read();
    let mut figures = Figures::default();
    figures.count("sessions", u64::from(count));
    let percent = |now: Duration, before: Duration| ((now - before).as_secs_f64() / seconds * 1000.0).round() / 10.0;
    for (other, _) in &pids {
        let mine = *other == node;
        let (column_in, column_out, column_cpu) = if mine {
            ("packets_in_per_s", "packets_out_per_s", "cpu_percent")
        } else {
            ("others_packets_in_per_s", "others_packets_out_per_s", "others_cpu_percent")
        };
        let (now, before) = (packets.get(other).unwrap(), packets_before.get(other).unwrap());
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let rate = |now: u64, before: u64| ((now - before) as f64 / seconds).round();
        figures.number(column_in, rate(now.0, before.0));
        figures.number(column_out, rate(now.1, before.1));
        figures.number(column_cpu, percent(*cpu.get(other).unwrap(), *cpu_before.get(other).unwrap()));
    }
    figures.number("all_devices_cpu_percent", percent(own, own_before));
    figures.tell("idle sessions in the background");
}
