@0xe19c53d27f6ab840;
# The stored forms: what Raft's log, its vote and its snapshots hold on disk, and what the peer
# interface carries of them. Nothing here is in any library's own encoding, so that a library can
# change without a migration.

struct LogId {
  term @0 :UInt64;
  leader @1 :UInt64;       # The node that led in `term` and proposed this.
  index @2 :UInt64;
}

struct Vote {
  # Raft's currentTerm and votedFor, and whether a majority granted it.

  term @0 :UInt64;
  node @1 :UInt64;
  committed @2 :Bool;
}

struct Member {
  node @0 :UInt64;
  peerAddress @1 :Text;    # `host:port` of its peer endpoint.
  clientAddress @2 :Text;  # `host:port` of its client endpoint.
  fingerprint @3 :Data;    # SHA-256 of the public key (SPKI) its certificate must hold.
}

struct Membership {
  # One list of voters, or two while a joint change is under way (Raft paper, section 6).

  configs @0 :List(List(UInt64));
  members @1 :List(Member);   # Voters and learners, in order of id.
}

struct StoredMembership {
  hasLogId @0 :Bool;
  logId @1 :LogId;
  membership @2 :Membership;
}

struct Entry {
  # A log entry. `batch` holds a Batch message as bytes: it is made once, by the leader's proposer, and
  # opened only by apply.

  logId @0 :LogId;
  union {
    blank @1 :Void;
    batch @2 :Data;
    membership @3 :Membership;
  }
}

struct Batch {
  # All commands that arrived at the leader while the batch before was under way.

  stampMs @0 :UInt64;
  # The leader's clock when it packed the batch. Apply uses the larger of this and the last.

  proposals @1 :List(Proposal);

  struct Proposal {
    node @0 :UInt64;         # Which node is waiting for the outcome …
    number @1 :UInt64;       # … under which number of its own.
    command @2 :Data;        # A Command message.
  }
}

struct Command {
  # What changes the state machine. All that is random or slow (ids, hashes, times) was decided before.
  # A node that meets a kind it does not know stops: skipping would make it disagree with the others.

  union {
    unknown @0 :Void;
    register @1 :Register;
    openSession @2 :OpenSession;
    inSession @3 :InSession;
    noteLastSeen @4 :List(UInt64);
  }

  struct Register {
    username @0 :Text;
    displayName @1 :Text;
    verifier @2 :Verifier;
    device @3 :Data;         # SHA-256 of the device's public key (SPKI).
    deviceName @4 :Text;
    token @5 :Data;          # SHA-256 of the session token.
  }

  struct OpenSession {
    user @0 :UInt64;
    verifierVersion @1 :UInt32;   # The one the password was checked against; another since then: refused.
    device @2 :Data;
    deviceName @3 :Text;
    token @4 :Data;
  }

  struct InSession {
    session @0 :UInt64;
    request @1 :UInt64;
    acknowledgedBelow @2 :UInt64;
    act :union {
      unknown @3 :Void;
      send @4 :Send;
      deleteMessage @5 :MessageRef;
      markRead @6 :MessageRef;
      endSession @7 :UInt64;
      deleteAccount @8 :UInt32;   # The verifier version that the password was checked against.
    }
  }

  struct Send {
    to :union {
      conversation @0 :UInt64;
      direct @1 :UInt64;          # A user: the direct conversation with them, made now if there is none.
    }
    messageHigh @2 :UInt64;
    messageLow @3 :UInt64;
    payload @4 :Data;
  }

  struct MessageRef {
    conversation @0 :UInt64;
    position @1 :UInt64;
  }
}

struct Verifier {
  # What a password is checked against. A union, so that another scheme can follow.

  union {
    unknown @0 :Void;
    argon2id @1 :Text;       # A PHC string: parameters, salt and hash.
  }
}

struct SnapshotHeader {
  # The first block of a snapshot file. The rows follow in key order, in blocks of their own.

  format @0 :UInt32;
  cluster @1 :Text;
  hasLastApplied @2 :Bool;
  lastApplied @3 :LogId;
  membership @4 :StoredMembership;
  change @5 :UInt64;         # The change counter.
  stateHash @6 :Data;        # The rolling hash at `lastApplied`.
}
