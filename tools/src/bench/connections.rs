//! `raftchatctl bench connections`: many idle sessions, how fast they are let in and what memory they take on the nodes.

use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::Args;
use futures::stream::{self, StreamExt};
use serde::Serialize;
use tokio::task::LocalSet;
use tokio::time::sleep;

use super::arena::{Arena, ArenaArguments};
use super::door::{self, Door, Token, Trouble, Visit};
use super::measure;
use crate::failure::Failure;
use crate::shell::output::Output;
use crate::shell::text::hex;

/// So many are on their way in at a time.
const AT_ONCE: usize = 64;
/// Memory is read once the last one has been quiet for so long.
const SETTLING: Duration = Duration::from_secs(2);

/// How many, where.
#[derive(Debug, Args)]
pub(crate) struct ConnectionsArguments {
    #[command(flatten)]
    arena: ArenaArguments,
    /// How many sessions to open
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=60_000))]
    count: u32,
}

/// The figures. Those about the nodes are known only where the nodes are children of ours.
#[derive(Debug, Serialize)]
struct Report {
    count: u32,
    opened: usize,
    failed: usize,
    seconds: f64,
    opened_per_s: f64,
    /// Of the node on which a session lies, over all nodes.
    node_bytes_per_session: Option<f64>,
    /// Over all nodes.
    nodes_cpu_ms_per_session: Option<f64>,
    /// What this program itself takes to open one: where it is more than the nodes take, it is what the rate shows.
    load_cpu_ms_per_session: f64,
    first_failure: Option<String>,
}

pub(super) async fn run(arguments: &ConnectionsArguments, output: Output) -> Result<(), Failure> {
    measure::allow_many_files(u64::from(arguments.count))?;
    let arena = Arena::open(&arguments.arena).await?;
    let report = LocalSet::new().run_until(measure_sessions(&arena, arguments.count)).await;
    arena.close().await;
    let report = report?;
    output.answer(&report, || report.words())
}

async fn measure_sessions(arena: &Arena, count: u32) -> Result<Report, Failure> {
    let failed = |trouble: Trouble| Failure::Failed(format!("no session could be opened: {trouble}"));
    let door = Door::new(arena.access.clone()).map_err(|error| Failure::System(error.to_string()))?;
    let door = Rc::new(door);
    let (token, secret) = (door::random().map_err(failed)?, door::random().map_err(failed)?);
    let hex = hex(&secret);
    let (name, password) = hex.split_at(8);
    let owner = door.register(0, &format!("bench-{name}"), password, &token).await.map_err(failed)?;
    sleep(SETTLING).await;

    let before = Readings::take(arena);
    let began = Instant::now();
    let numbers = stream::iter(0..usize::try_from(count).unwrap_or(usize::MAX));
    let opened: Vec<Result<Visit, Trouble>> =
        numbers.map(|number| open(Rc::clone(&door), number, token)).buffer_unordered(AT_ONCE).collect().await;
    let took = began.elapsed();
    let busy = Readings::take(arena);
    sleep(SETTLING).await;
    let spent = Spent {
        nodes_are_ours: arena.is_thrown_away(),
        nodes_cpu_seconds: busy.nodes_cpu_seconds - before.nodes_cpu_seconds,
        load_cpu_seconds: busy.load_cpu_seconds - before.load_cpu_seconds,
        node_bytes: Readings::take(arena).node_bytes.saturating_sub(before.node_bytes),
    };
    let report = Report::of(count, &opened, took, &spent);
    drop(opened);
    if !arena.is_thrown_away() {
        owner.delete_account(password).await.map_err(failed)?;
    }
    Ok(report)
}

async fn open(door: Rc<Door>, number: usize, token: Token) -> Result<Visit, Trouble> {
    door.resume(number, &token).await
}

/// What everything has taken up to a moment.
struct Readings {
    nodes_cpu_seconds: f64,
    load_cpu_seconds: f64,
    node_bytes: u64,
}

impl Readings {
    fn take(arena: &Arena) -> Self {
        let pids = arena.pids();
        Self {
            nodes_cpu_seconds: pids.values().map(|pid| measure::cpu_seconds(*pid)).sum(),
            load_cpu_seconds: measure::cpu_seconds(std::process::id()),
            node_bytes: pids.values().map(|pid| measure::resident_bytes(*pid)).sum(),
        }
    }
}

/// What opening all sessions took.
struct Spent {
    nodes_are_ours: bool,
    nodes_cpu_seconds: f64,
    load_cpu_seconds: f64,
    node_bytes: u64,
}

impl Report {
    #[expect(clippy::cast_precision_loss, reason = "counts and memory of a measurement are far below 2^52")]
    fn of(count: u32, sessions: &[Result<Visit, Trouble>], took: Duration, spent: &Spent) -> Self {
        let opened = sessions.iter().filter(|session| session.is_ok()).count();
        let seconds = took.as_secs_f64();
        let per_session = |total: f64| total / opened.max(1) as f64;
        let of_ours = |figure: f64| spent.nodes_are_ours.then_some(figure);
        let first_failure = sessions.iter().find_map(|session| session.as_ref().err()).map(ToString::to_string);
        Self {
            count,
            opened,
            failed: sessions.len() - opened,
            seconds,
            opened_per_s: opened as f64 / seconds,
            node_bytes_per_session: of_ours(per_session(spent.node_bytes as f64)),
            nodes_cpu_ms_per_session: of_ours(per_session(spent.nodes_cpu_seconds * 1000.0)),
            load_cpu_ms_per_session: per_session(spent.load_cpu_seconds * 1000.0),
            first_failure,
        }
    }

    fn words(&self) -> String {
        let memory = self.node_bytes_per_session.map_or_else(
            || "memory on the nodes is not known".to_owned(),
            |bytes| format!("{:.1} KiB of node memory each", bytes / 1024.0),
        );
        let failure =
            self.first_failure.as_ref().map_or_else(String::new, |told| format!("; the first failure: {told}"));
        let nodes =
            self.nodes_cpu_ms_per_session.map_or_else(|| "an unknown time".to_owned(), |cpu| format!("{cpu:.1} ms"));
        format!(
            "{} of {} sessions opened in {:.2} s: {:.0} /s, {memory}{failure}\n\
             processor  {nodes} of the nodes and {:.1} ms of this program a session",
            self.opened, self.count, self.seconds, self.opened_per_s, self.load_cpu_ms_per_session
        )
    }
}
