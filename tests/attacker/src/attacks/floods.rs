//! B1, B6 and B7: calls that are answered, read and finished in good order, and too many of them.

use raftchat_schema::generated::client_capnp::{gateway, session};

use super::again::{Flood, as_somebody, never, over_and_over, refusal_of};
use crate::account::{
    PASSWORD, attend, catch_up, change_password, far_cursor, fresh_name, hello, login, near_cursor, now_number, random,
    register, resume, status,
};
use crate::plan::Plan;
use crate::report::{Report, Trouble};

/// Calls in flight where an answer costs next to nothing.
const MANY: usize = 256;
/// Where it costs a hash.
const SOME: usize = 32;

pub(super) async fn resumes(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    let (token, device) = (random::<32>(), plan.device()?);
    let cursors = [Vec::new(), far_cursor(device), near_cursor(device)];
    over_and_over(plan, report, async |mut line, report| {
        let flood = Flood::of(MANY, refusal_of!(gateway::resume_results::Owned));
        // Some are answered at once, some never, and some might wait.
        flood
            .run(plan, report, &mut line, |question| {
                let cursor = cursors.iter().cycle().nth(question as usize % 3);
                resume(question, &token, cursor.map_or(&[], |cursor| &cursor[..]))
            })
            .await
    })
    .await
}

pub(super) async fn hellos(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    over_and_over(plan, report, async |mut line, report| {
        Flood::of(MANY, never).run(plan, report, &mut line, hello).await
    })
    .await
}

pub(super) async fn statuses(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    over_and_over(plan, report, async |mut line, report| {
        Flood::of(MANY, never).run(plan, report, &mut line, status).await
    })
    .await
}

pub(super) async fn catch_ups(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    as_somebody(plan, report, async |mut line, account, report| {
        let make = |question| catch_up(question, account.session());
        Flood::of(MANY, never).run(plan, report, &mut line, make).await
    })
    .await
}

pub(super) async fn attends(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    as_somebody(plan, report, async |mut line, account, report| {
        let make = |question| attend(question, account.session(), question % 2);
        Flood::of(MANY, never).run(plan, report, &mut line, make).await
    })
    .await
}

pub(super) async fn guesses(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    let refusal = refusal_of!(gateway::login_results::Owned);
    over_and_over(plan, report, async |mut line, report| {
        let make = |question| login(question, &plan.victim, &format!("guess {question}"), &random::<32>());
        Flood::of(4, refusal).run(plan, report, &mut line, make).await
    })
    .await
}

pub(super) async fn logins(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    as_somebody(plan, report, async |mut line, account, report| {
        let make = |question| login(question, &account.name, PASSWORD, &random::<32>());
        Flood::of(SOME, refusal_of!(gateway::login_results::Owned)).run(plan, report, &mut line, make).await
    })
    .await
}

pub(super) async fn registrations(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    over_and_over(plan, report, async |mut line, report| {
        let make = |question| register(question, &fresh_name(), &random::<32>());
        Flood::of(SOME, refusal_of!(gateway::register_results::Owned)).run(plan, report, &mut line, make).await
    })
    .await
}

pub(super) async fn password_changes(plan: &Plan, report: &mut Report) -> Result<(), Trouble> {
    as_somebody(plan, report, async |mut line, account, report| {
        // Every other one with a wrong old password.
        let make = |question| {
            let old = if question % 2 == 0 { PASSWORD } else { "another" };
            change_password(question, account.session(), now_number(), old, PASSWORD)
        };
        Flood::of(SOME, refusal_of!(session::change_password_results::Owned)).run(plan, report, &mut line, make).await
    })
    .await
}
