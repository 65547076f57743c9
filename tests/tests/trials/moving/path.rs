//! The device's own address changes, while its node is as ever.

use std::time::{Duration, Instant};

use raftchat_tests::measure::Figures;
use raftchat_tests::network::post::{Post, Weather};
use raftchat_tests::network::{Family, Way};

use super::{Setting, Stage, node_of, on_a_stage, rounds};

/// How it changes.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// The other line is better.
    Preference,
    /// The line it uses is gone.
    LineDown,
    /// The line it uses has no address any more.
    AddressGone,
    /// Something on the way gives it another port.
    Renumbered,
}

impl Change {
    fn happens(self, stage: &Stage, round: u64) {
        match self {
            Self::Preference => stage.network.prefer(if round % 2 == 0 { Way::Lte } else { Way::Wifi }),
            Self::LineDown => stage.network.line_down(Way::Wifi),
            Self::AddressGone => stage.network.addresses_gone(Way::Wifi),
            Self::Renumbered => stage.posts.iter().for_each(Post::renumber),
        }
    }

    fn passes(self, stage: &Stage) {
        match self {
            Self::LineDown | Self::AddressGone => stage.network.line_up(Way::Wifi),
            Self::Preference | Self::Renumbered => {}
        }
    }
}

fn happens(name: &str, setting: Setting, change: Change) {
    on_a_stage(name, setting, async |stage| {
        let mut figures = Figures::default();
        let mut cursor = None;
        let leader = stage.cluster.serving(3).await;
        let [node, speaks_over] = Stage::others(leader);
        for round in 0..rounds() {
            let live = stage.live(node, speaks_over, &format!("{name} {round}"), cursor).await;
            let fault = Instant::now();
            change.happens(stage, round);
            let client = live.client.clone();
            let lived = live.end(fault).await;
            figures.count("still_on_the_same_node", u64::from(node_of(&client.link().borrow()) == Some(node)));
            lived.add_to(&mut figures, fault);
            cursor = Some(lived.cursor);
            change.passes(stage);
        }
        figures.tell(name);
    });
}

const FOUR: Setting = Setting::Direct(Family::Four);
const SIX: Setting = Setting::Direct(Family::Six);

#[test]
fn the_other_line_is_preferred() {
    happens("rebound", FOUR, Change::Preference);
}

#[test]
fn the_line_goes_down() {
    happens("line down", FOUR, Change::LineDown);
}

#[test]
fn the_line_goes_down_over_ipv6() {
    happens("line down, IPv6", SIX, Change::LineDown);
}

#[test]
fn the_address_is_removed() {
    happens("address removed", FOUR, Change::AddressGone);
}

#[test]
fn the_address_is_removed_over_ipv6() {
    happens("address removed, IPv6", SIX, Change::AddressGone);
}

#[test]
fn the_port_changes_on_the_way() {
    let weather = Weather { delay: Duration::from_millis(1), ..Weather::default() };
    happens("port changed by NAT", Setting::Relayed(weather), Change::Renumbered);
}
