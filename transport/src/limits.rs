//! What a link may cost: sizes, counts and times, by role.

use std::sync::Arc;
use std::time::Duration;

use capnp::message::ReaderOptions;
use quinn::{AckFrequencyConfig, IdleTimeout, TransportConfig, VarInt};
use quinn_proto::congestion::{BbrConfig, ControllerFactory, CubicConfig};
use raftchat_schema::limits::{DEVICE_FRAME_WORDS_MAX, NESTING_MAX, PEER_FRAME_WORDS_MAX};

use crate::congestion::Watched;
use crate::identity::Role;
use crate::socket::Signs;

/// Connections a server holds before their handshake has begun.
pub(crate) const MAX_INCOMING: usize = 1024;
/// Bytes kept for one connection whose handshake has not begun.
pub(crate) const INCOMING_BUFFER: u64 = 64 * 1024;
/// The same over all of them.
pub(crate) const INCOMING_BUFFER_TOTAL: u64 = 8 * 1024 * 1024;
/// Handshakes under way above which a caller must prove its address first.
pub(crate) const RETRY_ABOVE: usize = 64;
/// Handshakes under way above which a new one gets no answer.
pub(crate) const IGNORE_ABOVE: usize = 512;
/// How long a handshake may take.
pub(crate) const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(5);
/// How long after its handshake a caller may take to begin its first stream.
pub(crate) const FIRST_STREAM_DEADLINE: Duration = Duration::from_secs(10);
/// How long after the end of a connection the answers that had arrived are taken.
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

/// When a silent link ends, and how it is kept from falling silent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkTiming {
    /// Silence after which the link is lost. The smaller of both sides' holds.
    pub idle: Duration,
    /// How often this side speaks on an otherwise silent link.
    pub keep_alive: Duration,
}

impl LinkTiming {
    /// How a node times the links of callers of `role`.
    pub fn server(role: Role) -> Self {
        match role {
            Role::Node => Self::peer(),
            Role::Device => Self { idle: Duration::from_secs(10), keep_alive: Duration::from_secs(2) },
        }
    }

    /// Between nodes.
    pub fn peer() -> Self {
        Self { idle: Duration::from_secs(3), keep_alive: Duration::from_millis(500) }
    }

    /// A device's side: where nothing is followed, it finds out about a dead node within three seconds. On a bad path what
    /// keeps the link alive is repeated in between as often as it would get lost.
    pub fn device() -> Self {
        Self { idle: Duration::from_secs(3), keep_alive: Duration::from_secs(1) }
    }
}

/// What is accepted from the other side of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkLimits {
    /// Largest message, and most that is followed while reading one, in words
    /// of eight bytes.
    pub traversal_words: usize,
    /// Deepest nesting of a message.
    pub nesting: i32,
    /// Most segments of a message.
    pub segments: u32,
    /// How long a message that has begun to arrive may take to be complete.
    pub frame_deadline: Duration,
    /// Bytes in flight over all streams of a connection.
    pub connection_window: u32,
    /// Bytes in flight on one stream.
    pub stream_window: u32,
    /// Bidirectional streams the other side may have open.
    pub streams: u32,
}

impl LinkLimits {
    /// What a node accepts from callers of `role`.
    pub fn server(role: Role) -> Self {
        match role {
            Role::Node => Self::peer(),
            Role::Device => Self {
                traversal_words: DEVICE_FRAME_WORDS_MAX,
                nesting: NESTING_MAX,
                segments: 8,
                frame_deadline: Duration::from_secs(5),
                connection_window: 2 * MIB,
                stream_window: MIB / 2,
                streams: 8,
            },
        }
    }

    /// What nodes accept from each other: batches of entries and snapshots.
    pub fn peer() -> Self {
        Self {
            traversal_words: PEER_FRAME_WORDS_MAX,
            nesting: NESTING_MAX,
            segments: 64,
            frame_deadline: Duration::from_secs(30),
            connection_window: 64 * MIB,
            stream_window: 16 * MIB,
            streams: 8,
        }
    }

    /// What a device accepts from its node: pages built piece by piece have
    /// more segments than a device's calls.
    pub fn device() -> Self {
        Self { segments: 64, stream_window: MIB, ..Self::server(Role::Device) }
    }

    pub(crate) fn reader_options(&self) -> ReaderOptions {
        let mut options = ReaderOptions::new();
        options.traversal_limit_in_words(Some(self.traversal_words)).nesting_limit(self.nesting);
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
            .send_window(u64::from(self.connection_window))
            .datagram_receive_buffer_size(Some(DATAGRAM_BUFFER))
            .datagram_send_buffer_size(DATAGRAM_BUFFER);
        config
    }

    /// The same, for the side that dials as `role`; `signs` is told what is acknowledged.
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

    /// The same, for a node that serves callers of `role`.
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
