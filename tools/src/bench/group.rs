//! `raftchatctl bench group`: a large group, of which some members listen on all nodes, and what is said in it.

mod listener;

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::Args;
use futures::stream::{self, FuturesUnordered, StreamExt, TryStreamExt};
use raftchat_schema::generated::client_capnp::{conversation, subscription};
use raftchat_schema::id::UserId;
use serde::Serialize;
use tokio::task::LocalSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use self::listener::{Heard, Listener};
use super::arena::Arena;
use super::crowd::{Crowd, set_up};
use super::door::{Trouble, Visit, say};
use super::measure;
use super::stamp::stamped;
use super::tally::{longest_ms, quantile_ms};
use crate::failure::Failure;
use crate::shell::output::Output;

/// Length of a text, in bytes.
const TEXT_BYTES: usize = 200;
/// How long everything that was said may take to arrive.
const PATIENCE: Duration = Duration::from_mins(1);
/// So many messages of the burst are on their way at a time.
const AT_ONCE: usize = 16;

/// How large a group, and what is said in it.
#[derive(Debug, Args)]
pub(crate) struct GroupArguments {
    /// How many nodes the cluster has that is made for it
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=9))]
    nodes: u16,
    /// How many members the group has
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = clap::value_parser!(u32).range(2..=1000))]
    members: u32,
    /// How many of them listen, evenly over the nodes
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    sessions: u32,
    /// How many messages are sent: once at the rate, and once as fast as they are confirmed
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    messages: u32,
    /// How many messages a second are sent while latencies are measured
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
}

/// The figures of one run.
#[derive(Debug, Serialize)]
struct Report {
    nodes: u16,
    members: u32,
    sessions: u32,
    messages: u32,
    rate: u32,
    /// From sending to each delivery, at the rate.
    delivery_p50_ms: f64,
    delivery_p95_ms: f64,
    delivery_p99_ms: f64,
    delivery_max_ms: f64,
    /// As fast as messages are confirmed.
    burst_seconds: f64,
    burst_messages_per_s: f64,
    deliveries_per_s: f64,
    missing: u64,
    nodes_cpu_ms_per_1000_deliveries: f64,
}

pub(super) async fn run(arguments: &GroupArguments, output: Output) -> Result<(), Failure> {
    if arguments.sessions >= arguments.members {
        return Err(Failure::Usage("--sessions are members that listen, and one more speaks".to_owned()));
    }
    measure::allow_many_files(u64::from(arguments.sessions))?;
    let arena = Arena::make(arguments.nodes).await?;
    let report = LocalSet::new().run_until(measure_group(&arena, arguments)).await;
    arena.close().await;
    let report = report?;
    output.answer(&report, || report.words())?;
    if report.missing > 0 {
        return Err(Failure::Failed(format!("{} deliveries are missing", report.missing)));
    }
    Ok(())
}

async fn measure_group(arena: &Arena, arguments: &GroupArguments) -> Result<Report, Failure> {
    let stage = Stage::set(arena, arguments).await?;
    let messages = u64::from(arguments.messages);
    let paced = stage.speak_at(arguments.rate, arguments.messages).await?;
    let before = nodes_cpu_seconds(arena);
    let (burst, seconds) = stage.speak_in_a_burst(arguments.messages).await?;
    let cpu_ms = (nodes_cpu_seconds(arena) - before) * 1000.0;
    let expected = messages.saturating_mul(u64::from(arguments.sessions));
    let missing = [&paced, &burst].map(|heard| expected.saturating_sub(heard.count())).iter().sum();
    Ok(Report::of(arguments, &paced, &burst, seconds, missing, cpu_ms))
}

fn nodes_cpu_seconds(arena: &Arena) -> f64 {
    arena.pids().values().map(|pid| measure::cpu_seconds(*pid)).sum()
}

/// The group, its owner, who speaks, and those who listen.
struct Stage {
    _owner: Visit,
    group: conversation::Client,
    _listeners: Vec<(Visit, subscription::Client)>,
    heard: Rc<RefCell<Heard>>,
    clock: Instant,
    sessions: u64,
}

impl Stage {
    async fn set(arena: &Arena, arguments: &GroupArguments) -> Result<Self, Failure> {
        let (members, sessions) = (usize_of(arguments.members), usize_of(arguments.sessions));
        let crowd = Crowd::of(arena)?;
        // The owner is number 0; the links of those who only are members are not kept.
        let keep = |number, visit: Visit| (number, visit.user, (number <= sessions).then_some(visit));
        let mut users = crowd.register(members, keep).await?;
        users.sort_by_key(|(number, ..)| *number);
        let ids: Vec<UserId> = users.iter().skip(1).map(|(_, user, _)| *user).collect();
        let mut visits = users.into_iter().filter_map(|(.., visit)| visit);
        let owner = visits.next().ok_or_else(|| Failure::Failed("nobody was registered".to_owned()))?;
        owner.catch_up().await.map_err(set_up)?;
        let group = owner.create_group("Benchmark", &ids).await.map_err(set_up)?;
        let (heard, clock) = (Rc::new(RefCell::new(Heard::new()?)), Instant::now());
        let listen = |visit| listen(visit, Rc::clone(&heard), clock);
        let listeners = stream::iter(visits).map(listen).buffer_unordered(AT_ONCE).try_collect().await;
        Ok(Self {
            _owner: owner,
            group,
            _listeners: listeners.map_err(set_up)?,
            heard,
            clock,
            sessions: u64::from(arguments.sessions),
        })
    }

    /// Says so many things, so many a second; gives what was heard.
    async fn speak_at(&self, rate: u32, messages: u32) -> Result<Heard, Failure> {
        let mut ticks = interval(Duration::from_secs(1) / rate.max(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let (mut sending, mut left) = (FuturesUnordered::new(), messages);
        loop {
            tokio::select! {
                _ = ticks.tick(), if left > 0 => {
                    sending.push(self.speak());
                    left = left.saturating_sub(1);
                }
                Some(sent) = sending.next() => sent.map_err(set_up)?,
                else => break,
            }
        }
        self.all_is_heard(messages).await
    }

    /// Says so many things as fast as they are confirmed; gives what was heard, and in what time.
    async fn speak_in_a_burst(&self, messages: u32) -> Result<(Heard, f64), Failure> {
        let began = Instant::now();
        let mut sending = stream::iter(0..messages).map(|_| self.speak()).buffer_unordered(AT_ONCE);
        while let Some(sent) = sending.next().await {
            sent.map_err(set_up)?;
        }
        drop(sending);
        let heard = self.all_is_heard(messages).await?;
        Ok((heard, began.elapsed().as_secs_f64()))
    }

    async fn speak(&self) -> Result<(), Trouble> {
        say(&self.group, stamped(self.clock.elapsed(), TEXT_BYTES)).await
    }

    /// Waits until every listener has heard every message, or long enough.
    async fn all_is_heard(&self, messages: u32) -> Result<Heard, Failure> {
        let expected = u64::from(messages).saturating_mul(self.sessions);
        let reached = self.heard.borrow().reached(expected);
        // What is missing then is in the report.
        let _ = timeout(PATIENCE, reached).await;
        Ok(self.heard.replace(Heard::new()?))
    }
}

async fn listen(
    visit: Visit,
    heard: Rc<RefCell<Heard>>,
    clock: Instant,
) -> Result<(Visit, subscription::Client), Trouble> {
    let now = visit.catch_up().await?;
    let listener = capnp_rpc::new_client(Listener { heard, clock });
    let subscription = visit.subscribe_after(&now, listener).await?;
    Ok((visit, subscription))
}

fn usize_of(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl Report {
    #[expect(clippy::cast_precision_loss, reason = "counts of a measurement are far below 2^52")]
    fn of(
        arguments: &GroupArguments,
        paced: &Heard,
        burst: &Heard,
        burst_seconds: f64,
        missing: u64,
        cpu_ms: f64,
    ) -> Self {
        let deliveries = burst.count().max(1) as f64;
        Self {
            nodes: arguments.nodes,
            members: arguments.members,
            sessions: arguments.sessions,
            messages: arguments.messages,
            rate: arguments.rate,
            delivery_p50_ms: quantile_ms(paced.latencies(), 0.5),
            delivery_p95_ms: quantile_ms(paced.latencies(), 0.95),
            delivery_p99_ms: quantile_ms(paced.latencies(), 0.99),
            delivery_max_ms: longest_ms(paced.latencies()),
            burst_seconds,
            burst_messages_per_s: f64::from(arguments.messages) / burst_seconds,
            deliveries_per_s: deliveries / burst_seconds,
            missing,
            nodes_cpu_ms_per_1000_deliveries: cpu_ms * 1000.0 / deliveries,
        }
    }

    fn words(&self) -> String {
        format!(
            "{} members, {} sessions listening on {} nodes\n\
             {} messages, {} /s   delivered after p50 {:.1} ms   p95 {:.1} ms   p99 {:.1} ms   max {:.1} ms\n\
             {} at once      {:.1} messages /s   {:.0} deliveries /s   {:.0} ms of the nodes' processors per 1,000\n\
             missing    {}",
            self.members,
            self.sessions,
            self.nodes,
            self.messages,
            self.rate,
            self.delivery_p50_ms,
            self.delivery_p95_ms,
            self.delivery_p99_ms,
            self.delivery_max_ms,
            self.messages,
            self.burst_messages_per_s,
            self.deliveries_per_s,
            self.nodes_cpu_ms_per_1000_deliveries,
            self.missing,
        )
    }
}
