//! The device's address changes, nodes die, hang, are cut off or drained, and the conversation goes on: nothing lost, doubled
//! or out of order, no call failed. How long each took is printed as one line of JSON, and never asserted.
//!
//! How often each is repeated is said by `RAFTCHAT_REPEAT` (2 if it is not set); figures are taken one trial at a time:
//! `RAFTCHAT_REPEAT=20 cargo test --release -p raftchat-tests --test trials moving -- --nocapture --test-threads 1`.
//! Needs root and `ip`; where there is neither, a trial says so and tells nothing.

mod asleep;
mod crowd;
mod minority;
mod node;
mod path;
mod soak;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use raftchat_client::{Client, Following, LinkCause, LinkEvent, LinkEventKind, Target};
use raftchat_tests::cluster::{Cluster, Site};
use raftchat_tests::measure::Figures;
use raftchat_tests::network::post::{Post, Weather};
use raftchat_tests::network::{CLIENT_PORT, Family, Network};
use raftchat_tests::people::{Person, with};
use raftchat_tests::stream::{Caller, Effect, Heard, Listener, Said, Speaker, node_of, same};

use crate::{PROGRAM, number};

/// How long each trial's people talk before something happens to them, in messages.
const BEFORE: usize = 60;
/// And after.
const AFTER: usize = 60;
/// Between two messages. Storing one takes a little, too.
const PAUSE: Duration = Duration::from_millis(2);

fn rounds() -> u64 {
    number("RAFTCHAT_REPEAT", 2)
}

/// Where a trial takes place: the nodes, bob's device, and alice, who is near the nodes.
struct Stage {
    network: Network,
    cluster: Cluster,
    /// A relay before each node, if there are.
    posts: Vec<Post>,
    /// Bob's profile.
    device: PathBuf,
    alice: PathBuf,
    /// To whom bob writes meanwhile.
    carol: Target,
}

/// What a device does during a trial.
struct Live {
    client: Client,
    listener: Listener,
    caller: Caller,
    speaker: Speaker,
}

/// What it did.
struct Lived {
    said: Vec<Said>,
    heard: Vec<Heard>,
    calls: Vec<(Instant, Duration)>,
    links: Vec<(Duration, LinkEvent)>,
    cursor: Vec<u8>,
}

/// Which addresses the nodes have, and whether there is a relay before each.
#[derive(Clone, Copy)]
enum Setting {
    Direct(Family),
    Relayed(Weather),
}

/// Makes a stage of three nodes and has `trial` on it, or says why not.
fn on_a_stage(name: &str, setting: Setting, trial: impl AsyncFnOnce(&Stage) + Send) {
    on_a_stage_of(3, name, setting, trial);
}

fn on_a_stage_of(nodes: u64, name: &str, setting: Setting, trial: impl AsyncFnOnce(&Stage) + Send) {
    let network = match Network::make(nodes) {
        Ok(network) => network,
        Err(reason) => return println!("{name} is skipped: {reason}"),
    };
    let hub = Arc::clone(network.hub());
    hub.run(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(async {
            let stage = Stage::set(network, setting).await;
            trial(&stage).await;
        });
    });
}

impl Stage {
    async fn set(network: Network, setting: Setting) -> Self {
        let family = if let Setting::Direct(family) = setting { family } else { Family::Four };
        let mut sites = Site::in_network(&network, family);
        let mut posts = Vec::new();
        if let Setting::Relayed(weather) = setting {
            for (site, node) in sites.iter_mut().zip(1..) {
                site.told = network.post_box(node);
                let post = Post::open(site.told, network.at(family, node, CLIENT_PORT), number("RAFTCHAT_SEED", node));
                post.weather(weather);
                posts.push(post);
            }
        }
        let cluster = Cluster::make_at(PROGRAM, sites, |_| {});
        cluster.start_all();
        cluster.serving(network.count()).await;
        let (alice, bob, carol) =
            (cluster.person("alice").await, cluster.person("bob").await, cluster.person("carol").await);
        bob.say("carol", "begun").await;
        let carol = with(&carol.name);
        let (alice, device) = (alice.profile, bob.profile);
        Self { network, cluster, posts, device, alice, carol }
    }

    /// A client of bob's on his device, which tries that node first.
    fn on_device(&self, node: u64) -> Client {
        let (profile, first) = (&self.device, self.cluster.address(node));
        self.network.device().run(|| Person::on("bob", profile, Some(first)).client)
    }

    /// Of three nodes the two others, by turns.
    fn others(node: u64) -> [u64; 2] {
        [1 + node % 3, 1 + (node + 1) % 3]
    }

    /// Bob's device linked to `node`, listening and calling, while alice talks over `speaks_over`.
    async fn live(&self, node: u64, speaks_over: u64, name: &str, cursor: Option<Vec<u8>>) -> Live {
        self.live_beside(node, |_| speaks_over, name, cursor).await
    }

    /// The same; alice talks over a node that depends on which one stands by.
    async fn live_beside(
        &self,
        node: u64,
        speaks_over: impl FnOnce(u64) -> u64,
        name: &str,
        cursor: Option<Vec<u8>>,
    ) -> Live {
        let from = cursor.map_or(Following::FromNow, Following::After);
        let (client, listener) = loop {
            let client = self.on_device(node);
            let listener = Listener::start(&client, from.clone(), name);
            listener.caught_up().await;
            if node_of(&client.link().borrow()) == Some(node) {
                break (client, listener);
            }
            // Another was faster this time.
            listener.stop();
        };
        let speaks_over = speaks_over(listener.has_standby().await);
        let alice = Person::on("alice", &self.alice, Some(self.cluster.address(speaks_over)));
        let speaker = Speaker::start(alice.client, with("bob"), name.to_owned(), PAUSE);
        let caller = Caller::start(&client, &self.carol);
        speaker.more(BEFORE).await;
        Live { client, listener, caller, speaker }
    }
}

impl Live {
    /// Waits until enough was said after what happened, and all of it heard; ends everything and checks it.
    async fn end(self, fault: Instant) -> Lived {
        self.speaker.more(AFTER).await;
        let said = self.speaker.stop().await;
        self.listener.hears(&said.last().unwrap().text).await;
        let calls = self.caller.stop().await;
        let links = self.listener.links_since(fault);
        let heard = self.listener.heard();
        let cursor = self.listener.stop();
        same(&said, &heard);
        drop(self.client);
        Lived { said, heard, calls, links, cursor }
    }
}

impl Lived {
    /// Adds what the event at `fault` did.
    fn add_to(&self, figures: &mut Figures, fault: Instant) {
        let Self { said, heard, calls, .. } = self;
        Effect { fault, said, heard, calls }.add_to(figures);
        for (_, event) in &self.links {
            match event.kind {
                LinkEventKind::Suspected => figures.count("suspected", 1),
                LinkEventKind::PathChanged => figures.count("path_changed", 1),
                LinkEventKind::Lost => figures.count("lost", 1),
                LinkEventKind::Moved => {
                    figures.count("moved", 1);
                    figures.count(moved_by(event.cause), 1);
                    figures.time("moved_ms", event.took.unwrap_or_default());
                }
                _ => {}
            }
        }
        if std::env::var_os("RAFTCHAT_LINKS").is_some() {
            for (after, event) in &self.links {
                println!("    {after:?} {event:?}");
            }
        }
    }
}

/// The figure that counts moves of that cause.
const fn moved_by(cause: Option<LinkCause>) -> &'static str {
    match cause {
        Some(LinkCause::Silence) => "by_silence",
        Some(LinkCause::Unheard) => "by_not_being_heard",
        Some(LinkCause::Icmp) => "by_icmp",
        Some(LinkCause::Hint) => "by_hint",
        Some(LinkCause::Drain) => "by_drain",
        Some(LinkCause::Behind) => "by_being_behind",
        Some(LinkCause::Lost) => "by_loss",
        Some(LinkCause::Addresses) => "by_addresses",
        Some(LinkCause::Hedge) => "by_hedge",
        None => "by_nothing",
    }
}
