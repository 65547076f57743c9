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

  propose @5 (proposals :List(Stored.Batch.Proposal), rows :UInt32) -> (status :ProposeStatus, leader :UInt64);
  # A follower's proposer hands commands to the leader's, and says about how many rows they write: those of many travel apart
  # from those of few. Answered when they are committed.

  readIndex @6 () -> (status :ProposeStatus, leader :UInt64, index :UInt64);
  # A log index that, once applied, makes a read on the caller linearizable (Raft thesis, section 6.4).

  presence @7 (update :PresenceUpdate) -> ();
  # Who is online on the calling node. Lost ones do no harm: the full set follows soon.

  heartbeat @8 (request :AppendRequest) -> (response :AppendResponse);
  # AppendEntries without entries, beside the stream of `append`: answered without waiting for what is being written.

  members @9 () -> (membership :Stored.StoredMembership, leader :UInt64);
  # The newest membership that the node asked knows to be committed, and whom it takes for the leader; 0: nobody. Only a
  # leader's answer is sure to be the newest. A node that was away asks for it, and so lets in who has joined meanwhile.

  addMember @10 (member :Stored.Member) -> (change :MembershipChange);
  # Adds a node that receives the log and does not vote: a learner. The others let it in as soon as they have applied it;
  # it need not run yet. A number that a member has with another key or address, and a key or address that another member
  # has, is refused. Done too if exactly this member is there already.

  promote @11 (node :UInt64) -> (change :MembershipChange);
  # Gives a learner its vote, once it is reached and no more than a moment behind. Done too if it votes already.

  removeMember @12 (node :UInt64) -> (change :MembershipChange);
  # Takes a node out, voter or learner; it is let in no more. Its number is not to be given again. A leader that is
  # to go first hands leadership on and answers `notLeader`. A node that is not there is `noSuchNode`, also when an
  # earlier call, whose answer was lost, has taken it out. A node that the leader hears is taken out by its own word, or by
  # that of two others: the first is answered `needsSecond`.

  typing @13 (conversation :UInt64, user :UInt64, active :Bool) -> ();
  # Somebody on the calling node is writing, or no longer. A hint: lost ones do no harm.

  drain @14 (deadlineMs :UInt32) -> ();
  # The node asked is to stop: it hands leadership on, sends its devices to other nodes, and ends when none is left, or after
  # so long. Answered when it has begun. Asking again is no error. Only in the node's own name: no other may end it.

  greet @17 (greeting :Greeting) -> (greeting :Greeting, known :List(Mark));
  # How far the caller is, and how far it has said to be before. A node whose data is an older copy learns it so: it is told
  # its own former words. Asked of every other node at each start, before the first vote, and once a second from then on.

  clock @15 () -> (reading :ClockReading);
  # What time it is at the node asked. Nodes ask each other each second, and halve the round trip.

  room @16 (freeBytes :UInt64, short :Bool) -> ();
  # How much room the calling node's disk has, and whether that is less than its reserve. Good until it is said otherwise.

  enum ProposeStatus {
    done @0;
    notLeader @1;          # `leader` is who to ask instead; 0: unknown.
    failed @2;             # May have been stored; proposing the same again is harmless.
  }
}

struct ClockReading {
  # What a node says of the time. Milliseconds since 1970.

  timeMs @0 :UInt64;     # The cluster's time, as this node has it.
  wallMs @1 :UInt64;     # Its machine's clock.
  trust @2 :Trust;       # How well it knows the cluster's time.
  hasDoubts @3 :Bool;    # Its machine's clock is behind what is in the log already: it is wrong for certain.

  enum Trust {
    alone @0;            # From its own machine alone.
    agreed @1;           # A majority has, or had, the same.
    confirmed @2;        # And the clocks of a majority of the machines said so too.
  }
}

struct Mark {
  # How far a node was. Only grows, as long as the node keeps its data.

  data @0 :Text;               # Random, made with its data directory.
  hasVote @1 :Bool;
  vote @2 :Stored.Vote;        # The last that it has given.
  hasApplied @3 :Bool;
  applied @4 :Stored.LogId;    # The last entry that it has applied.
  seal @5 :Data;               # HMAC-SHA256 of all this and of who says it, by a key made of the node's own: nobody else can
                               # make a node believe that it was further than it was.
}

struct Greeting {
  mark @0 :Mark;
  isBehind @1 :Bool;           # It has found out that its data is older than it was, and gives no vote …
  behind @2 :Stored.LogId;     # … until it has come to this entry.
  founds @3 :Bool;             # It has no log yet, and would begin a cluster of these nodes. All must mean the same.
  members @4 :List(Stored.Member);
}

struct MembershipChange {
  # What came of asking for another membership. Answered when it is committed, or after ten seconds. What has begun
  # goes on when the caller is gone; what was interrupted half-way is finished by the next change.

  union {
    done @0 :Void;
    notLeader @1 :UInt64;  # Nothing was changed. This is who to ask instead; 0: unknown.
    refused @2 :Refusal;   # Nothing was changed.
    notCaughtUp :group {   # Nothing was changed: the learner must be nearer to the end of the log first.
      reached @3 :Bool;    # Whether the leader hears from it at all.
      behind @4 :UInt64;   # How many entries are missing; only if it is reached.
    }
    failed @5 :Void;       # May have been, or may yet be, changed; asking the same again is harmless.
  }

  enum Refusal {
    malformed @0;          # No number, an address that is no `host:port`, or a fingerprint that is none.
    taken @1;              # A member has this number, key or address.
    noSuchNode @2;
    lastVoter @3;          # Nobody would be left to decide anything.
    noMajority @4;         # Of those who would vote, too few are reached: nothing could be decided.
    underWay @5;           # Another change is, or the leader is only settling in: try again in a moment.
    nobodyTookOver @6;     # The leader is to go and could not hand leadership on.
    notAllowed @7;         # Who asks has no vote.
    needsSecond @8;        # The node is there, and another must say so too, within ten minutes.
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
