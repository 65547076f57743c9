//! A2, B6, B7 and C2: hashing for nobody, guessing, hashing without end, and numbers that spoil an account.

use crate::trial::{Row, in_a_town};

#[tokio::test]
async fn a2_hashes_that_nobody_waits_for_any_more_are_not_many() {
    in_a_town(
        |_| {},
        async |trial| {
            trial.row(Row::of("A2 cancelled hashes", "cancelled-hashes").against_all().hashing()).await;
        },
    )
    .await;
}

#[tokio::test]
async fn b6_strangers_guesses_do_not_keep_the_owner_out() {
    in_a_town(
        |_| {},
        async |trial| {
            let mut row = Row::of("B6 guesses", "guesses").against_all().hashing();
            row.more = vec!["--victim".to_owned(), "carol".to_owned()];
            trial.row(row).await;
            // Neither on the device that she has, as the probes show, nor on a new one.
            let told = trial.on_a_new_device("carol").await;
            trial.must(told.is_ok(), || format!("B6: carol's new device is not let in: {told:?}"));
        },
    )
    .await;
}

#[tokio::test]
async fn b7_one_devices_hashes_do_not_hold_up_others_logins() {
    in_a_town(
        |_| {},
        async |trial| {
            for (name, attack) in [
                ("B7 logins", "logins"),
                ("B7 password changes", "password-changes"),
                ("B7 registrations", "registrations"),
            ] {
                trial.row(Row::of(name, attack).against_all().hashing()).await;
            }
        },
    )
    .await;
}

#[tokio::test]
async fn c2_no_request_number_keeps_an_account_from_ending() {
    in_a_town(
        |_| {},
        async |trial| {
            let said = trial.row(Row::of("C2 request numbers", "request-numbers").hashing()).await;
            let outcomes = said.get("outcomes").and_then(serde_json::Value::as_object).cloned().unwrap_or_default();
            let after: Vec<_> = outcomes.keys().filter(|outcome| outcome.contains("after it")).collect();
            trial.must(after.len() == 9, || format!("C2: not all was tried: {said}"));
            for outcome in after {
                trial.must(outcome.ends_with(": done"), || format!("C2: {outcome}"));
            }
        },
    )
    .await;
}
