//! A4, B2, B4, B8 and C2: what somebody with an account does to everybody else with a little of it.

use std::time::Duration;

use raftchat_schema::generated::client_capnp::{conversation, gateway, session};

use super::again::{Flood, another_name, as_somebody, ask, refusal_of};
use crate::account::{
    Account, PASSWORD, change_password, conversation_of, create_group, end_other_sessions, logout, now_number,
    rename_self, resume, send,
};
use crate::frames::{self, ReceiverAt};
use crate::line::Line;
use crate::plan::Plan;
use crate::report::{Report, Trouble};

/// Groups asked for at the same time.
const GROUPS_IN_FLIGHT: usize = 50;
/// Subscriptions said at once.
const SUBSCRIPTIONS_AT_ONCE: u32 = 100;
/// And in all.
const SUBSCRIPTIONS_MAX: u32 = 20_000;
/// A little less than the largest payload there may be.
const PAYLOAD_BYTES: usize = 64 * 1024;

pub(super) async fn groups(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    as_somebody(plan, report, async |mut line, account, report| {
        let everybody = account.everybody(&mut line).await?;
        report.note("members", &everybody.len());
        let make = |question| create_group(question, account.session(), now_number(), &everybody);
        let refusal = refusal_of!(session::perform_results::Owned);
        Flood::of(GROUPS_IN_FLIGHT, refusal).run(plan, report, &mut line, make).await
    })
    .await
}

pub(super) async fn subscriptions(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    as_somebody(plan, report, async |mut line, account, report| {
        let mut made = 0;
        while plan.goes_on() && made < SUBSCRIPTIONS_MAX {
            let mut said = Vec::new();
            let first = line.question();
            for at in 0..SUBSCRIPTIONS_AT_ONCE {
                let question = if at == 0 { first } else { line.question() };
                said.extend(frames::subscribe(question, account.session(), ReceiverAt::Here(question)));
                // The number is free again; the subscription stays.
                said.extend(frames::finish(question, false));
            }
            line.say(&said).await?;
            made += SUBSCRIPTIONS_AT_ONCE;
            report.count("subscriptions", u64::from(SUBSCRIPTIONS_AT_ONCE));
            // Changes to be told to each.
            let refusal = refusal_of!(session::perform_results::Owned);
            let number = now_number();
            ask(&mut line, report, "rename", refusal, |question| {
                rename_self(question, account.session(), number, &another_name())
            })
            .await?;
        }
        wait_for_the_end(plan, &line).await;
        Ok(())
    })
    .await
}

async fn wait_for_the_end(plan: &Plan, line: &Line) {
    tokio::select! {
        _ = line.connection.closed() => {}
        () = tokio::time::sleep_until(plan.until) => {}
    }
}

pub(super) async fn flapping(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    as_somebody(plan, report, async |mut line, account, report| {
        // The session that came with the account is let go, too.
        line.say(&frames::finish(account.question, true)).await?;
        let make = |question| resume(question, &account.token, &[]);
        Flood::of(1, refusal_of!(gateway::resume_results::Owned)).run(plan, report, &mut line, make).await
    })
    .await
}

pub(super) async fn big_sends(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    let payload = vec![b'x'; PAYLOAD_BYTES];
    as_somebody(plan, report, async |mut line, account, report| {
        let group = account.own_group(&mut line).await?;
        let make = |question| send(question, conversation_of(group), &payload, &[]);
        let refusal = refusal_of!(conversation::send_results::Owned);
        Flood::of(16, refusal).run(plan, report, &mut line, make).await
    })
    .await
}

/// An account for each number: what the number spoils is spoilt for good.
pub(super) async fn request_numbers(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    const DAY: u64 = 24 * 3600 * 1_000_000_000;
    let cases =
        [("the highest", u64::MAX), ("the highest but one", u64::MAX - 1), ("in two days", now_number() + 2 * DAY)];
    for (what, number) in cases {
        let mut line = Line::to(plan).await?;
        let account = Account::new(&mut line).await?;
        let who = account.session();
        let refusal = refusal_of!(session::perform_results::Owned);
        let asked = format!("{what}: rename");
        ask(&mut line, report, &asked, refusal, |question| rename_self(question, who, number, "mallory")).await?;
        // A decent act after it.
        tokio::time::sleep(Duration::from_millis(2)).await;
        let refusal = refusal_of!(session::perform_results::Owned);
        ask(&mut line, report, &format!("{what}: end-other-sessions after it"), refusal, |question| {
            end_other_sessions(question, who, now_number())
        })
        .await?;
        let refusal = refusal_of!(session::change_password_results::Owned);
        ask(&mut line, report, &format!("{what}: change-password after it"), refusal, |question| {
            change_password(question, who, now_number(), PASSWORD, PASSWORD)
        })
        .await?;
        let refusal = refusal_of!(session::perform_results::Owned);
        ask(&mut line, report, &format!("{what}: logout after it"), refusal, |question| {
            logout(question, &account, now_number())
        })
        .await?;
        line.close(b"");
    }
    Ok(())
}
