//! An attacker: one device certificate, and everything that can be said with it. QUIC and the frames of Cap'n Proto RPC by
//! hand, thousands of calls in flight, nothing awaited that a decent client would await.
//!
//! `attacker ATTACK --device DIR --node ADDRESS --seconds 5` does it to each of the nodes at once, ends by itself, and prints
//! one line of JSON of what it did. It never looks at what it does to the nodes: that is the trials' business
//! (`tests/tests/attacks`). What it is allowed to name and others are not is in `.ci/borders`.

mod account;
mod attacks;
mod frames;
mod line;
mod plan;
mod quic;
mod relay;
mod report;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tokio::time::Instant;

use crate::attacks::Attack;
use crate::plan::Plan;
use crate::quic::Device;
use crate::report::{Report, Trouble};

/// Runs so much behind everybody else: an attacker has a machine of its own, and what it computes must not count as harm.
const NICENESS: i32 = 10;
/// How long after its time an attack that hangs is given up.
const OVERTIME: Duration = Duration::from_secs(20);

#[derive(Debug, Parser)]
#[command(name = "attacker", about = "Attacks the nodes of a cluster that was made for it")]
struct Arguments {
    /// What to do.
    #[arg(value_enum)]
    attack: Attack,
    /// The certificate directory of a device; several for several devices.
    #[arg(long, required = true)]
    device: Vec<PathBuf>,
    /// Where a node waits for devices; several for several nodes, which are attacked at the same time.
    #[arg(long, required = true)]
    node: Vec<SocketAddr>,
    /// Of which address of this machine: who shares it with others shares what an address may do.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::UNSPECIFIED))]
    from: IpAddr,
    /// For how long.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Whose account is meant, if somebody's is.
    #[arg(long, default_value = "alice")]
    victim: String,
    /// How often at most, where an attack is done in rounds.
    #[arg(long, default_value_t = u64::MAX)]
    rounds: u64,
    /// How many calls are in progress when a link is lost.
    #[arg(long, default_value_t = 10_000)]
    calls: u32,
}

/// The whole program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Who may not be nicer is not.
    let _ = rustix::process::nice(NICENESS);
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let outcome = tokio::task::LocalSet::new().block_on(&runtime, run(arguments));
    // A link that is being given up is not waited for.
    runtime.shutdown_background();
    match outcome {
        Ok(report) => {
            println!("{}", report.into_json());
            ExitCode::SUCCESS
        }
        Err(trouble) => failed(trouble.as_ref()),
    }
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("attacker: {error}");
    ExitCode::FAILURE
}

async fn run(arguments: Arguments) -> Result<Report, Trouble> {
    let devices: Vec<_> = arguments.device.iter().map(|home| Device::load(home)).collect::<Result<_, _>>()?;
    let time = Duration::from_secs(arguments.seconds);
    let until = Instant::now() + time;
    let mut attacks = tokio::task::JoinSet::new();
    for node in arguments.node {
        let (attack, devices, victim) = (arguments.attack, devices.clone(), arguments.victim.clone());
        let (from, rounds, calls) = (arguments.from, arguments.rounds, arguments.calls);
        let plan = Plan { node, from, devices, until, victim, rounds, calls };
        attacks.spawn_local(async move {
            let mut report = Report::default();
            let in_time = tokio::time::timeout(time + OVERTIME, attack.run(&plan, &mut report)).await;
            match in_time {
                Ok(Ok(())) => {}
                Ok(Err(trouble)) => report.note("trouble", &trouble),
                Err(_elapsed) => report.count("hung", 1),
            }
            report
        });
    }
    let mut all = Report::default();
    while let Some(report) = attacks.join_next().await {
        all.add(report?);
    }
    Ok(all)
}
