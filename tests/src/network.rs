//! A small network that a trial makes for itself: a device with two ways out, a namespace for each node, and between them a
//! router in which packets can be dropped, or handed to [`post`] that delays and loses them. Knows nothing of what is said.
//!
//! Needs root and `ip`; a trial that gets no [`Network`] says so and tells nothing. All of it is gone when it is dropped.

pub mod namespace;
pub mod post;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use namespace::Namespace;

/// The port on which each node serves devices.
pub const CLIENT_PORT: u16 = 4433;
/// The port on which each node serves the others.
pub const PEER_PORT: u16 = 4434;

/// Which of the two protocols the addresses are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    Four,
    /// IPv6.
    Six,
}

/// One of the device's two ways out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The one it prefers.
    Wifi,
    /// The other.
    Lte,
}

impl Way {
    const ALL: [Self; 2] = [Self::Wifi, Self::Lte];

    const fn name(self) -> &'static str {
        match self {
            Self::Wifi => "wifi",
            Self::Lte => "lte",
        }
    }

    const fn subnet(self) -> u8 {
        match self {
            Self::Wifi => 101,
            Self::Lte => 102,
        }
    }

    /// The lower, the more it is preferred.
    const fn metric(self) -> u16 {
        match self {
            Self::Wifi => 100,
            Self::Lte => 200,
        }
    }
}

/// Which packets of a node are dropped, without a word to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Those to it and those from it.
    Both,
    /// Those to it.
    Towards,
    /// Those from it.
    From,
}

/// Somebody whose packets to somebody else can be dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A node.
    Node(u64),
    /// The device, on its preferred way.
    Device,
}

impl Place {
    fn address(self, family: Family) -> IpAddr {
        match self {
            Self::Node(node) => address(family, number(node), 2),
            Self::Device => address(family, Way::Wifi.subnet(), 2),
        }
    }
}

/// The network. The nodes are numbered from 1.
#[derive(Debug)]
pub struct Network {
    hub: Arc<Namespace>,
    device: Arc<Namespace>,
    nodes: Vec<Arc<Namespace>>,
}

/// An address of the subnet `subnet`, of which the router is host 1.
const fn address(family: Family, subnet: u8, host: u8) -> IpAddr {
    match family {
        Family::Four => IpAddr::V4(Ipv4Addr::new(10, 77, subnet, host)),
        Family::Six => IpAddr::V6(Ipv6Addr::new(0xfd77, subnet as u16, 0, 0, 0, 0, 0, host as u16)),
    }
}

fn prefix(family: Family, subnet: u8, host: u8) -> String {
    let length = if family == Family::Four { 24 } else { 64 };
    format!("{}/{length}", address(family, subnet, host))
}

fn number(node: u64) -> u8 {
    u8::try_from(node).unwrap()
}

impl Network {
    /// Makes it, with so many nodes.
    ///
    /// # Errors
    /// Why there is none here: no root, no `ip`, a system without namespaces.
    pub fn make(nodes: u64) -> Result<Self, String> {
        let hub = Arc::new(Namespace::make("hub")?);
        let device = Arc::new(Namespace::make("device")?);
        let homes: Result<Vec<_>, _> =
            (1..=nodes).map(|node| Namespace::make(&format!("n{node}")).map(Arc::new)).collect();
        let network = Self { hub, device, nodes: homes? };
        for namespace in [&network.hub, &network.device].into_iter().chain(&network.nodes) {
            // The router would not look for neighbours before it knows that nobody else has its address, which takes a second.
            namespace.write("net/ipv6/conf/default/accept_dad", "0");
        }
        network.hub.write("net/ipv4/ip_forward", "1");
        network.hub.write("net/ipv6/conf/all/forwarding", "1");
        for way in Way::ALL {
            network.join(&network.device, way.name(), way.name(), way.subnet());
            network.find_way(way);
        }
        for (home, node) in network.nodes.iter().zip(1..) {
            network.join(home, "uplink", &format!("n{node}"), node);
            for family in [Family::Four, Family::Six] {
                let gateway = address(family, node, 1).to_string();
                home.ip(&[flag(family), "route", "add", "default", "via", &gateway]);
            }
        }
        Ok(network)
    }

    /// Lays a line from the router to another namespace.
    fn join(&self, other: &Namespace, there: &str, here: &str, subnet: u8) {
        let peer = ["peer", "name", there, "netns", other.name()];
        self.hub.ip(&[&["link", "add", here, "type", "veth"], &peer[..]].concat());
        for (namespace, name, host) in [(&*self.hub, here, 1), (other, there, 2)] {
            namespace.ip(&["link", "set", "dev", name, "up"]);
            give_addresses(namespace, name, subnet, host);
        }
    }

    /// The device's routes that way.
    fn find_way(&self, way: Way) {
        for family in [Family::Four, Family::Six] {
            let (gateway, metric) = (address(family, way.subnet(), 1).to_string(), way.metric().to_string());
            let route = ["route", "replace", "default", "via", &gateway, "dev", way.name(), "metric", &metric];
            self.device.ip(&[&[flag(family)], &route[..]].concat());
        }
    }

    /// The namespace in which everything is that is neither a node nor the device.
    pub fn hub(&self) -> &Arc<Namespace> {
        &self.hub
    }

    /// The device's namespace.
    pub fn device(&self) -> &Arc<Namespace> {
        &self.device
    }

    /// A node's namespace.
    pub fn node(&self, node: u64) -> &Arc<Namespace> {
        self.nodes.get(usize::from(number(node)) - 1).unwrap()
    }

    /// How many nodes there are.
    pub fn count(&self) -> u64 {
        self.nodes.len() as u64
    }

    /// Where a node serves devices, or others.
    pub fn at(&self, family: Family, node: u64, port: u16) -> SocketAddr {
        SocketAddr::new(address(family, number(node), 2), port)
    }

    /// An address of the router's own that stands for a node.
    pub fn post_box(&self, node: u64) -> SocketAddr {
        let address = IpAddr::V4(Ipv4Addr::new(10, 77, 200, number(node)));
        self.hub.ip(&["address", "replace", &format!("{address}/32"), "dev", "lo"]);
        SocketAddr::new(address, CLIENT_PORT)
    }

    /// Takes one of the device's lines down, as when it leaves a radio cell.
    pub fn line_down(&self, way: Way) {
        self.device.ip(&["link", "set", "dev", way.name(), "down"]);
    }

    /// Brings it back, with the addresses and routes it had.
    pub fn line_up(&self, way: Way) {
        self.device.ip(&["link", "set", "dev", way.name(), "up"]);
        give_addresses(&self.device, way.name(), way.subnet(), 2);
        self.find_way(way);
    }

    /// Takes the device's addresses on one of its lines, which stays up.
    pub fn addresses_gone(&self, way: Way) {
        for family in [Family::Four, Family::Six] {
            self.device.ip(&[flag(family), "address", "del", &prefix(family, way.subnet(), 2), "dev", way.name()]);
        }
    }

    /// The device prefers that way from now on; both work.
    pub fn prefer(&self, way: Way) {
        for family in [Family::Four, Family::Six] {
            let (gateway, name) = (address(family, way.subnet(), 1).to_string(), way.name());
            let f = flag(family);
            // Gone already, the first time.
            self.device.try_ip(&[f, "route", "del", "default", "metric", "50"]);
            self.device.ip(&[f, "route", "add", "default", "via", &gateway, "dev", name, "metric", "50"]);
        }
    }

    /// Drops packets of a node, until [`Network::mend`].
    pub fn cut(&self, node: u64, cut: Cut) {
        for family in [Family::Four, Family::Six] {
            let (f, home) = (flag(family), address(family, number(node), 2).to_string());
            if cut != Cut::From {
                self.hub.ip(&[f, "route", "add", "blackhole", &host_route(family, &home)]);
            }
            if cut != Cut::Towards {
                self.hub.ip(&[f, "rule", "add", "from", &home, "blackhole"]);
            }
        }
    }

    /// Drops what some nodes and the others say to each other, until [`Network::heal`]. Devices reach all of them.
    pub fn part(&self, some: &[u64]) {
        self.between(some, |from, to| self.block(from, to));
    }

    /// Lets it through again.
    pub fn heal(&self, some: &[u64]) {
        self.between(some, |from, to| self.unblock(from, to));
    }

    /// Drops what `from` says to `to`, and not what it hears of it, until [`Network::unblock`].
    pub fn block(&self, from: Place, to: Place) {
        self.rule("add", from, to);
    }

    /// Lets it through again.
    pub fn unblock(&self, from: Place, to: Place) {
        self.rule("del", from, to);
    }

    fn rule(&self, deed: &str, from: Place, to: Place) {
        for family in [Family::Four, Family::Six] {
            let [from, to] = [from, to].map(|place| place.address(family).to_string());
            self.hub.ip(&[flag(family), "rule", deed, "from", &from, "to", &to, "blackhole"]);
        }
    }

    /// For each way from a node of `some` to one that is none of them, and back.
    fn between(&self, some: &[u64], each: impl Fn(Place, Place)) {
        for (here, there) in some.iter().flat_map(|here| (1..=self.count()).map(|there| (*here, there))) {
            if !some.contains(&there) {
                each(Place::Node(here), Place::Node(there));
                each(Place::Node(there), Place::Node(here));
            }
        }
    }

    /// Lets all packets of a node through again.
    pub fn mend(&self, node: u64) {
        for family in [Family::Four, Family::Six] {
            let (f, home) = (flag(family), address(family, number(node), 2).to_string());
            // Whichever of the two there was.
            self.hub.try_ip(&[f, "route", "del", "blackhole", &host_route(family, &home)]);
            self.hub.try_ip(&[f, "rule", "del", "from", &home, "blackhole"]);
        }
    }
}

fn host_route(family: Family, home: &str) -> String {
    format!("{home}/{}", if family == Family::Four { 32 } else { 128 })
}

const fn flag(family: Family) -> &'static str {
    match family {
        Family::Four => "-4",
        Family::Six => "-6",
    }
}

fn give_addresses(namespace: &Namespace, name: &str, subnet: u8, host: u8) {
    namespace.ip(&["address", "replace", &prefix(Family::Four, subnet, host), "dev", name]);
    namespace.ip(&["-6", "address", "replace", &prefix(Family::Six, subnet, host), "dev", name, "nodad"]);
}
