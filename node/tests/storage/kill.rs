//! A process that appends is killed at any moment, again and again: what it said is durable is there.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use raftchat_node::store::AppliedState;

use raftchat_state::Writes;

use crate::support::{append, open, place, record, vote, wait};

const CHILD_DIR: &str = "RAFTCHAT_STORAGE_CHILD_DIR";
const ROUNDS: u64 = 30;

/// Not a test: the process that is killed. Appends, cuts and purges, and prints what is durable.
#[test]
#[ignore = "runs as a child of the test below"]
fn the_child_writes_until_it_is_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR) else {
        return;
    };
    let stores = open(Path::new(&dir)).unwrap();
    let say = |word: &str, number: u64| {
        println!("{word} {number}");
        std::io::stdout().flush().unwrap();
    };
    let mut term = stores.log.vote().map_or(1, |vote| vote.term + 1);
    vote(&stores.log, term).unwrap();
    say("\nvoted", term);
    for round in 1_u64.. {
        let next = stores.log.bounds().next_index();
        let count = 1 + round * 7 % 64;
        append(&stores.log, (next..next + count).map(|index| record(term, index)).collect()).unwrap();
        say("acked", next + count);
        let last = stores.log.bounds().last;
        if round.is_multiple_of(5) {
            let applied = AppliedState { log_id: last, ..AppliedState::default() };
            stores.state.commit(&Writes::default(), &applied, None).unwrap();
            let upto = place(0, last.unwrap().index.saturating_sub(1500));
            if let Some(record) =
                stores.log.read(upto.index, upto.index + 1).unwrap().first().filter(|_| upto.index > 0)
            {
                stores.state.sync().unwrap();
                wait(|done| stores.log.purge(record.id, done)).unwrap();
            }
        } else if round.is_multiple_of(11) {
            term += 1;
            vote(&stores.log, term).unwrap();
            say("voted", term);
            say("cutting", next + count / 2);
            wait(|done| stores.log.truncate(next + count / 2, done).unwrap()).unwrap();
        }
    }
}

fn spawn(dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["kill::the_child_writes_until_it_is_killed", "--exact", "--ignored", "--nocapture"])
        .env(CHILD_DIR, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[derive(Clone, Copy, Debug, Default)]
struct Promised {
    next: u64,
    term: u64,
}

/// Lets the child work for a while after its first word, kills it, and says what it had promised.
fn kill_after(mut child: Child, pause: Duration, mut promised: Promised) -> Promised {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let reader = std::thread::spawn(move || {
        let mut heard = Vec::new();
        for line in lines.map_while(Result::ok) {
            heard.push(line);
        }
        heard
    });
    std::thread::sleep(pause);
    child.kill().unwrap();
    child.wait().unwrap();
    for line in reader.join().unwrap() {
        let mut words = line.split(' ');
        let (word, number) = (words.next().unwrap_or_default(), words.next().and_then(|number| number.parse().ok()));
        match (word, number) {
            ("acked", Some(next)) => promised.next = next,
            ("cutting", Some(next)) => promised.next = promised.next.min(next),
            ("voted", Some(term)) => promised.term = term,
            _ => {}
        }
    }
    promised
}

#[test]
fn what_was_acknowledged_survives_thirty_kills() {
    let dir = tempfile::tempdir().unwrap();
    let mut promised = Promised::default();
    for round in 0..ROUNDS {
        let pause = Duration::from_millis(60 + round * 37 % 240);
        promised = kill_after(spawn(dir.path()), pause, promised);
        // Opening checks every checksum, every link of the chain and every bound.
        let stores = open(dir.path()).unwrap_or_else(|error| panic!("round {round}: {error}"));
        let bounds = stores.log.bounds();
        assert!(bounds.next_index() >= promised.next, "round {round}: {bounds:?} {promised:?}");
        assert!(stores.log.vote().map_or(0, |vote| vote.term) >= promised.term, "round {round}");
        let entries = stores.log.read(bounds.first_index(), bounds.next_index()).unwrap();
        assert_eq!(entries.len() as u64, bounds.next_index() - bounds.first_index());
        for (index, entry) in (bounds.first_index()..).zip(entries) {
            assert_eq!(entry, record(entry.id.term, index), "round {round}");
        }
        promised.next = bounds.next_index();
    }
    assert!(promised.next > 100, "the child has hardly written: {promised:?}");
}
