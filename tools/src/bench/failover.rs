//! `raftchatctl bench failover`: two people talk, the leader is killed, again and again.

use std::time::{Duration, Instant};

use clap::Args;
use raftchat_client::{Client, ClientOptions};
use raftchat_schema::error::ErrorCode;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::cluster::init::Strictness;
use crate::failure::Failure;
use crate::scratch::Scratch;
use crate::shell::output::Output;
use crate::talk::{Person, Talk};

/// So many more words of each must get through before a round is over.
const WORDS: usize = 25;
const PATIENCE: Duration = Duration::from_secs(30);

/// How often, on how many nodes.
#[derive(Debug, Args)]
pub(crate) struct FailoverArguments {
    /// How many nodes the cluster has that is made for it
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(3..=9))]
    nodes: u16,
    /// How often the leader is killed
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
}

#[derive(Debug, Serialize)]
struct Round {
    #[serde(rename = "round")]
    number: u32,
    killed: u64,
    ack_gap_ms: u64,
    delivery_gap_ms: u64,
}

#[derive(Debug, Serialize)]
struct Report {
    nodes: u16,
    rounds: Vec<Round>,
    longest_ack_gap_ms: u64,
    longest_delivery_gap_ms: u64,
    messages: usize,
    lost: usize,
    doubled: usize,
}

pub(super) async fn run(arguments: &FailoverArguments, output: Output) -> Result<(), Failure> {
    let mut scratch = Scratch::temporary("raftchat-bench", arguments.nodes, Strictness::Least)?;
    scratch.start()?;
    scratch.ready().await?;
    let report = play(&mut scratch, arguments, output).await;
    scratch.stop().await;
    let report = report?;
    output.answer(&report, || report.words())?;
    if report.lost + report.doubled > 0 {
        return Err(Failure::Failed(format!("{} messages were lost, {} doubled", report.lost, report.doubled)));
    }
    Ok(())
}

async fn play(scratch: &mut Scratch, arguments: &FailoverArguments, output: Output) -> Result<Report, Failure> {
    let (alice, bob) = (person(scratch, "alice").await?, person(scratch, "bob").await?);
    let talk = Talk::begin(&alice, &bob).await?;
    let mut rounds = Vec::new();
    for number in 1..=arguments.rounds {
        goes_on(&talk, Instant::now()).await?;
        let round = kill_the_leader(scratch, &talk, number).await?;
        output.say(&round.words())?;
        rounds.push(round);
        scratch.start()?;
        scratch.ready().await?;
    }
    let ledger = talk.end().await?;
    ledger.compare(&alice.reads_all(&bob).await?).map_err(Failure::Failed)?;
    Ok(Report {
        nodes: arguments.nodes,
        longest_ack_gap_ms: rounds.iter().map(|round| round.ack_gap_ms).max().unwrap_or(0),
        longest_delivery_gap_ms: rounds.iter().map(|round| round.delivery_gap_ms).max().unwrap_or(0),
        rounds,
        messages: ledger.messages(),
        lost: ledger.lost(),
        doubled: ledger.doubled(),
    })
}

async fn kill_the_leader(scratch: &mut Scratch, talk: &Talk, round: u32) -> Result<Round, Failure> {
    let leader = scratch.ready().await?;
    let killed_at = Instant::now();
    scratch.nodes.kill(&[leader]).await;
    goes_on(talk, killed_at).await?;
    let (ledger, now) = (talk.ledger(), Instant::now());
    Ok(Round {
        number: round,
        killed: leader,
        ack_gap_ms: milliseconds(ledger.longest_ack_gap(killed_at, now)),
        delivery_gap_ms: milliseconds(ledger.longest_arrival_gap(killed_at, now)),
    })
}

async fn goes_on(talk: &Talk, since: Instant) -> Result<(), Failure> {
    let fewer = |had| Failure::Failed(format!("in {PATIENCE:?} somebody had {had} of {WORDS} messages confirmed"));
    talk.goes_on(since, WORDS, PATIENCE).await.map_err(fewer)
}

async fn person(scratch: &Scratch, name: &str) -> Result<Person, Failure> {
    let username: raftchat_schema::id::Username =
        name.parse().map_err(|_| Failure::from(ErrorCode::MalformedUsername))?;
    let client =
        Client::start(scratch.profile(name)?, ClientOptions { timeout: PATIENCE, ..ClientOptions::default() })?;
    // The cluster is on this machine alone and gone in a minute.
    let password = Zeroizing::new(format!("{name} of the benchmark"));
    client.register(username.clone(), name.to_owned(), password).await?;
    Ok(Person { name: username, client })
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Round {
    fn words(&self) -> String {
        format!(
            "round {:>3}: node {} killed; nothing confirmed for {} ms, nothing delivered for {} ms",
            self.number, self.killed, self.ack_gap_ms, self.delivery_gap_ms
        )
    }
}

impl Report {
    fn words(&self) -> String {
        format!(
            "{} rounds on {} nodes: longest gap in confirmations {} ms, in deliveries {} ms; \
             {} messages, {} lost, {} doubled",
            self.rounds.len(),
            self.nodes,
            self.longest_ack_gap_ms,
            self.longest_delivery_gap_ms,
            self.messages,
            self.lost,
            self.doubled
        )
    }
}
