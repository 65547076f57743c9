//! A long way with much lost, on which nothing happens: how often a device takes its node for gone all the same.

use std::time::{Duration, Instant};

use raftchat_tests::measure::Figures;
use raftchat_tests::network::post::Weather;

use super::{Setting, Stage, node_of, on_a_stage};
use crate::number;

#[test]
fn far_away_and_nothing_happens() {
    let seconds = number("RAFTCHAT_SOAK_SECONDS", 10);
    let weather = Weather {
        delay: Duration::from_millis(100),
        jitter: Duration::from_millis(5),
        lost_per_mille: 50,
        ..Weather::default()
    };
    on_a_stage("soak at 200 ms, 5 % lost", Setting::Relayed(weather), async |stage| {
        let leader = stage.cluster.serving(3).await;
        let [node, speaks_over] = Stage::others(leader);
        let live = stage.live(node, speaks_over, "soak", None).await;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(seconds) {
            live.speaker.more(1).await;
        }
        let client = live.client.clone();
        let lived = live.end(begun).await;
        let mut figures = Figures::default();
        lived.add_to(&mut figures, begun);
        figures.count("seconds", begun.elapsed().as_secs());
        figures.count("still_on_the_same_node", u64::from(node_of(&client.link().borrow()) == Some(node)));
        figures.tell("soak at 200 ms, 5 % lost");
    });
}
