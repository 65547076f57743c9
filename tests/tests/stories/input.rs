//! What nobody should send, typed and sent all the same: a clear error each, and nothing lost.

use std::fs;
use std::net::UdpSocket;

use raftchat_node::config::NodeConfig;
use raftchat_tests::cluster::Cluster;
use raftchat_tests::ctl::{Answer, Ctl};
use raftchat_tests::people::PASSWORD;

use crate::PROGRAM;

/// A device of the cluster at a shell.
struct Shell {
    ctl: Ctl,
    profile: String,
}

impl Shell {
    fn of(cluster: &Cluster, device: &str) -> Self {
        Self { ctl: Ctl(PROGRAM.into()), profile: cluster.device(device).to_str().unwrap().to_owned() }
    }

    fn chat(&self, arguments: &[&str], input: &str) -> Answer {
        self.ctl.call(&[&["chat", "--profile", &self.profile], arguments].concat(), input)
    }

    fn register(&self, name: &str) -> Answer {
        self.chat(&["register", name, "--password-stdin"], &format!("{PASSWORD}\n"))
    }
}

#[tokio::test]
async fn refusals_have_their_codes_and_leave_everything_as_it_was() {
    let cluster = Cluster::start(PROGRAM, 3, |_| {}).await;
    let (alice, bob, carol) = (Shell::of(&cluster, "alice"), Shell::of(&cluster, "bob"), Shell::of(&cluster, "carol"));
    for (shell, name) in [(&alice, "alice"), (&bob, "bob"), (&carol, "carol")] {
        shell.register(name).one();
    }
    let sent = alice.chat(&["send", "--to", "bob", "the first"], "");
    assert_eq!(sent.one()["position"], 1);
    let mallory = Shell::of(&cluster, "mallory");
    let (large, largest) = ("x".repeat(64 * 1024 + 1), "y".repeat(60 * 1024));
    let cases: [(Answer, i32, &str); 13] = [
        (mallory.chat(&["login", "alice", "--password-stdin"], "wrong\n"), 1, "wrong-credentials"),
        (mallory.chat(&["login", "nobody", "--password-stdin"], "wrong\n"), 1, "wrong-credentials"),
        (mallory.register("alice"), 1, "username-taken"),
        (mallory.register("Alice!"), 1, "malformed-username"),
        (mallory.chat(&["conversations"], ""), 1, "session-ended"),
        (alice.chat(&["send", "--to", "nobody", "hello"], ""), 1, "no-such-user"),
        (alice.chat(&["send", "--to", "alice", "hello"], ""), 1, "to-yourself"),
        (alice.chat(&["send", "--to", "bob", ""], ""), 1, "empty-message"),
        (alice.chat(&["send", "--to", "bob", "-"], &large), 1, "too-large"),
        (carol.chat(&["history", "--conversation", "c1"], ""), 1, "not-a-member"),
        (carol.chat(&["send", "--conversation", "c77", "hello"], ""), 1, "no-such-conversation"),
        (bob.chat(&["delete", "--with", "alice", "1"], ""), 1, "not-yours"),
        (alice.chat(&["delete", "--with", "bob", "9"], ""), 1, "no-such-message"),
    ];
    for (answer, status, code) in cases {
        assert_eq!((answer.status, answer.error()), (status, code), "{answer:?}");
        let message = answer.lines.last().unwrap()["message"].as_str().unwrap();
        assert!(message.contains(' '), "a sentence: {message}");
    }
    assert_eq!(alice.chat(&["send", "--to", "bob", "-"], &largest).one()["position"], 2);
    let read = bob.chat(&["history", "--with", "alice"], "");
    let texts: Vec<_> = read.lines.iter().map(|line| line["text"].as_str().unwrap().len()).collect();
    assert_eq!(texts, ["the first".len(), largest.len()]);
    cluster.agree().await;
}

#[tokio::test]
async fn a_wrong_command_line_or_profile_says_what_would_be_right() {
    let cluster = Cluster::make(PROGRAM, 1, |_| {});
    let ctl = Ctl(PROGRAM.into());
    let usage = ctl.call(&["chat", "--profile", "x", "send", "hello"], "");
    assert_eq!((usage.status, usage.error()), (2, "wrong-usage"), "{usage:?}");
    let missing = ctl.call(&["chat", "--profile", "nowhere", "whoami"], "");
    assert_eq!((missing.status, missing.error()), (4, "file-missing"), "{missing:?}");
    let alice = Shell::of(&cluster, "alice");
    let nobody = alice.chat(&["--timeout", "1", "register", "alice", "--password-stdin"], "correct horse\n");
    assert_eq!((nobody.status, nobody.error()), (3, "unreachable"), "{nobody:?}");
    fs::write(format!("{}/session.toml", alice.profile), "username = ").unwrap();
    let damaged = alice.chat(&["whoami"], "");
    assert_eq!((damaged.status, damaged.error()), (4, "file-damaged"), "{damaged:?}");
}

/// Why a node with this configuration did not start: its exit status and what it said.
fn refusal_of(cluster: &Cluster, change: impl FnOnce(String) -> String) -> (i32, String) {
    let path = cluster.config(1);
    let whole = fs::read_to_string(&path).unwrap();
    fs::write(&path, change(whole.clone())).unwrap();
    let before = cluster.log(1).len();
    cluster.start_node(1);
    let status = cluster.ended(1).code().unwrap();
    fs::write(&path, whole).unwrap();
    (status, cluster.log(1)[before..].to_owned())
}

#[tokio::test]
async fn a_node_that_cannot_start_says_why() {
    let cluster = Cluster::make(PROGRAM, 1, |_| {});
    let (status, said) = refusal_of(&cluster, |whole| whole[..whole.len() / 3].to_owned());
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("node.toml:"), "{said}");
    let (status, said) = refusal_of(&cluster, |whole| whole.replace("heartbeat_ms", "hartbeat_ms"));
    assert!(status == 2 && said.contains("no key `hartbeat_ms`; did you mean `heartbeat_ms`?"), "{said}");
    let (status, said) = refusal_of(&cluster, |whole| whole.replace("election_min_ms = 150", "election_min_ms = 15"));
    assert!(status == 2 && said.contains("`election_min_ms` must be"), "{said}");

    let address = NodeConfig::load(&cluster.config(1)).unwrap().client_listen;
    let taken = UdpSocket::bind(address).unwrap();
    let (status, said) = refusal_of(&cluster, |whole| whole);
    assert!(status == 2 && said.contains(&format!("{address} is in use")), "{said}");
    drop(taken);

    // Another node's certificate, and a data directory that is neither known nor new.
    let (status, said) = refusal_of(&cluster, |whole| whole.replace("node = 1\n", "node = 2\n"));
    assert!(status == 2 && said.contains("certificate"), "{said}");
    let data = cluster.dir().join("node-1/data");
    fs::remove_dir_all(&data).unwrap();
    fs::create_dir(&data).unwrap();
    let (status, said) = refusal_of(&cluster, |whole| whole);
    assert!(status == 4 && said.contains("must not come back under its id"), "{said}");
}
