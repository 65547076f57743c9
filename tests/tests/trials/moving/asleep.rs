//! A device that slept while every node was restarted, and wakes.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use raftchat_tests::PATIENCE;
use raftchat_tests::measure::Figures;
use raftchat_tests::network::post::Weather;
use raftchat_tests::people::Person;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{PROGRAM, Setting, Stage, on_a_stage, rounds};

/// One way. A round trip is twice as long.
const DELAY: Duration = Duration::from_millis(50);

/// `raftchatctl chat tail` on bob's device. Killed when dropped.
struct Tail {
    child: Child,
    lines: Receiver<(Instant, Value)>,
}

fn read_lines(output: ChildStdout) -> Receiver<(Instant, Value)> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let Ok(line) = serde_json::from_str(&line) else { continue };
            if sender.send((Instant::now(), line)).is_err() {
                return;
            }
        }
    });
    lines
}

impl Tail {
    fn start(stage: &Stage) -> Self {
        let profile = stage.device.clone();
        let start = move || {
            let mut command = Command::new(PROGRAM);
            command.args(["chat", "--profile"]).arg(profile).args(["tail", "--json"]);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
        };
        let mut child = stage.network.device().run(start);
        let lines = read_lines(child.stdout.take().unwrap());
        Self { child, lines }
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for a line of that kind.
    fn tells(&self, kind: &str) -> (Instant, Value) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let (at, line) = self.lines.recv_timeout(left).unwrap_or_else(|_| panic!("tail tells no {kind}"));
            if line.get("kind").and_then(Value::as_str) == Some(kind) {
                return (at, line);
            }
        }
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn asleep_while_all_nodes_are_restarted() {
    let name = "asleep while all nodes were restarted, 100 ms";
    let setting = Setting::Relayed(Weather { delay: DELAY, ..Weather::default() });
    on_a_stage(name, setting, async |stage| {
        let mut figures = Figures::default();
        for round in 0..rounds() {
            let tail = Tail::start(stage);
            tail.tells("caught-up");
            tail.signal(Signal::STOP);
            let leader = stage.cluster.serving(3).await;
            for node in (1..=3).filter(|node| *node != leader).chain([leader]) {
                stage.cluster.kill(node);
                stage.cluster.start_node(node);
                stage.cluster.serving(3).await;
            }
            let alice = Person::on("alice", &stage.alice, Some(stage.cluster.address(1)));
            let said: Vec<_> = (0..20).map(|number| format!("{round}: missed {number}")).collect();
            for text in &said {
                alice.say("bob", text).await;
            }
            stage.cluster.agree().await;
            let woken = Instant::now();
            tail.signal(Signal::CONT);
            let mut came = Vec::new();
            while came.len() < said.len() {
                let (at, line) = tail.tells("message");
                if came.is_empty() {
                    let taken = at.duration_since(woken);
                    figures.time("first_change_ms", taken);
                    figures.number(
                        "round_trips",
                        (taken.as_secs_f64() / DELAY.as_secs_f64() / 2.0 * 100.0).round() / 100.0,
                    );
                }
                came.push(line.get("text").and_then(Value::as_str).unwrap_or_default().to_owned());
            }
            assert_eq!(came, said, "all that was missed, once and in order");
        }
        figures.tell(name);
    });
}
