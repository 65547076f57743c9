//! What one link, one device, one account and one address may hold and spend, each in one place with its unit in its name,
//! its reason and the test that shows it. Never knows who counts: that is the transport's and the node's business.
//!
//! How full each is, is counted by a `Meter` (`transport/src/meter.rs`) and told by `cluster status --json`. What a single
//! message, group or entry may be is in [`crate::limits`]; QUIC's windows and times are in `transport/src/limits.rs`.

/// The most links of one device to one node: two or three a program, and several programs at once. Who runs a measurement with
/// one device raises `limits.device_links` in `node.toml`. (`transport/tests/links/budgets.rs`)
pub const DEVICE_LINKS_MAX: usize = 16;

/// The most links of one node to another: a start after a crash may find the former ones still there.
pub const NODE_LINKS_MAX: usize = 64;

/// What all of one device's messages that have begun and not arrived may hold at a node: two of the largest, so that who sends
/// slowly over one link does not hold up another. (`frames.rs`: `a_large_frame_waits_for_the_room_that_others_take`)
pub const DEVICE_PARTIAL_FRAMES_BYTES_MAX: usize = 2 * crate::limits::DEVICE_FRAME_WORDS_MAX * 8;

/// A message up to here takes no part in that: what a device usually sends.
pub const FRAME_BYTES_SMALL: usize = 16 * 1024;

/// The most questions of a link that are open, answered ones that were not finished among them: a client finishes when it has
/// read the answer. (`rpc/ledger.rs`, `transport/tests/links/budgets.rs`; so are those below)
pub const LINK_QUESTIONS_OPEN_MAX: usize = 1024;

/// The most that are not answered; who has so many is not read from until one is. More than a bench of 256 senders has on one of
/// its links.
pub const LINK_QUESTIONS_UNANSWERED_MAX: usize = 256;

/// So many messages of a link are taken in one turn; then others have theirs, however much has come over it. A message that is sent
/// waits on its way through a node for a dozen turns of the others. (`rpc/turn.rs`)
pub const LINK_MESSAGES_A_TURN_MAX: u32 = 4;

/// The most bytes of questions that are not answered, beyond which nothing is read either: eight of the largest messages.
pub const LINK_QUESTIONS_UNANSWERED_BYTES_MAX: usize = 512 * 1024;

/// The most bytes of answers that are kept for what may yet be asked of their capabilities: they have a view of a
/// conversation in them at most.
pub const LINK_ANSWERS_UNFINISHED_BYTES_MAX: usize = 1024 * 1024;

/// The most capabilities that a link holds of its node, each as often as it was given: one for each conversation, of which a
/// user has 1,000 at most, and each perhaps by two names.
pub const LINK_EXPORTS_MAX: usize = 4096;

/// The most capabilities that a link lends its node: a receiver for each subscription.
pub const LINK_IMPORTS_MAX: usize = 256;

/// The most capabilities in one message of a device: a receiver.
pub const LINK_CAPABILITIES_IN_MESSAGE_MAX: u32 = 16;

/// The most calls that wait one for another's answer: gateway, session, conversation, with room. Each is a depth of the stack.
pub const LINK_CALL_CHAIN_MAX: usize = 16;

/// The most calls of a node that a device has not answered: what is pushed to it has its own windows, far below.
pub const LINK_OWED_ANSWERS_MAX: usize = 1024;

/// Beyond so many bytes that wait to be read by a device nothing is read from it: a page of history alone is more.
pub const LINK_UNREAD_BYTES_MAX: usize = 128 * 1024;

/// A device that reads nothing at all for so long, while there is something, is closed.
pub const LINK_STALL_SECONDS_MAX: u64 = 10;

/// The most answers that may be large, pages of history for example, which a link has made for it at a time; and none while
/// there are more than [`LINK_UNREAD_BYTES_MAX`] to be read.
pub const LINK_LARGE_ANSWERS_MAX: usize = 4;

/// The most handshakes of one address (of IPv6: of its /64) under way. What comes beyond it proves its address first, and then
/// waits until one is done. (`doorstep.rs`, `transport/tests/links/flood.rs`)
pub const ADDRESS_HANDSHAKES_MAX: usize = 8;

/// The most Initial packets of one address (of IPv6: of its /64) in a tenth of a second: for each a node derives keys and answers, some
/// 10 µs of its time. A handshake takes six, so that 1,600 devices behind one address may come in a second.
/// (`transport/src/socket/door.rs`, attack B5)
pub const ADDRESS_INITIALS_MAX: usize = 1000;

/// The while in which they are counted.
pub const INITIALS_WINDOW_MS: u64 = 100;

/// The most of one address that wait so: with a thousand devices behind one address the rest ask again by themselves.
pub const ADDRESS_HANDSHAKES_WAITING_MAX: usize = 256;

/// Password hashes that wait on a node. Each takes half a core for 0.1 to 1 s: the last of them has its turn before its caller
/// has given up. Test: `however_many_callers_hang_up_no_more_hashes_run_than_half_the_cores`.
pub const HASHES_WAITING_MAX: usize = 32;

/// Of them, of one device and of one account: one in hand while the next waits is all that a person needs. Test:
/// `who_floods_has_two_places_and_comes_after_who_was_not_served_yet`.
pub const HASHES_WAITING_EACH_MAX: usize = 2;

/// The longest that a caller waits for its hash, in milliseconds; after that it is told `busy` and its place is free.
pub const HASH_WAIT_MS_MAX: u64 = 12 * 1000;

/// Calls a minute of one device that cost a hash (`register`, `login`, `changePassword`, `deleteAccount`): a tenth of what a
/// small node can do. Test: `what_costs_a_hash_is_counted_before_it_is_hashed`.
pub const HASHING_CALLS_A_MINUTE: u32 = 30;

/// Such calls of one device at once: a household is set up from one device.
pub const HASHING_CALLS_AT_ONCE: u32 = 60;

/// Calls a second of one device to the gateway that need no account (`hello`, `status`, `resume`): whoever moves from node to
/// node makes two or three. Test: `who_knocks_without_end_is_told_to_wait`.
pub const GATEWAY_CALLS_A_SECOND: u32 = 20;

/// Such calls of one device at once.
pub const GATEWAY_CALLS_AT_ONCE: u32 = 100;

/// Calls of one link that wait until its node has applied what the caller has seen: a client that moves repeats all it has
/// under way. Test: `a_link_and_a_device_have_so_many_places_to_wait`.
pub const CALLS_BEHIND_A_LINK_MAX: usize = 64;

/// Calls of one device, over all its links, that wait until its node has applied what the caller has seen.
pub const CALLS_BEHIND_A_DEVICE_MAX: usize = 256;

/// So many changes a caller may have seen that this node has not applied; beyond it the call is refused at once, as two seconds
/// of waiting would not do. Test: `who_has_seen_what_nobody_has_made_is_refused_at_once`.
pub const CHANGES_AHEAD_MAX: u64 = 10_000;

/// Subscriptions on one link: a device has one, and for the moment in which it takes another two. Each costs a place in the
/// fan-out and what it has not acknowledged. Test: `node/tests/devices/subscribing.rs`.
pub const SUBSCRIPTIONS_A_LINK_MAX: u64 = 4;

/// Subscriptions of one session on one node, over all its links: four programs that share a profile, each with an active and
/// an armed one. Who has more waits until a lost link is given up. Test: as above.
pub const SUBSCRIPTIONS_A_SESSION_MAX: u64 = 8;

/// Hints (who is there, who is writing) and notices that one subscription has not answered; those that come meanwhile are not
/// sent, as the next one says more than the last. Test: as above.
pub const HINTS_UNANSWERED_MAX: u64 = 64;

// ------------------------------------------------------------------------------------------------ one other node's key

/// The number of terms by which a node may be ahead of all that this one knows: 2²⁰ elections at two a second take six days,
/// and a cluster without a majority holds none at all (pre-votes). The largest term there is would end every election for ever.
/// Test: `node/tests/devices/absurd.rs`.
pub const TERMS_AHEAD_MAX: u64 = 1 << 20;

/// The largest term that a node takes that has never voted, so that it can join a cluster of any age: ten elections a second
/// for thirteen years. Test: `node/src/raft/trust/claims.rs`.
pub const FIRST_TERM_MAX: u64 = 1 << 32;

/// No log gets so long; an index near the end of the numbers would be added to. Test: `node/src/raft/trust/claims.rs`.
pub const INDEX_MAX: u64 = 1 << 56;

/// The most nodes that a cluster has, learners too: each is dialled by each. Test: `node/src/raft/trust/claims.rs`.
pub const MEMBERS_MAX: usize = 32;

/// The most bytes of a snapshot, 1 TiB; besides it must fit the disk. Test: `node/tests/devices/absurd.rs`.
pub const SNAPSHOT_BYTES_MAX: u64 = 1 << 40;

/// The most bytes of a snapshot's name, which becomes a file's. Test: `node/tests/devices/absurd.rs`.
pub const SNAPSHOT_ID_BYTES_MAX: usize = 120;

/// The most bytes of a block of a snapshot: what `peer.capnp` says. Test: `node/tests/devices/absurd.rs`.
pub const SNAPSHOT_BLOCK_BYTES_MAX: usize = 256 * 1024;

/// Batches that one node has this one propose at once: it has two under way, and a few whose answer it gave up. With the most
/// bytes of a batch that is 16 MiB. Test: `node/src/peers/budget.rs`.
pub const PEER_BATCHES_MAX: usize = 16;

/// Read indexes that one node asks for at once: it asks for one, and gives up after a second. Each costs a round to a majority.
/// Test: `node/src/peers/budget.rs`.
pub const PEER_READ_INDEXES_MAX: usize = 4;

/// Snapshots that one node sends this one at once: a leader sends one, and begins anew when its link is lost.
/// Test: `node/src/peers/budget.rs`.
pub const PEER_SNAPSHOTS_MAX: usize = 2;

/// Words about presence that one node says in a second, and as many at once: it says one each time somebody comes or goes, at
/// most every few milliseconds. Test: `node/src/peers/budget.rs`.
pub const PEER_PRESENCE_PER_SECOND: u32 = 100;

/// Users in one word about presence: more than a node serves. Test: `node/src/audience/presence.rs`.
pub const PRESENCE_USERS_MAX: u32 = 64 * 1024;

/// Hints about typing that one node passes on in a second, and as many at once: a thousand people who write at once say one
/// each. What is more is left out: it is a hint. Test: `node/src/peers/budget.rs`.
pub const PEER_TYPING_PER_SECOND: u32 = 2000;

/// Changes of the membership that one node asks for in a minute, and as many at once: somebody at a shell. Each is an entry of
/// the log. Test: `node/src/peers/budget.rs`.
pub const PEER_CHANGES_PER_MINUTE: u32 = 60;

/// For how long one node's word is kept that another be removed which is there: until somebody has gone to the next machine.
/// Test: `node/src/raft/membership/motions.rs`.
pub const REMOVAL_WORD_SECONDS: u64 = 600;

/// How much of its disk a node keeps for what must go on without words, in MiB, unless `disk.reserve_mib` in `node.toml` says
/// otherwise; the same whatever the size of the disk. Each of its two databases may need another journal of 64 MiB and write out
/// 16 MiB from memory at any moment, which leaves some 96 MiB for 400,000 deletions and read marks, and for a snapshot.
/// (`tests/tests/stories/full_disk.rs`)
pub const DISK_RESERVE_MIB: u32 = 256;
