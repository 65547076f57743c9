//! `raftchatctl bench catchup`: a device comes back after many changes, over a node that it has not met, and what that
//! costs. It should depend on what changed alone, not on what there is.

mod returner;

use std::time::Instant;

use clap::Args;
use futures::stream::{self, StreamExt};
use raftchat_schema::generated::client_capnp::conversation;
use serde::Serialize;
use tokio::task::LocalSet;

use self::returner::{Account, Returner};
use super::arena::Arena;
use super::crowd::set_up;
use super::door::{self, Door, Token, Visit, patiently, say};
use super::stamp::stamped;
use crate::failure::Failure;
use crate::shell::output::Output;
use crate::shell::text::hex;

/// Length of a text, in bytes.
const TEXT_BYTES: usize = 200;
/// So many messages are on their way at a time while the conversation is filled.
const AT_ONCE: usize = 256;

/// How much there is, and how much was missed.
#[derive(Debug, Args)]
pub(crate) struct CatchupArguments {
    /// How many nodes the cluster has that is made for it
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(2..=9))]
    nodes: u16,
    /// How many messages the conversation has when the device goes away: measured at each of these, from low to high
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1000_u32, 100_000])]
    stored: Vec<u32>,
    /// How many messages the device misses
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    missed: u32,
}

/// What coming back took.
#[derive(Debug, Serialize)]
struct Report {
    stored: u64,
    missed: u32,
    changes: u64,
    seconds: f64,
    changes_per_s: f64,
    /// Of Cap'n Proto, without what QUIC adds.
    bytes_received: u64,
    bytes_per_change: f64,
    lost: u64,
    repeated: u64,
}

pub(super) async fn run(arguments: &CatchupArguments, output: Output) -> Result<(), Failure> {
    if !arguments.stored.is_sorted() {
        return Err(Failure::Usage("--stored goes from low to high: what is stored stays".to_owned()));
    }
    let arena = Arena::make(arguments.nodes).await?;
    let measured = LocalSet::new().run_until(measure_all(&arena, arguments, output)).await;
    arena.close().await;
    measured
}

async fn measure_all(arena: &Arena, arguments: &CatchupArguments, output: Output) -> Result<(), Failure> {
    let mut pair = Pair::meet(arena).await?;
    for (round, stored) in (1..).zip(&arguments.stored) {
        pair.fill_up_to(u64::from(*stored)).await?;
        let report = pair.miss(arguments.missed, round).await?;
        output.answer(&report, || report.words())?;
        if report.lost + report.repeated > 0 {
            let told = format!("{} messages did not come, {} came again", report.lost, report.repeated);
            return Err(Failure::Failed(told));
        }
    }
    Ok(())
}

/// Who speaks, and who is away.
struct Pair {
    door: Door,
    _speaker: Visit,
    conversation: conversation::Client,
    away: Token,
    clock: Instant,
    /// Messages in the conversation.
    stored: u64,
}

impl Pair {
    async fn meet(arena: &Arena) -> Result<Self, Failure> {
        let door = Door::new(arena.access.clone()).map_err(|error| Failure::System(error.to_string()))?;
        let (spoken, away) = (door::random().map_err(set_up)?, door::random().map_err(set_up)?);
        let hex = hex(&door::random().map_err(set_up)?);
        let (name, password) = hex.split_at(8);
        let (alice, bob) = (format!("alice-{name}"), format!("bob-{name}"));
        let register = async |name: &str, token: &Token| {
            patiently(async || door.register(0, name, password, token).await).await.map_err(set_up)
        };
        let speaker = register(&alice, &spoken).await?;
        register(&bob, &away).await?;
        let conversation = speaker.direct(&bob).await.map_err(set_up)?;
        Ok(Self { door, _speaker: speaker, conversation, away, clock: Instant::now(), stored: 0 })
    }

    async fn fill_up_to(&mut self, stored: u64) -> Result<(), Failure> {
        self.speak(stored.saturating_sub(self.stored)).await
    }

    async fn speak(&mut self, messages: u64) -> Result<(), Failure> {
        let speak = |_| patiently(async || say(&self.conversation, stamped(self.clock.elapsed(), TEXT_BYTES)).await);
        let mut sending = stream::iter(0..messages).map(speak).buffer_unordered(AT_ONCE);
        while let Some(sent) = sending.next().await {
            sent.map_err(set_up)?;
        }
        drop(sending);
        self.stored = self.stored.saturating_add(messages);
        Ok(())
    }

    /// The device goes, so much is said, and it comes back over another node.
    async fn miss(&mut self, missed: u32, node: usize) -> Result<Report, Failure> {
        let stored = self.stored;
        let last_seen = self.door.resume(0, &self.away).await.map_err(set_up)?.catch_up().await.map_err(set_up)?;
        self.speak(u64::from(missed)).await?;
        // Every node is to have it before time is taken: how fast they follow is another question.
        self.door.resume(node, &self.away).await.map_err(set_up)?.catch_up().await.map_err(set_up)?;

        let began = Instant::now();
        let failed = |trouble| Failure::Failed(format!("the device could not come back: {trouble}"));
        let visit = self.door.resume(node, &self.away).await.map_err(failed)?;
        let (returner, caught_up) = Returner::after(stored);
        let subscription = visit.subscribe_after(&last_seen, capnp_rpc::new_client(returner)).await.map_err(failed)?;
        let account = caught_up.await.map_err(|_| Failure::Failed("the subscription has ended".to_owned()))?;
        let seconds = began.elapsed().as_secs_f64();
        drop(subscription);
        Ok(Report::of(stored, missed, &account, seconds))
    }
}

impl Report {
    #[expect(clippy::cast_precision_loss, reason = "counts of a measurement are far below 2^52")]
    fn of(stored: u64, missed: u32, account: &Account, seconds: f64) -> Self {
        let changes = account.changes.max(1) as f64;
        Self {
            stored,
            missed,
            changes: account.changes,
            seconds,
            changes_per_s: changes / seconds,
            bytes_received: account.bytes,
            bytes_per_change: account.bytes as f64 / changes,
            lost: u64::from(missed).saturating_sub(account.messages),
            repeated: account.repeated,
        }
    }

    fn words(&self) -> String {
        format!(
            "with {} stored, {} missed: {} changes in {:.2} s, {:.0} /s; {} bytes, {:.0} a change; {} lost, {} repeated",
            self.stored,
            self.missed,
            self.changes,
            self.seconds,
            self.changes_per_s,
            self.bytes_received,
            self.bytes_per_change,
            self.lost,
            self.repeated,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_come_is_lost() {
        let account = Account { changes: 12, messages: 9, repeated: 1, bytes: 2400 };
        let report = Report::of(100, 10, &account, 2.0);
        assert_eq!((report.lost, report.repeated, report.bytes_received), (1, 1, 2400));
        assert!((report.changes_per_s - 6.0).abs() < 1e-9 && (report.bytes_per_change - 200.0).abs() < 1e-9);
    }
}
