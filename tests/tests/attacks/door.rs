//! B3 and B5: what is done at the door, by those who have no certificate, too.

use crate::trial::{Row, in_a_town};

#[tokio::test]
async fn b3_strangers_words_make_no_line_in_the_log_and_do_nothing_to_a_terminal() {
    in_a_town(
        |_| {},
        async |trial| {
            let mut row = Row::of("B3 forged reasons", "forged-reasons").against_all();
            row.links = 4;
            trial.row(row).await;
            for node in 1..=3 {
                let log = trial.town.cluster.log(node);
                let forged =
                    log.lines().find(|line| line.starts_with("2026-11-30T00:00:00.000000Z")).map(str::to_owned);
                trial.must(forged.is_none(), || format!("B3: node {node} has a line that it never wrote: {forged:?}"));
                let control = log.chars().find(|sign| sign.is_control() && *sign != '\n' || *sign == '\u{202e}');
                trial.must(control.is_none(), || format!("B3: node {node} has {control:?} in its log"));
                let long = log.lines().filter(|line| line.contains("FORGED")).map(str::len).max().unwrap_or(0);
                trial.must(long < 600, || format!("B3: node {node} has a line of {long} bytes of a stranger's"));
                println!("| B3 | node {node} | {} bytes of log |", log.len());
            }
        },
    )
    .await;
}

#[tokio::test]
async fn b5_handshakes_that_hang_take_nobodys_place() {
    in_a_town(
        |_| {},
        async |trial| {
            trial.newcomers_while(Row::of("B5 hanging handshakes", "hanging-handshakes")).await;
            let stale = Row::of("B5 stale first packets", "stale-initials");
            trial.quiet_beside(&stale).await;
            trial.newcomers_while(stale).await;
        },
    )
    .await;
}
