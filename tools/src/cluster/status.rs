//! `raftchatctl cluster status`: how every node is, one line each.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use raftchat_schema::view::{BudgetView, Role};
use serde::Serialize;
use tokio::time::{MissedTickBehavior, interval};

use super::directory::ClusterDir;
use super::observer::{Observer, Seen};
use crate::failure::Failure;
use crate::output::Output;
use crate::stop::StopSignals;

const WATCH_EVERY: Duration = Duration::from_secs(1);

/// Whom to ask, and how often.
#[derive(Debug, Args)]
#[group(skip)]
pub(crate) struct StatusArguments {
    /// The cluster's directory
    #[arg(long, value_name = "CLUSTER", required_unless_present = "profile", conflicts_with = "profile")]
    dir: Option<PathBuf>,
    /// A device's profile, where the cluster's directory is elsewhere
    #[arg(long, value_name = "DIR")]
    profile: Option<PathBuf>,
    /// Ask again every second until Ctrl-C
    #[arg(long)]
    watch: bool,
}

pub(super) async fn run(arguments: StatusArguments, output: Output) -> Result<(), Failure> {
    let observer = match (&arguments.dir, &arguments.profile) {
        (Some(dir), _) => Observer::of_cluster(&ClusterDir::new(dir))?,
        (None, Some(profile)) => Observer::of_profile(profile)?,
        (None, None) => return Err(Failure::Usage("--dir or --profile is needed".to_owned())),
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
            Err(Failure::Unreachable(_)) => {}
            other => other?,
        }
        output.say("")?;
    }
}

fn show(seen: &[Seen], output: Output) -> Result<(), Failure> {
    let lines: Vec<Line<'_>> = seen.iter().map(Line::of).collect();
    if output.is_json() {
        lines.iter().try_for_each(|line| output.answer(line, String::new))?;
    } else {
        output.say(&table(&lines))?;
    }
    if seen.iter().all(|seen| seen.status.is_none()) {
        let reason = "no node answered within 2 s: are they running, and is this machine on their network?";
        return Err(Failure::Unreachable(reason.to_owned()));
    }
    Ok(())
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
    clock_offset_ms: Option<i64>,
    disk_free_bytes: Option<u64>,
    /// By name: how full is what the node's callers share.
    budgets: Option<BTreeMap<&'a str, Fill>>,
    refuses_words: Option<bool>,
    unclean_since: Option<String>,
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
    fn of(seen: &'a Seen) -> Self {
        let status = seen.status.as_ref();
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
            clock_offset_ms: status.map(|status| status.clock_offset_ms),
            // A node that cannot tell says 0.
            disk_free_bytes: status.map(|status| status.disk_free_bytes).filter(|bytes| *bytes > 0),
            budgets: status.map(|status| status.budgets.iter().map(Fill::of).collect()),
            refuses_words: status.map(|status| status.refuses_words),
            unclean_since: status.and_then(|status| status.unclean_since).map(crate::time::rfc3339),
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

fn table(lines: &[Line<'_>]) -> String {
    let wide = lines.iter().map(|line| line.address.len()).max().unwrap_or(0).max("ADDRESS".len());
    let mut table = format!(
        "{:<4}  {:<wide$}  {:<11}  {:>6}  {:>9}  {:>9}  {:>8}  {:>7}  {:>13}",
        "NODE", "ADDRESS", "ROLE", "TERM", "APPLIED", "LAST LOG", "SESSIONS", "LAG MS", "CLOCK OFF MS"
    );
    for line in lines {
        let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        // Writing to a string cannot fail.
        let _ = write!(
            table,
            "\n{:<4}  {:<wide$}  {:<11}  {:>6}  {:>9}  {:>9}  {:>8}  {:>7}  {:>13}",
            line.node,
            line.address,
            line.role,
            number(line.term),
            number(line.applied),
            number(line.last_log),
            number(line.sessions.map(u64::from)),
            number(line.lag_ms),
            line.clock_offset_ms.map_or_else(|| "-".to_owned(), |offset| offset.to_string()),
        );
    }
    table
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use raftchat_schema::id::{NodeId, StateHash};
    use raftchat_schema::view::NodeStatus;
    use serde_json::json;

    use super::*;

    fn budget() -> BudgetView {
        BudgetView { name: "hashes".to_owned(), held: 1, most: 2, refused: 3 }
    }

    fn seen() -> [Seen; 2] {
        let status = NodeStatus {
            node: NodeId(1),
            role: Role::Candidate,
            term: 3,
            leader: None,
            applied: 120,
            last_log: 121,
            sessions: 2,
            lag_ms: 0,
            state_hash: StateHash([0xab; 32]),
            address: "127.0.0.1:7400".to_owned(),
            version: "0.1.0".to_owned(),
            clock_offset_ms: -3,
            disk_free_bytes: 1 << 30,
            budgets: vec![budget()],
            refuses_words: false,
            unclean_since: None,
        };
        let address = |port| format!("127.0.0.1:{port}");
        [
            Seen { node: 1, address: address(7400), status: Some(status) },
            Seen { node: 2, address: address(7402), status: None },
        ]
    }

    #[test]
    fn scripts_see_numbers_or_null() {
        let lines = seen().map(|seen| serde_json::to_value(Line::of(&seen)).unwrap());
        assert_eq!(
            lines,
            [
                json!({"node": 1, "address": "127.0.0.1:7400", "role": "follower", "term": 3, "applied": 120,
                       "last_log": 121, "sessions": 2, "lag_ms": 0, "leader": null, "state_hash": "ab".repeat(32), "version": "0.1.0",
                       "clock_offset_ms": -3, "disk_free_bytes": 1 << 30,
                       "budgets": {"hashes": {"held": 1, "most": 2, "refused": 3}},
                       "refuses_words": false, "unclean_since": null}),
                json!({"node": 2, "address": "127.0.0.1:7402", "role": "unreachable", "term": null, "applied": null,
                       "last_log": null, "sessions": null, "lag_ms": null, "leader": null, "state_hash": null,
                       "version": null, "clock_offset_ms": null, "disk_free_bytes": null, "budgets": null,
                       "refuses_words": null, "unclean_since": null}),
            ]
        );
    }

    #[test]
    fn people_see_aligned_columns() {
        let seen = seen();
        let lines: Vec<_> = seen.iter().map(Line::of).collect();
        let table = table(&lines);
        let widths: Vec<_> = table.lines().map(str::len).collect();
        assert_eq!(widths.len(), 3);
        assert!(widths.iter().all(|width| Some(width) == widths.first()), "{table}");
        assert!(table.contains("unreachable"), "{table}");
    }
}
