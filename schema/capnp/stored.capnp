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
    noteDelivered @5 :List(Delivered);
    noteUse @6 :List(SessionUse);
    erase @7 :Void;          # The next piece of what is to be erased: of a deleted account, of a group without members.
  }

  struct Register {
    username @0 :Text;
    displayName @1 :Text;
    verifier @2 :Verifier;
    device @3 :Data;         # SHA-256 of the device's public key (SPKI).
    deviceName @4 :Text;
    token @5 :Data;          # SHA-256 of the session token.
    address @6 :Text;        # The IP address the device spoke from; may be empty.
  }

  struct OpenSession {
    user @0 :UInt64;
    verifierVersion @1 :UInt32;   # The one the password was checked against; another since then: refused.
    device @2 :Data;
    deviceName @3 :Text;
    token @4 :Data;
    address @5 :Text;
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
      deleteAccountAndMessages @9 :UInt32;
      edit @10 :Edit;
      react @11 :React;
      pinMessage @12 :MessageSwitch;
      markUnread @13 :UInt64;     # A conversation.
      mute @14 :Mute;
      pinConversation @15 :Switch;
      saveDraft @16 :Draft;
      block @17 :Switch;          # Of a user.
      setProfile @18 :Profile;
      createGroup @19 :Group;
      addMembers @20 :Members;
      removeMember @21 :Membership;
      setRole @22 :SetRole;
      leave @23 :UInt64;          # A conversation.
      rename @24 :Rename;
      endOtherSessions @25 :Void;
      changePassword @26 :ChangePassword;
    }
  }

  struct Delivered {
    user @0 :UInt64;
    conversation @1 :UInt64;
    position @2 :UInt64;
  }

  struct SessionUse {
    session @0 :UInt64;
    address @1 :Text;
  }

  struct Edit {
    conversation @0 :UInt64;
    position @1 :UInt64;
    payload @2 :Data;
  }

  struct React {
    conversation @0 :UInt64;
    position @1 :UInt64;
    emoji @2 :Text;
    on @3 :Bool;
  }

  struct MessageSwitch {
    conversation @0 :UInt64;
    position @1 :UInt64;
    on @2 :Bool;
  }

  struct Switch {
    id @0 :UInt64;
    on @1 :Bool;
  }

  struct Mute {
    conversation @0 :UInt64;
    untilMs @1 :UInt64;
  }

  struct Draft {
    conversation @0 :UInt64;
    draft @1 :Data;
  }

  struct Profile {
    displayName @0 :Text;         # Empty: as it is.
    presence @1 :Setting;
    receipts @2 :Setting;
  }

  enum Setting {
    unchanged @0;
    on @1;
    off @2;
  }

  struct Group {
    title @0 :Text;
    members @1 :List(UInt64);
  }

  struct Members {
    conversation @0 :UInt64;
    members @1 :List(UInt64);
  }

  struct Membership {
    conversation @0 :UInt64;
    user @1 :UInt64;
  }

  struct SetRole {
    conversation @0 :UInt64;
    user @1 :UInt64;
    role @2 :MemberRole;
  }

  enum MemberRole {
    member @0;
    admin @1;
    owner @2;
  }

  struct Rename {
    conversation @0 :UInt64;
    title @1 :Text;
  }

  struct ChangePassword {
    verifierVersion @0 :UInt32;   # As in `openSession`: the one that the old password was checked against.
    verifier @1 :Verifier;
    keepOtherSessions @2 :Bool;
  }

  struct Send {
    to :union {
      conversation @0 :UInt64;
      direct @1 :UInt64;          # A user: the direct conversation with them, made now if there is none.
    }
    messageHigh @2 :UInt64;
    messageLow @3 :UInt64;
    payload @4 :Data;
    mentions @5 :List(UInt64);
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
