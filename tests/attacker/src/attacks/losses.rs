//! A1 and A2: calls in progress when their link ends, or their caller wants them no more.

use std::rc::Rc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::again::over_and_over;
use crate::account::{fresh_name, near_cursor, random, register, resume};
use crate::frames::finish;
use crate::line::Line;
use crate::plan::Plan;
use crate::quic::Door;
use crate::relay::{Passing, Relay};
use crate::report::{Report, Trouble};

/// So many wait for a hash: as many as ever had a place.
const HASHES: u32 = 8;
/// How long a node has to take ten thousand calls. One that takes no more of them is left with what it took.
const SAYING: Duration = Duration::from_millis(600);
/// So many calls are said at once.
const AT_ONCE: u32 = 100;

/// How a link is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    Close,
    Silence,
    Reset,
    End,
}

pub(super) async fn losses(plan: &Plan, report: &mut Report, loss: Loss) -> Result<(), Trouble> {
    for _ in 0..plan.rounds {
        if !plan.goes_on() {
            break;
        }
        match lose_one(plan, report, loss).await {
            Ok(()) => report.count("losses", 1),
            Err(trouble) => {
                report.note("trouble", &trouble);
                sleep(super::again::BREATH).await;
            }
        }
    }
    Ok(())
}

async fn lose_one(plan: &Plan, report: &mut Report, loss: Loss) -> Result<(), Trouble> {
    let relay = match loss {
        Loss::Silence => Some(Relay::before(plan.node, plan.from, Passing::All).await?),
        _ => None,
    };
    let door = Rc::new(Door::of(plan.device()?, plan.from)?);
    let mut line = Line::through(&door, relay.as_ref().map_or(plan.node, Relay::at)).await?;
    for _ in 0..HASHES {
        let question = line.question();
        line.say(&register(question, &fresh_name(), &random::<32>())).await?;
    }
    report.count("hashes_begun", u64::from(HASHES));
    sleep(Duration::from_millis(50)).await;
    let (cursor, token, end) = (near_cursor(plan.device()?), random::<32>(), Instant::now() + SAYING);
    let mut left = plan.calls;
    while left > 0 {
        let now = left.min(AT_ONCE);
        let bytes: Vec<u8> = (0..now).flat_map(|_| resume(line.question(), &token, &cursor)).collect();
        if !line.say_until(&bytes, end).await? {
            report.count("links_that_took_no_more", 1);
            break;
        }
        report.count("calls_said", u64::from(now));
        left -= now;
    }
    sleep(Duration::from_millis(100)).await;
    match loss {
        Loss::Close => line.close(b""),
        Loss::Reset => line.reset(),
        Loss::End => line.finish(),
        Loss::Silence => {
            if let Some(relay) = &relay {
                relay.set(Passing::Nothing);
            }
        }
    }
    if matches!(loss, Loss::Reset | Loss::End) {
        // The stream alone: the link ends a little later.
        sleep(Duration::from_millis(50)).await;
    }
    line.gone().await;
    Ok(())
}

pub(super) async fn cancelled_hashes(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    over_and_over(plan, report, async |mut line, report| {
        while plan.goes_on() {
            let question = line.question();
            line.say(&register(question, &fresh_name(), &random::<32>())).await?;
            sleep(Duration::from_millis(4)).await;
            line.say(&finish(question, true)).await?;
            report.count("cancelled", 1);
        }
        Ok(())
    })
    .await
}
