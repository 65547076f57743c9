//! A1, A3, B1, B2 and what was withstood: calls in progress, answers unread, calls without end, frames that are none.

use std::time::Duration;

use crate::trial::{Row, in_a_town, seconds};

/// How many links are lost in a short trial, of each kind, and in a long one.
fn losses() -> u64 {
    if seconds() >= 30 { 100 } else { 4 }
}

/// How often it is looked whether every place is free.
const LOOKS: usize = 40;

#[tokio::test]
async fn a1_links_that_are_lost_with_ten_thousand_calls_in_progress_leave_nothing_behind() {
    in_a_town(
        |_| {},
        async |trial| {
            for (name, attack) in [
                ("A1 closed", "loss-by-close"),
                ("A1 fallen silent", "loss-by-silence"),
                ("A1 stream reset", "loss-by-reset"),
                ("A1 stream ended", "loss-by-end"),
            ] {
                let mut row = Row::of(name, attack).against_all().hashing();
                row.more = vec!["--rounds".to_owned(), losses().to_string()];
                // It ends when all are lost.
                row.seconds = Some(3 * losses());
                // A link that fell silent is there until its time is over, and there is one a round.
                row.links = if attack == "loss-by-silence" { 16 } else { 2 };
                trial.tell_beside_another_cluster(&row).await;
                let said = trial.row(row).await;
                let count = |said: Option<&serde_json::Value>| said.and_then(serde_json::Value::as_u64).unwrap_or(0);
                // Lost by the attacker, or by the node, which ends the link of who is refused and does not wait.
                let ended = said.get("trouble").and_then(|trouble| trouble.get("connection lost"));
                let lost = count(said.get("losses")) + count(ended);
                trial.must(lost > 0, || format!("{name}: no link was lost: {said}"));
                // Hashes of carol's logins come and go.
                let mut held = trial.held(&["hashes"]).await;
                for _ in 0..LOOKS {
                    if held.is_empty() {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    held = trial.held(&["hashes"]).await;
                }
                trial.must(held.is_empty(), || format!("{name}: {}", held.join(", ")));
            }
        },
    )
    .await;
}

#[tokio::test]
async fn a3_answers_unread_or_unfinished_are_not_kept_without_bound() {
    in_a_town(
        |_| {},
        async |trial| {
            trial.row(Row::of("A3 hello unread", "hello-unread")).await;
            trial.row(Row::of("A3 hello unfinished", "hello-unfinished")).await;
            let mut bootstraps = Row::of("A3 bootstrap under new numbers", "bootstraps");
            // Each link is closed soon, and the next is there before the last is all given back.
            bootstraps.links = 4;
            trial.row(bootstraps).await;
            let mut history = Row::of("A3 history unread", "history-unread");
            // The messages themselves pass through tables and caches.
            history.beside_mib = 16.0;
            trial.row(history).await;
        },
    )
    .await;
}

#[tokio::test]
async fn b1_calls_without_end_are_not_others_business() {
    in_a_town(
        |_| {},
        async |trial| {
            for (name, attack) in [
                ("B1 resume", "resumes"),
                ("B1 hello", "hellos"),
                ("B1 status", "statuses"),
                ("B1 catchUp", "catch-ups"),
                ("B1 attend", "attends"),
            ] {
                trial.row(Row::of(name, attack)).await;
            }
        },
    )
    .await;
}

#[tokio::test]
async fn b2_subscriptions_have_an_end() {
    in_a_town(
        |_| {},
        async |trial| {
            trial.row(Row::of("B2 subscriptions", "subscriptions")).await;
        },
    )
    .await;
}

#[tokio::test]
async fn frames_that_are_none_or_never_end_cost_their_own_link() {
    in_a_town(
        |_| {},
        async |trial| {
            let mut begun = Row::of("begun frames, 300 links", "begun-frames");
            // Not more than that of a device are let in.
            begun.links = 16;
            trial.row(begun).await;
            let mut malformed = Row::of("malformed frames", "malformed").against_all();
            malformed.links = 8;
            malformed.seconds = Some(Duration::from_secs(20).as_secs());
            let said = trial.row(malformed).await;
            let answered = said.get("answers_after_all").and_then(serde_json::Value::as_u64);
            trial.must(answered == Some(3), || format!("not every node answers after all frames: {said}"));
        },
    )
    .await;
}
