//! `raftchatctl cluster status`: how every node is, one line each.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::Args;
use raftchat_config::places;
use raftchat_schema::view::{BudgetView, Role};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use super::directory::ClusterDir;
use super::health;
use super::observer::{Observer, Seen};
use crate::failure::Failure;
use crate::process::stop::StopSignals;
use crate::shell::output::Output;

const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Whom to ask, and how often.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct StatusArguments {
    /// The cluster's directory
    #[arg(long, value_name = "CLUSTER", conflicts_with = "profile")]
    dir: Option<PathBuf>,
    /// A device's profile instead, where the cluster's directory is elsewhere
    #[arg(long, value_name = "DIR")]
    profile: Option<PathBuf>,
    /// Ask again every second until Ctrl-C
    #[arg(long)]
    watch: bool,
}

impl StatusArguments {
    /// As for every other command. Not by clap, for which what the environment says would exclude `--profile`.
    fn directory(&self) -> PathBuf {
        let said = self.dir.clone().or_else(|| env::var_os("RAFTCHAT_DIR").map(PathBuf::from));
        said.unwrap_or_else(places::cluster)
    }
}

pub(super) async fn run(arguments: StatusArguments, output: Output) -> Result<(), Failure> {
    let observer = match &arguments.profile {
        Some(profile) => Observer::of_profile(profile)?,
        None => Observer::of_cluster(&ClusterDir::new(arguments.directory()))?,
    };
    if !arguments.watch {
        return show(&observer.look().await, output);
    }
    let mut stop = StopSignals::listen()?;
    tokio::select! {
        () = stop.next() => Ok(()),
        result = watch(&observer, output) => result,
    }
}

async fn watch(observer: &Observer, output: Output) -> Result<(), Failure> {
    let mut ticks = interval(WATCH_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match show(&observer.look().await, output) {
            Err(Failure::Unreachable(_) | Failure::Told) => {}
            other => other?,
        }
        output.say("")?;
    }
}

fn show(seen: &[Seen], output: Output) -> Result<(), Failure> {
    let now = SystemTime::now();
    let lines: Vec<Line<'_>> = seen.iter().map(|seen| Line::of(seen, now)).collect();
    if output.is_json() {
        lines.iter().try_for_each(|line| output.answer(line, String::new))?;
    } else {
        output.say(&table(&lines))?;
    }
    if seen.iter().all(|seen| seen.status.is_err()) {
        let told = seen.iter().find_map(|seen| seen.status.as_ref().err()).map_or("no node is known", String::as_str);
        let reason = format!(
            "no node answered within 2 s: are they running, and is this machine on their network? The first: {told}"
        );
        return Err(Failure::Unreachable(reason));
    }
    if lines.iter().any(|line| !line.wrong.is_empty()) { Err(Failure::Told) } else { Ok(()) }
}

/// One node as scripts see it; the numbers are null where it cannot be reached.
#[derive(Debug, Serialize)]
struct Line<'a> {
    node: u64,
    address: &'a str,
    role: &'static str,
    term: Option<u64>,
    applied: Option<u64>,
    last_log: Option<u64>,
    sessions: Option<u32>,
    lag_ms: Option<u64>,
    leader: Option<u64>,
    state_hash: Option<String>,
    version: Option<&'a str>,
    level: Option<u32>,
    newest_level: Option<u32>,
    clock_offset_ms: Option<i64>,
    disk_free_bytes: Option<u64>,
    sync_ms: Option<u32>,
    /// By name: how full is what the node's callers share.
    budgets: Option<BTreeMap<&'a str, Fill>>,
    refuses_words: Option<bool>,
    unclean_since: Option<String>,
    certificate_days: Option<i32>,
    /// Sentences; none if all is well.
    wrong: Vec<String>,
}

/// How full one budget is.
#[derive(Debug, Serialize)]
struct Fill {
    held: u64,
    most: u64,
    refused: u64,
}

impl Fill {
    fn of(budget: &BudgetView) -> (&str, Self) {
        (&budget.name, Self { held: budget.held, most: budget.most, refused: budget.refused })
    }
}

impl<'a> Line<'a> {
    fn of(seen: &'a Seen, now: SystemTime) -> Self {
        let status = seen.status.as_ref().ok();
        Self {
            node: seen.node,
            address: &seen.address,
            role: status.map_or("unreachable", |status| role(status.role)),
            term: status.map(|status| status.term),
            applied: status.map(|status| status.applied),
            last_log: status.map(|status| status.last_log),
            sessions: status.map(|status| status.sessions),
            lag_ms: status.map(|status| status.lag_ms),
            leader: status.and_then(|status| status.leader).map(|leader| leader.0),
            state_hash: status.map(|status| status.state_hash.to_string()),
            version: status.map(|status| status.version.as_str()),
            level: status.map(|status| status.level.0),
            newest_level: status.map(|status| status.newest_level.0),
            clock_offset_ms: status.map(|status| status.clock_offset_ms),
            // A node that cannot tell says 0.
            disk_free_bytes: status.map(|status| status.disk_free_bytes).filter(|bytes| *bytes > 0),
            sync_ms: status.map(|status| status.sync_ms),
            budgets: status.map(|status| status.budgets.iter().map(Fill::of).collect()),
            refuses_words: status.map(|status| status.refuses_words),
            unclean_since: status.and_then(|status| status.unclean_since).map(crate::shell::time::rfc3339),
            certificate_days: status.map(|status| status.certificate_days),
            wrong: match &seen.status {
                Ok(status) => health::wrong(status, now),
                Err(why) => vec![format!("it does not answer: {why}")],
            },
        }
    }
}

/// Who stands for election is still a follower to whoever looks from outside.
const fn role(role: Role) -> &'static str {
    match role {
        Role::Leader => "leader",
        Role::Follower | Role::Candidate => "follower",
        Role::Learner => "learner",
    }
}

/// A row a node, and below them what is wrong.
fn table(lines: &[Line<'_>]) -> String {
    let wide = lines.iter().map(|line| line.address.len()).max().unwrap_or(0).max("ADDRESS".len());
    let mut table = format!(
        "{:<4}  {:<wide$}  {:<11}  {:>6}  {:>9}  {:>9}  {:>8}  {:>7}  {:>13}  {:>9}  {:>9}  {:>5}  {}",
        "NODE",
        "ADDRESS",
        "ROLE",
        "TERM",
        "APPLIED",
        "LAST LOG",
        "SESSIONS",
        "LAG MS",
        "CLOCK OFF MS",
        "DISK FREE",
        "CERT DAYS",
        "LEVEL",
        "VERSION"
    );
    for line in lines {
        // Writing to a string cannot fail.
        let _ = write!(
            table,
            "\n{:<4}  {:<wide$}  {:<11}  {:>6}  {:>9}  {:>9}  {:>8}  {:>7}  {:>13}  {:>9}  {:>9}  {:>5}  {}",
            line.node,
            line.address,
            line.role,
            or_dash(line.term),
            or_dash(line.applied),
            or_dash(line.last_log),
            or_dash(line.sessions),
            or_dash(line.lag_ms),
            or_dash(line.clock_offset_ms),
            or_dash(line.disk_free_bytes.map(rounded_bytes)),
            or_dash(line.certificate_days),
            or_dash(line.level),
            line.version.unwrap_or("-"),
        );
    }
    for line in lines {
        for wrong in &line.wrong {
            let _ = write!(table, "\nnode {}: {wrong}", line.node);
        }
    }
    table
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// In whole units of 1,024, as people read it.
fn rounded_bytes(bytes: u64) -> String {
    let units = [(40, "TiB"), (30, "GiB"), (20, "MiB"), (10, "KiB")];
    let fitting = units.iter().find(|(bits, _)| bytes >> bits >= 10);
    fitting.map_or_else(|| format!("{bytes} B"), |(bits, unit)| format!("{} {unit}", bytes >> bits))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use serde_json::json;

    use super::health::tests::well;
    use super::*;

    fn seen() -> [Seen; 2] {
        let address = |port| format!("127.0.0.1:{port}");
        [
            Seen { node: 1, address: address(7400), status: Ok(well()) },
            Seen { node: 2, address: address(7402), status: Err("nobody is there".to_owned()) },
        ]
    }

    #[test]
    fn scripts_see_numbers_or_null() {
        let lines = seen().map(|seen| serde_json::to_value(Line::of(&seen, SystemTime::now())).unwrap());
        assert_eq!(
            lines,
            [
                json!({"node": 1, "address": "127.0.0.1:7400", "role": "follower", "term": 3, "applied": 120,
                       "last_log": 121, "sessions": 2, "lag_ms": 0, "leader": 2, "state_hash": "ab".repeat(32), "version": "0.1.0",
                       "level": 1, "newest_level": 1, "clock_offset_ms": -3, "disk_free_bytes": 1 << 30, "sync_ms": 2,
                       "budgets": {"hashes": {"held": 1, "most": 2, "refused": 3}},
                       "refuses_words": false, "unclean_since": null, "certificate_days": 397, "wrong": []}),
                json!({"node": 2, "address": "127.0.0.1:7402", "role": "unreachable", "term": null, "applied": null,
                       "last_log": null, "sessions": null, "lag_ms": null, "leader": null, "state_hash": null,
                       "version": null, "level": null, "newest_level": null, "clock_offset_ms": null, "disk_free_bytes": null, "sync_ms": null, "budgets": null,
                       "refuses_words": null, "unclean_since": null,
                       "certificate_days": null, "wrong": ["it does not answer: nobody is there"]}),
            ]
        );
    }

    #[test]
    fn people_see_aligned_columns_and_below_them_what_is_wrong() {
        let seen = seen();
        let lines: Vec<_> = seen.iter().map(|seen| Line::of(seen, SystemTime::now())).collect();
        let table = table(&lines);
        let rows: Vec<_> = table.lines().collect();
        assert_eq!(rows.len(), 4, "{table}");
        let version = rows.first().and_then(|head| head.find("VERSION")).unwrap();
        assert!(rows.iter().take(3).all(|row| row.is_char_boundary(version) && row.len() > version), "{table}");
        assert!(table.contains("unreachable") && table.contains("1024 MiB"), "{table}");
        assert_eq!(rows.last().copied(), Some("node 2: it does not answer: nobody is there"));
    }

    #[test]
    fn the_exit_status_says_that_something_is_wrong() {
        let output = Output::new(true);
        let [well, silent] = seen();
        assert!(show(std::slice::from_ref(&well), output).is_ok());
        let told = show(&[well, silent.clone()], output).unwrap_err();
        assert!(matches!(told, Failure::Told) && told.exit_status() == 5, "{told}");
        let none = show(&[silent], output).unwrap_err();
        assert!(none.exit_status() == 3 && none.to_string().contains("nobody is there"), "{none}");
    }
}
