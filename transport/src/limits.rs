//! What a link may cost: sizes, counts and times, by role.

use std::sync::Arc;
use std::time::Duration;

use capnp::message::ReaderOptions;
use quinn::{AckFrequencyConfig, IdleTimeout, TransportConfig, VarInt};
use quinn_proto::congestion::{BbrConfig, ControllerFactory, CubicConfig};
use raftchat_schema::budgets::{
    DEVICE_LINKS_MAX, LINK_ANSWERS_UNFINISHED_BYTES_MAX, LINK_CALL_CHAIN_MAX, LINK_CAPABILITIES_IN_MESSAGE_MAX,
    LINK_EXPORTS_MAX, LINK_IMPORTS_MAX, LINK_OWED_ANSWERS_MAX, LINK_QUESTIONS_OPEN_MAX,
    LINK_QUESTIONS_UNANSWERED_BYTES_MAX, LINK_QUESTIONS_UNANSWERED_MAX, LINK_STALL_SECONDS_MAX, LINK_UNREAD_BYTES_MAX,
    NODE_LINKS_MAX,
};
use raftchat_schema::limits::{DEVICE_FRAME_WORDS_MAX, NESTING_MAX, PEER_FRAME_WORDS_MAX};

use crate::socket::Signs;
use crate::socket::congestion::Watched;
use crate::tls::identity::Role;

/// Connections a server holds before their handshake has begun.
pub(crate) const MAX_INCOMING: usize = 1024;
/// Bytes kept for one connection whose handshake has not begun.
pub(crate) const INCOMING_BUFFER: u64 = 64 * 1024;
/// Bytes kept for all connections together whose handshake has not begun.
pub(crate) const INCOMING_BUFFER_TOTAL: u64 = 8 * 1024 * 1024;
/// Handshakes under way above which a caller must prove its address first.
pub(crate) const RETRY_ABOVE: usize = 64;
/// Handshakes under way above which a new one gets no answer.
pub(crate) const IGNORE_ABOVE: usize = 512;
/// The time that a handshake may take.
pub(crate) const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(5);
/// The time that it may take once the caller has proved its address, which it does when there are many: what hangs then is no
/// long way.
pub(crate) const PROVED_HANDSHAKE_DEADLINE: Duration = Duration::from_secs(2);
/// How long after its handshake a caller may take to begin its first stream.
pub(crate) const FIRST_STREAM_DEADLINE: Duration = Duration::from_secs(10);
/// The time after the end of a connection in which answers that had arrived are taken.
pub(crate) const LAST_ANSWERS: Duration = Duration::from_secs(1);
/// Size of the read and of the write buffer of an RPC stream, bytes.
pub(crate) const STREAM_BUFFER: usize = 4 * 1024;
/// Asked of the system for a UDP socket, bytes; it may give less.
pub(crate) const SOCKET_BUFFER: usize = 4 * 1024 * 1024;

/// What a path's round trip is taken for before it is measured. A node that is
/// just starting then sees the next attempt after 0.3 s rather than 1 s.
const INITIAL_RTT: Duration = Duration::from_millis(100);
const DATAGRAM_BUFFER: usize = 64 * 1024;
/// How soon a node acknowledges what a device sends, at the latest: before the device's next beat, so that each has an
/// acknowledgement of its own, and late enough that most go with an answer.
const DEVICE_ACK_DELAY: Duration = Duration::from_millis(15);
const MIB: u32 = 1024 * 1024;
/// The root of an RPC message and the capabilities in it, in words of eight bytes.
const LOOKED_AT_WORDS: usize = 512;

/// The times of a link: when a silent one ends, and how it is kept from falling silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkTiming {
    /// Silence after which the link is lost. The smaller of both sides' holds.
    pub idle: Duration,
    /// The interval at which this side speaks on an otherwise silent link.
    pub keep_alive: Duration,
}

impl LinkTiming {
    /// A node's times for the links of callers of `role`.
    pub fn server(role: Role) -> Self {
        match role {
            Role::Node => Self::peer(),
            Role::Device => Self { idle: Duration::from_secs(10), keep_alive: Duration::from_secs(2) },
        }
    }

    /// Times for a link between two nodes.
    pub fn peer() -> Self {
        Self { idle: Duration::from_secs(3), keep_alive: Duration::from_millis(500) }
    }

    /// A device's side: where nothing is followed, it finds out about a dead node within three seconds. On a bad path what
    /// keeps the link alive is repeated in between as often as it would get lost.
    pub fn device() -> Self {
        Self { idle: Duration::from_secs(3), keep_alive: Duration::from_secs(1) }
    }
}

/// Bounds of what the other side of a link may have open at a time: see `schema/src/budgets.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableLimits {
    /// Questions, those that are answered and not finished among them.
    pub open: usize,
    /// Questions that are not answered.
    pub unanswered: usize,
    /// Bytes of questions that are not answered.
    pub unanswered_bytes: usize,
    /// Bytes of answers that are not finished.
    pub kept_bytes: usize,
    /// Capabilities that it holds of this side.
    pub exports: usize,
    /// Capabilities that it lends this side.
    pub imports: usize,
    /// Capabilities in one message.
    pub caps: u32,
    /// Calls that wait one for another's answer.
    pub chain: usize,
    /// Calls of this side that it has not answered.
    pub owed: usize,
}

impl TableLimits {
    const DEVICE: Self = Self {
        open: LINK_QUESTIONS_OPEN_MAX,
        unanswered: LINK_QUESTIONS_UNANSWERED_MAX,
        unanswered_bytes: LINK_QUESTIONS_UNANSWERED_BYTES_MAX,
        kept_bytes: LINK_ANSWERS_UNFINISHED_BYTES_MAX,
        exports: LINK_EXPORTS_MAX,
        imports: LINK_IMPORTS_MAX,
        caps: LINK_CAPABILITIES_IN_MESSAGE_MAX,
        chain: LINK_CALL_CHAIN_MAX,
        owed: LINK_OWED_ANSWERS_MAX,
    };

    /// Nodes answer for each other: these bound what a fault of one costs another.
    const PEER: Self = Self {
        open: 64 * 1024,
        unanswered: 16 * 1024,
        unanswered_bytes: 256 * 1024 * 1024,
        kept_bytes: 64 * 1024 * 1024,
        exports: 64 * 1024,
        imports: 64 * 1024,
        caps: 64,
        chain: 16,
        owed: usize::MAX,
    };

    /// A device's bounds of its node: what the device itself has asked for is its own affair.
    const NODE_OF_DEVICE: Self = Self { owed: usize::MAX, exports: usize::MAX, imports: usize::MAX, ..Self::PEER };
}

/// Bounds of what is accepted from the other side of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkLimits {
    /// Largest message, and most that is followed while reading one, in words
    /// of eight bytes.
    pub traversal_words: usize,
    /// Deepest nesting of a message.
    pub nesting: i32,
    /// Most segments of a message.
    pub segments: u32,
    /// The time that a message that has begun to arrive may take to be complete.
    pub frame_deadline: Duration,
    /// Bytes in flight over all streams of a connection.
    pub connection_window: u32,
    /// Bytes in flight on one stream.
    pub stream_window: u32,
    /// Bytes that may be sent and not acknowledged, over all streams of a connection.
    pub send_window: u32,
    /// Bidirectional streams the other side may have open.
    pub streams: u32,
    /// The bounds of what it may have open.
    pub tables: TableLimits,
    /// Bytes that wait to be read by it, beyond which nothing is read from it.
    pub unread_bytes: usize,
    /// The time that it may read nothing while there is something.
    pub stall: Duration,
    /// Links of one key at a time.
    pub links: usize,
}

impl LinkLimits {
    /// A node's limits for callers of `role`.
    pub fn server(role: Role) -> Self {
        match role {
            Role::Node => Self::peer(),
            Role::Device => Self {
                traversal_words: DEVICE_FRAME_WORDS_MAX,
                nesting: NESTING_MAX,
                segments: 8,
                frame_deadline: Duration::from_secs(5),
                connection_window: MIB,
                stream_window: MIB / 2,
                send_window: MIB,
                streams: 8,
                tables: TableLimits::DEVICE,
                unread_bytes: LINK_UNREAD_BYTES_MAX,
                stall: Duration::from_secs(LINK_STALL_SECONDS_MAX),
                links: DEVICE_LINKS_MAX,
            },
        }
    }

    /// The limits between nodes: batches of entries and snapshots.
    pub fn peer() -> Self {
        Self {
            traversal_words: PEER_FRAME_WORDS_MAX,
            nesting: NESTING_MAX,
            segments: 64,
            frame_deadline: Duration::from_secs(30),
            connection_window: 64 * MIB,
            stream_window: 16 * MIB,
            send_window: 64 * MIB,
            streams: 8,
            tables: TableLimits::PEER,
            unread_bytes: usize::MAX,
            stall: Duration::from_secs(30),
            links: NODE_LINKS_MAX,
        }
    }

    /// What a device accepts from its node: pages built piece by piece have
    /// more segments than a device's calls.
    pub fn device() -> Self {
        Self {
            segments: 64,
            connection_window: 2 * MIB,
            stream_window: MIB,
            send_window: 2 * MIB,
            tables: TableLimits::NODE_OF_DEVICE,
            // Who stopped reading because it is not read from would wait for ever: a node may, and so its devices do not.
            unread_bytes: usize::MAX,
            ..Self::server(Role::Device)
        }
    }

    pub(crate) fn reader_options(&self) -> ReaderOptions {
        let mut options = ReaderOptions::new();
        // What the transport itself looks at is not the reader's.
        let words = self.traversal_words.saturating_add(LOOKED_AT_WORDS);
        options.traversal_limit_in_words(Some(words)).nesting_limit(self.nesting);
        options
    }

    pub(crate) fn transport(&self, timing: LinkTiming) -> TransportConfig {
        // An idle time beyond QUIC's range would mean none at all.
        let idle = IdleTimeout::try_from(timing.idle).unwrap_or(VarInt::MAX.into());
        let mut config = TransportConfig::default();
        config
            .max_idle_timeout(Some(idle))
            .initial_rtt(INITIAL_RTT)
            .keep_alive_interval(Some(timing.keep_alive))
            .max_concurrent_bidi_streams(VarInt::from_u32(self.streams))
            .max_concurrent_uni_streams(VarInt::from_u32(0))
            .stream_receive_window(VarInt::from_u32(self.stream_window))
            .receive_window(VarInt::from_u32(self.connection_window))
            .send_window(u64::from(self.send_window))
            .datagram_receive_buffer_size(Some(DATAGRAM_BUFFER))
            .datagram_send_buffer_size(DATAGRAM_BUFFER);
        config
    }

    /// QUIC's settings for the side that dials as `role`; `signs` is told what is acknowledged.
    pub(crate) fn dialling(&self, timing: LinkTiming, role: Role, signs: Arc<Signs>) -> TransportConfig {
        let mut config = self.transport(timing);
        if role == Role::Device {
            let mut acknowledging = AckFrequencyConfig::default();
            // Out of order is told at once, as without these.
            acknowledging.max_ack_delay(Some(DEVICE_ACK_DELAY)).reordering_threshold(VarInt::from_u32(1));
            config.ack_frequency_config(Some(acknowledging));
        }
        config.congestion_controller_factory(Arc::new(Watched { inner: controllers(role), signs }));
        config
    }

    /// QUIC's settings for a node that serves callers of `role`.
    pub(crate) fn serving(&self, timing: LinkTiming, role: Role) -> TransportConfig {
        let mut config = self.transport(timing);
        config.congestion_controller_factory(controllers(role));
        config
    }
}

/// How congestion is judged on links of callers of `role`. A device's path may lose packets for other reasons, and what takes
/// each loss for congestion would keep beats waiting there.
fn controllers(role: Role) -> Arc<dyn ControllerFactory + Send + Sync> {
    match role {
        Role::Node => Arc::new(CubicConfig::default()),
        Role::Device => Arc::new(BbrConfig::default()),
    }
}
