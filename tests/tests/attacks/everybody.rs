//! A4, B4 and B8: what somebody with an account can make everybody else's nodes and devices do.

use std::time::Duration;

use futures::StreamExt as _;
use raftchat_tests::people::Person;

use crate::trial::{Row, in_a_town, seconds};

/// How many people there are whom a group of everybody is made of.
fn crowd() -> usize {
    if seconds() >= 30 { 997 } else { 197 }
}

#[tokio::test]
async fn a4_groups_of_everybody_again_and_again_cost_their_maker() {
    in_a_town(
        |config| {
            config.limits.registrations_per_minute = 0;
        },
        async |trial| {
            let town = &trial.town;
            let newcomers = (0..crowd()).map(|number| async move {
                let name = format!("resident{number}");
                let device = town.cluster.device(&name);
                Person::on(&name, &device, None).register().await;
            });
            futures::stream::iter(newcomers).buffer_unordered(8).collect::<Vec<()>>().await;
            trial.again_quiet().await;
            let mut row = Row::of("A4 groups of everybody", "groups");
            // The rows of those groups that are due.
            row.beside_mib = 24.0;
            // What an account may make in an hour is made in the first moment, and that is a good part of a short trial.
            row.ack_floor = Duration::from_millis(600);
            trial.row(row).await;
        },
    )
    .await;
}

#[tokio::test]
async fn b4_coming_and_going_is_not_told_each_time() {
    in_a_town(
        |_| {},
        async |trial| {
            trial.row(Row::of("B4 coming and going", "flapping")).await;
        },
    )
    .await;
}

#[tokio::test]
async fn b8_the_largest_messages_at_full_rate_have_an_end() {
    in_a_town(
        |_| {},
        async |trial| {
            let mut row = Row::of("B8 messages of 64 KiB", "big-sends");
            // What is stored, some 64 MiB an hour, passes through the tables of log and state in memory, and no further: after
            // 30 s a node has 65 MiB more, and after 60 s no more than that.
            row.beside_mib = 96.0;
            trial.row(row).await;
        },
    )
    .await;
}
