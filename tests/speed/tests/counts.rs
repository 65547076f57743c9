//! How many instructions each case takes, beside what it took when somebody last agreed to it. A count is the same on a busy machine,
//! and so may be a condition; a time may not.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use raftchat_speed::cases;

/// What was agreed to. `RAFTCHAT_BLESS=1` writes it anew.
const AGREED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/counts.txt");
/// So many percent more or less are no news: in another folder the compiler divides crates in another way, and another system's
/// allocator and copying take other ways.
const MARGIN_PERCENT: u64 = 5;

/// Instructions of the case; none where they cannot be counted.
fn count(case: &str) -> Option<u64> {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--toggle-collect=*measured*"]);
    let output = match valgrind.args([env!("CARGO_BIN_EXE_raftchat-counted"), case]).output() {
        Ok(output) => output,
        Err(error) => {
            println!("skipped: instructions are not counted, as there is no valgrind here: {error}");
            return None;
        }
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{case}: {said}");
    let counted = said.lines().find_map(|line| line.split_once("Collected : "));
    Some(counted.and_then(|(_, count)| count.trim().parse().ok()).unwrap_or_else(|| panic!("{case}: {said}")))
}

fn agreed() -> BTreeMap<String, u64> {
    let text = std::fs::read_to_string(AGREED).unwrap_or_default();
    let line = |line: &str| line.rsplit_once(' ').map(|(name, count)| (name.trim().to_owned(), count.parse().unwrap()));
    text.lines().filter_map(line).collect()
}

#[test]
fn no_case_takes_more_instructions_than_was_agreed_to() {
    let (agreed, mut found, mut faults) = (agreed(), String::new(), Vec::new());
    for case in cases() {
        let Some(now) = count(case.name) else { return };
        writeln!(found, "{:56} {now:>10}", case.name).unwrap();
        let before = agreed.get(case.name).copied().unwrap_or_default();
        println!("{:56} {now:>10}, agreed {before:>10}", case.name);
        if now.abs_diff(before) * 100 > before * MARGIN_PERCENT {
            faults.push(format!("{}: {now} instructions, {before} were agreed to", case.name));
        }
    }
    if std::env::var_os("RAFTCHAT_BLESS").is_some() {
        std::fs::write(AGREED, found).unwrap();
        return;
    }
    let advice = "if that is meant, RAFTCHAT_BLESS=1 notes it, and the commit says why";
    assert!(faults.is_empty(), "{}\n{advice}", faults.join("\n"));
}
