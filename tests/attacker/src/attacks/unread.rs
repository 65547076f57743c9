//! A3: answers that nobody reads, and answers that nobody says are done with.

use raftchat_schema::generated::client_capnp::conversation;

use super::again::{Flood, as_somebody, over_and_over, refusal_of};
use crate::account::{conversation_of, hello, history, send};
use crate::frames::{self, Question};
use crate::line::Saying;
use crate::plan::Plan;
use crate::report::{Report, Trouble};

/// So many calls are said at once.
const AT_ONCE: u32 = 200;
/// No attack calls more often than that.
const CALLS_MAX: u64 = 2_000_000;
/// The messages whose pages are asked for.
const MESSAGE_BYTES: usize = 60_000;
const MESSAGES: usize = 40;

/// Says calls without end; when no more are taken, holds the link to the end of the time.
async fn pour(
    plan: &Plan,
    report: &mut Report,
    mut saying: Saying,
    mut last: Question,
    make: impl Fn(Question) -> Vec<u8>,
) -> Result<(), Trouble> {
    let mut said = 0;
    while plan.goes_on() && said < CALLS_MAX {
        let bytes: Vec<u8> = (0..AT_ONCE)
            .flat_map(|_| {
                last = last.wrapping_add(1);
                make(last)
            })
            .collect();
        if !saying.say_until(&bytes, plan.until).await? {
            report.count("links_that_took_no_more", 1);
            break;
        }
        said += u64::from(AT_ONCE);
        report.count("calls", u64::from(AT_ONCE));
    }
    tokio::select! {
        _ = saying.connection.closed() => {}
        () = tokio::time::sleep_until(plan.until) => {}
    }
    Ok(())
}

pub(super) async fn hello_unread(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    over_and_over(plan, report, async |line, report| pour(plan, report, line.leave_unread(), 0, hello).await).await
}

pub(super) async fn hello_unfinished(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    over_and_over(plan, report, async |line, report| pour(plan, report, line.read_and_forget(), 0, hello).await).await
}

pub(super) async fn bootstraps(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    over_and_over(plan, report, async |line, report| {
        pour(plan, report, line.read_and_forget(), 0, frames::bootstrap).await
    })
    .await
}

pub(super) async fn history_unread(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    let mut written = false;
    as_somebody(plan, report, async |mut line, account, report| {
        let group = account.own_group(&mut line).await?;
        if !written {
            let payload = vec![b'x'; MESSAGE_BYTES];
            for _ in 0..MESSAGES {
                let flood = Flood::of(1, refusal_of!(conversation::send_results::Owned));
                let question = line.question();
                line.say(&send(question, conversation_of(group), &payload, &[])).await?;
                flood.judge(&line.answer(question).await?, report);
            }
            written = true;
        }
        let last = line.question();
        pour(plan, report, line.leave_unread(), last, |question| history(question, conversation_of(group), 100)).await
    })
    .await
}
