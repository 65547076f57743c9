@0xe19c53d27f6ab840;
# The stored forms: what Raft's log, its vote and its snapshots hold on disk, and what the peer
# interface carries of them. Nothing here is in any library's own encoding, so that a library can
# change without a migration. The rows of the state machine are not here: they are CBOR, under
# `node/state/src/rows`.
#
# On disk each message is unpacked, with its segment table, and sealed: a version, a length, and a
# checksum over all of it (`node/src/store/log/record.rs`). Bytes that do not fit their seal are damage,
# and a node says so; it never reads on as if nothing had been there.
#
# The same log must give the same rows on every node, in every version. So a member is never given
# another meaning, an ordinal never given again, and a new kind of command or act is a new member of its
# union. It comes with a feature level (`schema/src/level.rs`), and is refused until the cluster is at that,
# which it is when all its nodes know it. A node that meets one that it does not know all the same stops:
# skipping it would make that node disagree with the others. A leader takes no command from another node
# that it cannot read itself.
#
# Texts and numbers in commands are checked when they are applied, and refused as an outcome that is the
# same on every node; only usernames, roles, settings and digests that cannot be make a command
# unreadable. Every limit below stands in `schema/src/limits.rs`.

using Act = import "act.capnp";

struct LogId {
  # A place in the log. Of two places in one log, the later has the higher term or the higher index.

  term @0 :UInt64;
  # The Raft term that the entry was proposed in.

  leader @1 :UInt64;
  # The node that led in `term` and proposed this.

  index @2 :UInt64;
  # Counts up by one from 0, the entry that a cluster begins with. Below 2^56.
}

struct Vote {
  # Raft's currentTerm and votedFor, and whether a majority granted it. Synced to disk before anybody is
  # told of it.

  term @0 :UInt64;
  # Only grows, by elections. One that is further ahead than any election leads is not believed.

  node @1 :UInt64;
  # The candidate or leader that it is for.

  committed @2 :Bool;
  # That node became leader: a majority has granted it.
}

struct Member {
  # A node as the membership lists it. Said by an operator, in `node.toml` or with `cluster add`, and the
  # same from then on: a node that moves is removed and added again under another number.

  node @0 :UInt64;
  # Its number, from 1. Never given to another node, not even after it was removed.

  peerAddress @1 :Text;
  # `host:port` of its peer endpoint.

  clientAddress @2 :Text;
  # `host:port` of its client endpoint, which devices are told.

  fingerprint @3 :Data;
  # 32 bytes: SHA-256 of the public key (SPKI) its certificate must hold. A certificate that is renewed
  # for the same key keeps it. Of another length: the membership cannot be read.
}

struct Membership {
  # One list of voters, or two while a joint change is under way (Raft paper, section 6).

  configs @0 :List(List(UInt64));
  # The nodes that vote. With two lists a decision takes a majority of each. No list: before the first
  # membership.

  members @1 :List(Member);
  # Voters and learners, in order of id, 32 at most. Every voter is among them.
}

struct StoredMembership {
  # A membership with the place of the entry that it came in.

  hasLogId @0 :Bool;
  # Whether `logId` is set. It is not where there was no membership yet.

  logId @1 :LogId;
  # The entry's place. Of two memberships the one with the higher place is the newer.

  membership @2 :Membership;
  # What that entry says.
}

struct Entry {
  # A log entry. `batch` holds a Batch message as bytes: it is made once, by the leader's proposer, and
  # opened only by apply, and by a follower that makes sure that it can be read. The bytes of an entry
  # are the same on every node, on disk and on the wire.

  logId @0 :LogId;
  # The place that the leader gave it.

  union {
    # An entry of a kind that a node does not know cannot be read, and is not acknowledged.

    blank @1 :Void;
    # A new leader's first: what earlier leaders left is committed with it. Writes no row.

    batch @2 :Data;
    # A Batch message: commands.

    membership @3 :Membership;
    # It counts for elections and majorities as soon as it is in a node's log, for who is let in once it
    # is applied.
  }
}

struct Batch {
  # All commands that arrived at the leader while the batch before was under way. Each is applied by
  # itself: one that is refused is no hindrance to the next. How commands are packed makes no difference
  # to the rows. At most 4,096 commands, about 1 MiB, and about 2,048 rows to be written.

  stampMs @0 :UInt64;
  # The cluster's time, as the leader had it when it packed the batch, in ms since 1970. Apply uses the
  # larger of this and the last. What it is ahead of the last by is added to the cluster's age, a day at
  # most.

  proposals @1 :List(Proposal);
  # In the order in which they are applied.

  struct Proposal {
    # A command with the place where its outcome is waited for.

    node @0 :UInt64;
    # Which node is waiting for the outcome …

    number @1 :UInt64;
    # … under which number of its own. Numbers begin at random with each start: after a restart the log
    # is applied again, and nobody must take an old outcome for a new one.

    command @2 :Data;
    # A Command message.
  }
}

struct Command {
  # What changes the state machine. All that is random or slow (ids, hashes, times) was decided before.
  # A node that meets a kind it does not know stops: skipping would make it disagree with the others.
  # Made by the node that the device, or the news, has come to.
  #
  # Applying the same command again, in a later entry, changes nothing and has the same outcome. That is
  # what makes it harmless to propose one again when nobody answered.

  union {
    unknown @0 :Void;
    # Never written: a message that nobody has filled in must not be taken for a command.

    register @1 :Register;
    # Make an account and its first session.

    openSession @2 :OpenSession;
    # Open a session for an account whose password was checked.

    inSession @3 :InSession;
    # Do something as the user of a session.

    noteLastSeen @4 :List(UInt64);
    # These users were online at the batch's stamp. Each is noted at most once a minute; those who are
    # gone, or hide it, are passed over. 512 at most, like the next two.

    noteDelivered @5 :List(Delivered);
    # What has reached devices, gathered on one node for half a second. Marks go forward only.

    noteUse @6 :List(SessionUse);
    # These sessions were used at the batch's stamp. An empty list notes that time has passed, so that
    # sessions grow old where nobody does anything: the leader logs one every six hours.

    erase @7 :Void;
    # The next piece of what is to be erased: of a deleted account, of a group without members. 256 rows,
    # or one message more. Where the piece after it begins stands in the rows: one too many does nothing.

    raiseLevel @8 :UInt32;
    # The cluster's feature level is this from here on; one that it is at, or above, changes nothing. Proposed
    # by a leader when an operator asks for it and all members know the level (`Peer.finalize`). A node that
    # does not know it all the same cannot read the command, and stops.
  }

  struct Register {
    # Repeated with the same token, username and device it gives the same session. A token that is
    # another session's is refused.

    username @0 :Text;
    # The name to log in with. One that is not `[a-z0-9._-]{2,32}` makes the command unreadable, so a node
    # checks it before; whether it is free is decided when this is applied.

    displayName @1 :Text;
    # The name to show, at most 128 bytes; the username if nothing can be seen in it.

    verifier @2 :Verifier;
    # What passwords will be checked against. Made by the node that was asked.

    device @3 :Data;
    # 32 bytes: SHA-256 of the device's public key (SPKI). The session is bound to it.

    deviceName @4 :Text;
    # What the user calls the device, at most 64 bytes.

    token @5 :Data;
    # 32 bytes: SHA-256 of the session token, which only the device has.

    address @6 :Text;
    # The IP address the device spoke from; may be empty.
  }

  struct OpenSession {
    # Repeated with the same token, user and device it gives the same session.

    user @0 :UInt64;
    # The user whose session it is.

    verifierVersion @1 :UInt32;
    # The one the password was checked against; another since then: refused with `accountChanged`.

    device @2 :Data;
    # As in Register.

    deviceName @3 :Text;
    # As in Register.

    token @4 :Data;
    # As in Register.

    address @5 :Text;
    # As in Register.
  }

  struct InSession {
    # An act of a session's user. It is refused with `sessionEnded` if the session is no longer open when
    # this is applied.

    session @0 :UInt64;
    # The session in whose name it is done.

    request @1 :UInt64;
    # The request's number in the session: see `RequestStamp` in `client.capnp`. A repeat is answered
    # with the first outcome, as long as that is among the newest 128. 0 for `send`, which is known by its
    # message id instead, for ever.

    acknowledgedBelow @2 :UInt64;
    # The client has the outcomes of all requests below: they are forgotten. Counts up to `request` at
    # most.

    union {
      # What to do.

      unknown @3 :Void;
      # Never written: see `Command.unknown`.

      asked @4 :Act.Act;
      # What the client asked for, in the form in which it did.

      changePassword @5 :ChangePassword;
      # Let another password open the account. Done under any request number; again under another it is
      # refused with `accountChanged`, as the verifier has another version.

      deleteAccount @6 :DeleteAccount;
      # Delete one's account. Done under any request number.
    }
  }

  struct Delivered {
    # A device of a user holds a conversation up to a position. Passed over where the user is not a member,
    # tells nobody, or is one of more than 32.

    user @0 :UInt64;
    # The user whose device it is.

    conversation @1 :UInt64;
    # The conversation's id.

    position @2 :UInt64;
    # Up to where. One beyond the last message means the last.
  }

  struct SessionUse {
    # A session was used. Noted at most once an hour, but for a new address. One that has ended is passed
    # over.

    session @0 :UInt64;
    # The session's id.

    address @1 :Text;
    # The IP address it was used from. Empty: not known, and the one before stays.
  }

  struct ChangePassword {
    # Another password for the account of the user who acts.

    verifierVersion @0 :UInt32;
    # As in `openSession`: the one that the old password was checked against.

    verifier @1 :Verifier;
    # What the new password will be checked against. Its version is one higher.

    keepOtherSessions @2 :Bool;
    # The user's other sessions stay; otherwise they end.
  }

  struct DeleteAccount {
    # The end of the account of the user who acts.

    verifierVersion @0 :UInt32;
    # The one that the password was checked against: another since then is refused with `accountChanged`.

    eraseMessages @1 :Bool;
    # What was said becomes tombstones; otherwise it stays, shown as from a deleted account.
  }
}

struct Verifier {
  # What a password is checked against. A union, so that another scheme can follow. Only the node that
  # was asked ever sees the password itself.

  union {
    unknown @0 :Void;
    # Never written. A node that meets it, or a scheme that it does not know, stops.

    argon2id @1 :Text;
    # A PHC string: parameters, salt and hash. A password is checked with the parameters that stand here,
    # whatever those for new ones are.
  }
}

struct SnapshotHeader {
  # The first block of a snapshot file. The rows follow in key order, in blocks of their own, then their
  # number and a hash of all of it. The same state gives the same bytes on every node. Written to a file
  # of another name, synced and renamed: a crash leaves the snapshot before.

  format @0 :UInt32;
  # Of the whole file: 1. A node refuses any other.

  cluster @1 :Text;
  # The cluster's name. A node refuses a snapshot of another.

  hasLastApplied @2 :Bool;
  # Whether `lastApplied` is set.

  lastApplied @3 :LogId;
  # The last entry whose effects are in the rows. A snapshot from another node must have one.

  membership @4 :StoredMembership;
  # The membership as of that entry.

  change @5 :UInt64;
  # The change counter: the number of the last change in any feed.

  stateHash @6 :Data;
  # 32 bytes: the rolling hash at `lastApplied`.

  level @7 :UInt32;
  # The cluster's feature level at `lastApplied`, which stands in the rows too. A node that does not know it
  # refuses the snapshot before it reads any row.
}
