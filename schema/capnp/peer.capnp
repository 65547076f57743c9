@0xc8d2b1906e3f5a74;
# The peer interface: what nodes ask of each other (ALPN `raftchat-peer/1`, its own endpoint, node certificates
# only). A node that is not in the membership, or whose public key is not the one listed there, is
# refused before its first call.
#
# A peer connection carries several streams, each a vat of its own with the same bootstrap Peer: one for the log,
# one for heartbeats and votes, so that a long append never delays a heartbeat. Snapshots use a second
# connection. Every call may be repeated.

using Stored = import "stored.capnp";

interface Peer {
  append @0 (request :AppendRequest) -> (response :AppendResponse);
  # Raft AppendEntries. Called as a stream: many in flight, handled in order, answered in order.

  vote @1 (request :VoteRequest) -> (response :VoteResponse);
  preVote @2 (request :VoteRequest) -> (response :VoteResponse);
  # Raft RequestVote, and the same asked without consequences (Raft thesis, section 9.6).

  snapshot @3 (vote :Stored.Vote, snapshotId :Text, length :UInt64)
      -> (transfer :SnapshotTransfer, haveBytes :UInt64);
  # Opens the transfer of a snapshot file of `length` bytes. `haveBytes` is what an earlier attempt at the same
  # `snapshotId` has left: the sender goes on from there.

  transferLeadership @4 (from :Stored.Vote, to :UInt64, hasLastLog :Bool, lastLog :Stored.LogId) -> ();
  # The leader asks the follower `to` to stand for election now.

  propose @5 (proposals :List(Stored.Batch.Proposal)) -> (status :ProposeStatus, leader :UInt64);
  # A follower's proposer hands commands to the leader's. Answered when they are committed.

  readIndex @6 () -> (status :ProposeStatus, leader :UInt64, index :UInt64);
  # A log index that, once applied, makes a read on the caller linearizable (Raft thesis, section 6.4).

  presence @7 (update :PresenceUpdate) -> ();
  # Who is online on the calling node. Lost ones do no harm: the full set follows soon.

  heartbeat @8 (request :AppendRequest) -> (response :AppendResponse);
  # AppendEntries without entries, beside the stream of `append`: answered without waiting for what is being written.

  enum ProposeStatus {
    done @0;
    notLeader @1;          # `leader` is who to ask instead; 0: unknown.
    failed @2;             # May have been stored; proposing the same again is harmless.
  }
}

struct AppendRequest {
  vote @0 :Stored.Vote;
  hasPrevious @1 :Bool;
  previous @2 :Stored.LogId;
  entries @3 :List(Data);        # Each a Stored.Entry message, byte for byte as the leader's log holds it.
  hasCommitted @4 :Bool;
  committed @5 :Stored.LogId;
}

struct AppendResponse {
  union {
    success @0 :Void;
    partialSuccess :group {
      hasMatching @1 :Bool;
      matching @2 :Stored.LogId;
    }
    conflict @3 :Void;
    higherVote @4 :Stored.Vote;
  }
}

struct VoteRequest {
  vote @0 :Stored.Vote;
  hasLastLog @1 :Bool;
  lastLog @2 :Stored.LogId;
  leadershipTransfer @3 :Bool;
}

struct VoteResponse {
  vote @0 :Stored.Vote;
  granted @1 :Bool;
  hasLastLog @2 :Bool;
  lastLog @3 :Stored.LogId;
}

interface SnapshotTransfer {
  block @0 (offset :UInt64, bytes :Data) -> ();
  # In order, each starting where the one before ended, at most 256 KiB.

  finish @1 () -> (vote :Stored.Vote);
  # The receiver checks the whole file, installs it and answers with its own vote.
}

struct PresenceUpdate {
  # Which users have live sessions on the calling node. `full` replaces all that was said before; otherwise the
  # lists are what changed. Good for `leaseMs` from arrival.

  full @0 :Bool;
  online @1 :List(UInt64);
  offline @2 :List(UInt64);
  leaseMs @3 :UInt64;
}
