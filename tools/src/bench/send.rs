//! `raftchatctl bench send`: many people who talk in pairs as fast as they are answered.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use tokio::time::sleep;

use super::arena::{Arena, ArenaArguments};
use super::door;
use super::load::{Afterwards, Crowd, Load, Phase};
use super::measure;
use super::tally::{Tally, longest_ms, quantile_ms};
use crate::failure::Failure;
use crate::shell::output::Output;
use crate::shell::text::hex;

const WARM_UP: Duration = Duration::from_secs(1);

/// How large a load on what.
#[derive(Debug, Args)]
pub(crate) struct SendArguments {
    #[command(flatten)]
    arena: ArenaArguments,
    /// How many users send, each one message at a time
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    senders: u16,
    /// How many users are shown what was said
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    receivers: u16,
    /// Length of a text
    #[arg(long, value_name = "BYTES", default_value_t = 200, value_parser = clap::value_parser!(u32).range(20..=60_000))]
    size: u32,
    /// How long to measure, after a second of warming up
    #[arg(long, value_name = "S", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

impl SendArguments {
    fn crowd(&self, arena: &Arena) -> Result<Crowd, Failure> {
        let secret = door::random().map_err(|trouble| Failure::System(trouble.to_string()))?;
        let hex = hex(&secret);
        let (name, password) = hex.split_at(8);
        Ok(Crowd {
            users: usize::from(self.senders.max(self.receivers)).next_multiple_of(2),
            senders: self.senders.into(),
            receivers: self.receivers.into(),
            size: usize::try_from(self.size).unwrap_or(usize::MAX),
            name: format!("bench-{name}"),
            password: password.to_owned(),
            afterwards: if arena.is_thrown_away() { Afterwards::ThrownAway } else { Afterwards::Deleted },
        })
    }
}

pub(super) async fn run(arguments: &SendArguments, output: Output) -> Result<(), Failure> {
    super::measure::allow_many_files(u64::from(arguments.senders.max(arguments.receivers)))?;
    let arena = Arena::open(&arguments.arena).await?;
    let crowd = arguments.crowd(&arena)?;
    let threads = std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
    let mut load = Load::start(&arena.access, crowd, threads)?;
    load.all_are_there().await?;
    load.enter(Phase::Opening);
    load.all_are_there().await?;
    load.enter(Phase::WarmingUp);
    sleep(WARM_UP).await;
    let before = Readings::take(&arena)?;
    load.enter(Phase::Measuring);
    sleep(Duration::from_secs(arguments.seconds)).await;
    let tally_end = Readings::take(&arena)?;
    let tally = load.end().await?;
    arena.close().await;
    let report = Report::of(arguments, &tally, &before, &tally_end);
    output.answer(&report, || report.words(&tally))
}

/// What everything has taken up to a moment.
struct Readings {
    at: Instant,
    nodes_cpu_seconds: f64,
    load_cpu_seconds: f64,
    disk_bytes: u64,
    nodes_are_ours: bool,
}

impl Readings {
    fn take(arena: &Arena) -> Result<Self, Failure> {
        let data: Vec<PathBuf> = arena.data()?;
        Ok(Self {
            at: Instant::now(),
            nodes_cpu_seconds: arena.pids().values().map(|pid| measure::cpu_seconds(*pid)).sum(),
            load_cpu_seconds: measure::cpu_seconds(std::process::id()),
            disk_bytes: data.iter().map(|dir| measure::disk_bytes(dir)).sum(),
            nodes_are_ours: arena.is_thrown_away(),
        })
    }
}

/// The figures. Those about the nodes are known only where they are children of ours.
#[derive(Debug, Serialize)]
struct Report {
    senders: u16,
    receivers: u16,
    size: u32,
    seconds: f64,
    acked: u64,
    acked_per_s: f64,
    ack_p50_ms: f64,
    ack_p99_ms: f64,
    ack_max_ms: f64,
    delivered: u64,
    delivered_per_s: f64,
    delivery_p50_ms: f64,
    delivery_p99_ms: f64,
    nodes_cpu_s_per_10k: Option<f64>,
    load_cpu_s: f64,
    /// Over all nodes together.
    disk_bytes_per_message: Option<f64>,
    errors: u64,
}

impl Report {
    #[expect(clippy::cast_precision_loss, reason = "counts of a measurement are far below 2^52")]
    fn of(arguments: &SendArguments, tally: &Tally, before: &Readings, after: &Readings) -> Self {
        let seconds = after.at.duration_since(before.at).as_secs_f64();
        let (acked, delivered) = (tally.acks.len(), tally.deliveries.len());
        let of_ours = |figure: f64| (before.nodes_are_ours && acked > 0).then(|| figure / acked as f64);
        let grown = after.disk_bytes.saturating_sub(before.disk_bytes);
        Self {
            senders: arguments.senders,
            receivers: arguments.receivers,
            size: arguments.size,
            seconds,
            acked,
            acked_per_s: acked as f64 / seconds,
            ack_p50_ms: quantile_ms(&tally.acks, 0.5),
            ack_p99_ms: quantile_ms(&tally.acks, 0.99),
            ack_max_ms: longest_ms(&tally.acks),
            delivered,
            delivered_per_s: delivered as f64 / seconds,
            delivery_p50_ms: quantile_ms(&tally.deliveries, 0.5),
            delivery_p99_ms: quantile_ms(&tally.deliveries, 0.99),
            nodes_cpu_s_per_10k: of_ours((after.nodes_cpu_seconds - before.nodes_cpu_seconds) * 10_000.0),
            load_cpu_s: after.load_cpu_seconds - before.load_cpu_seconds,
            disk_bytes_per_message: of_ours(grown as f64),
            errors: tally.error_count(),
        }
    }

    fn words(&self, tally: &Tally) -> String {
        let known =
            |figure: Option<f64>| figure.map_or_else(|| "not known".to_owned(), |figure| format!("{figure:.1}"));
        let mut words = format!(
            "{} senders, {} receivers, {} bytes, {:.1} s\n\
             confirmed  {:>9}  {:>9.0} /s   p50 {:.1} ms   p99 {:.1} ms   max {:.1} ms\n\
             delivered  {:>9}  {:>9.0} /s   p50 {:.1} ms   p99 {:.1} ms\n\
             processor  nodes {} s per 10,000 messages, load {:.1} s\n\
             disk       {} bytes a message, over all nodes\n\
             errors     {}",
            self.senders,
            self.receivers,
            self.size,
            self.seconds,
            self.acked,
            self.acked_per_s,
            self.ack_p50_ms,
            self.ack_p99_ms,
            self.ack_max_ms,
            self.delivered,
            self.delivered_per_s,
            self.delivery_p50_ms,
            self.delivery_p99_ms,
            known(self.nodes_cpu_s_per_10k),
            self.load_cpu_s,
            known(self.disk_bytes_per_message),
            self.errors,
        );
        for (told, count) in &tally.errors {
            // Writing to a string cannot fail.
            let _ = write!(words, "\n  {count:>6} × {told}");
        }
        words
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use clap::Parser;

    use super::*;
    use crate::bench::tally::record;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        send: SendArguments,
    }

    fn readings(at: Instant, cpu: f64, disk_bytes: u64, nodes_are_ours: bool) -> Readings {
        Readings { at, nodes_cpu_seconds: cpu, load_cpu_seconds: cpu, disk_bytes, nodes_are_ours }
    }

    #[test]
    fn figures_are_per_second_and_per_message() {
        let arguments = Program::parse_from(["send", "--seconds", "2"]).send;
        let mut tally = Tally::new().unwrap();
        for _ in 0..1000 {
            record(&mut tally.acks, Duration::from_millis(2));
        }
        let start = Instant::now();
        let end = start + Duration::from_secs(2);
        let report = Report::of(&arguments, &tally, &readings(start, 1.0, 0, true), &readings(end, 2.0, 500_000, true));
        assert!((report.acked_per_s - 500.0).abs() < 1e-6);
        assert!((report.nodes_cpu_s_per_10k.unwrap() - 10.0).abs() < 1e-6);
        assert!((report.disk_bytes_per_message.unwrap() - 500.0).abs() < 1e-6);
        let foreign = Report::of(&arguments, &tally, &readings(start, 0.0, 0, false), &readings(end, 0.0, 0, false));
        assert_eq!((foreign.nodes_cpu_s_per_10k, foreign.disk_bytes_per_message), (None, None));
        assert!(report.words(&tally).contains("errors     0"));
    }
}
