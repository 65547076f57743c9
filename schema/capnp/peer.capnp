@0xc8d2b1906e3f5a74;
# The peer interface: what nodes ask of each other (ALPN `raftchat-peer/1`, its own endpoint, node
# certificates only). A node that is not in the membership, or whose public key is not the one listed
# there, is refused before its first call: a node knows for certain which other one is calling.
#
# A peer connection carries several streams, each a vat of its own with the same bootstrap Peer: one
# for the log, one for heartbeats, votes and other small calls, so that a long append never delays a
# heartbeat. Snapshots use a second connection. Whoever runs a node may speak for it too: commands like
# `raftchatctl cluster add` connect with the certificate in its directory.
#
# Every call may be repeated, and every answer may be lost. An exception says nothing about whether the
# call was carried out, unless the link was never there.
#
# Members are trusted as far as Raft trusts them, and no further. A claim that no node that keeps to
# Raft makes (a term, a place in the log, a vote in another's name) is refused with an exception before
# Raft hears of it: `node/src/raft/trust/claims.rs`. What one node may have under way here, and how often it
# may speak, stands in `schema/src/budgets.rs`; `node/src/peers/budget.rs` keeps count.
#
# An enum value or a member of a union that a node does not know makes the whole message unreadable, and
# the call an exception, unless the field says otherwise.

using Stored = import "stored.capnp";

interface Peer {
  # One node, as another sees it: the bootstrap capability of every stream.

  append @0 (request :AppendRequest) -> (response :AppendResponse);
  # Raft AppendEntries, from the leader. Called as a stream: up to 64 in flight, handled in order,
  # answered in order, each once its entries are on this node's disk.
  #
  # After a refusal those already in flight get an exception, and the leader begins again from there.
  # Entries that are not committed yet and are stamped more than 30 s ahead of this node's time are not
  # taken: an exception, after 200 ms. A repeat is harmless: what is there already is not written again.

  vote @1 (request :VoteRequest) -> (response :VoteResponse);
  # Raft RequestVote, from a candidate. The vote is on disk before it is answered. A node that does not
  # yet know whether its data is what it was, or knows that it is older, answers without granting: see
  # `greet`. A repeat is harmless: a node gives its vote to one candidate in each term.

  preVote @2 (request :VoteRequest) -> (response :VoteResponse);
  # The same asked without consequences (Raft thesis, section 9.6): nothing is promised or written.

  snapshot @3 (vote :Stored.Vote, snapshotId :Text, length :UInt64)
      -> (transfer :SnapshotTransfer, haveBytes :UInt64);
  # The leader opens the transfer of a snapshot file, to a node that is too far behind for the log.
  #
  # `vote`: the leader's. `snapshotId`: names the content, from 1 to 120 bytes; the same on every node
  # for the same state. `length`: of the whole file, from 1 byte to 1 TiB. `haveBytes`: what an earlier
  # attempt at the same `snapshotId` has left, also before a crash of this node: the sender goes on from
  # there. What was left of another one is removed. One node may have two transfers open here.

  transferLeadership @4 (from :Stored.Vote, to :UInt64, hasLastLog :Bool, lastLog :Stored.LogId) -> ();
  # The leader asks the follower `to` to stand for election now. It tells the other nodes as well, which
  # for the next three seconds believe that node that it was asked.
  #
  # `from`: the leader's vote; it must be the one that this node follows. `lastLog`: the last entry of
  # the leader's log, if `hasLastLog`: the follower is to have it before it stands. Returns when it was
  # taken in, not when somebody was elected. An exception: it was not accepted.

  propose @5 (proposals :List(Stored.Batch.Proposal), rows :UInt32) -> (status :ProposeStatus, leader :UInt64);
  # A follower's proposer hands commands to the leader's, which puts them into its next entry.
  #
  # `proposals`: at most 4,096, and little more than 1 MiB in all; each is opened, and one that cannot be
  # read is refused with all the others, as in the log it would stop every node. Their `node` is taken
  # from the link, whatever it says. `rows`: about how many rows they write; those of many travel apart
  # from those of few. One node may have 16 such calls open here; beyond it the answer is `notLeader`.
  #
  # Answered when they are committed: the outcomes come to the caller with the log, when it applies the
  # entry itself. A repeat stores the commands twice and does them once.

  readIndex @6 () -> (status :ProposeStatus, leader :UInt64, index :UInt64);
  # Asks the leader for a log index that, once applied, makes a read on the caller linearizable (Raft
  # thesis, section 6.4). The leader confirms with a majority that it leads; it never rests on a lease.
  # `index` is set with `done` alone. `failed`: no majority has answered. One node may have four open.

  presence @7 (update :PresenceUpdate) -> ();
  # The users who are online on the calling node. Lost ones do no harm: the full set follows within a
  # second. 100 a second from one node; what is more is dropped.

  heartbeat @8 (request :AppendRequest) -> (response :AppendResponse);
  # AppendEntries without entries, beside the stream of `append`: answered without waiting for what is
  # being written. One with entries is refused.

  members @9 () -> (membership :Stored.StoredMembership, leader :UInt64);
  # `membership`: the newest that the node asked knows to be committed. `leader`: whom it takes for the
  # leader; 0: nobody. Only a leader's answer is sure to be the newest.
  #
  # A node that has had no leader for two seconds asks for it, and so lets in who has joined meanwhile.
  # It takes in additions alone: nobody is shut out or given another key on one node's word.

  addMember @10 (member :Stored.Member) -> (change :MembershipChange);
  # Adds a node that receives the log and does not vote: a learner. The others let it in as soon as they
  # have applied it; it need not run yet. A number that a member has with another key or address, and a
  # key or address that another member has, is refused. Done too if exactly this member is there already.
  #
  # Like the next two: only the leader does it, one at a time, only for a node that votes (any node may
  # ask for its own removal), and only while a majority is reached. 60 a minute from one node.

  promote @11 (node :UInt64) -> (change :MembershipChange);
  # Gives a learner its vote, once it is reached and no more than 256 entries behind. Done too if it
  # votes already.

  removeMember @12 (node :UInt64) -> (change :MembershipChange);
  # Takes a node out, voter or learner; it is let in no more. Its number is not to be given again. A
  # leader that is to go first hands leadership on and answers `notLeader`: ask the next one. A node that
  # is not there is `noSuchNode`, also when an earlier call, whose answer was lost, has taken it out. A
  # node that the leader hears is taken out by its own word, or by that of two others within ten minutes:
  # the first is answered `needsSecond`.

  typing @13 (conversation :UInt64, user :UInt64, active :Bool) -> ();
  # Somebody on the calling node is writing in that conversation, or no longer. A hint for those who
  # listen on this node: lost ones do no harm. 2,000 a second from one node; what is more is dropped.

  drain @14 (deadlineMs :UInt32) -> ();
  # The node asked is to stop: it hands leadership on, sends its devices to other nodes, and ends when
  # none is left, or after `deadlineMs`, an hour at most. Answered when it has begun. Asking again is no
  # error and changes nothing: the first deadline holds. Only in the node's own name: no other may end
  # it.

  greet @17 (greeting :Greeting) -> (greeting :Greeting, known :List(Mark));
  # How far the caller is, and how far it has said to be before. A node whose data is an older copy
  # learns it so: it is told its own former words.
  #
  # `greeting`: what each says of itself. `known`: what the node asked remembers of the caller from
  # before this call, two marks at most: of the furthest entry, and of the latest vote. They are kept
  # beside the data, and where they are lost an older copy may go unnoticed; nothing else depends on them.
  #
  # Asked of every other node at each start, every 50 ms and before the first vote, and once a second
  # from then on.

  clock @15 () -> (reading :ClockReading);
  # What time it is at the node asked. Nodes ask each other each second, and take half the round trip for
  # the way back. An answer that took longer than 900 ms is passed over; one is good for five seconds.

  room @16 (freeBytes :UInt64, short :Bool) -> ();
  # How much room the calling node's disk has (`freeBytes`, 0: not known), and whether that is less than
  # its reserve (`short`). Told every two seconds; good until it is said otherwise.

  finalize @18 (level :UInt32) -> (change :MembershipChange);
  # Raises the cluster's feature level to `level`, the next, once every member, voter or learner, has said
  # within the last five seconds that it knows it; `notUpgraded` names the first that has not. Only the
  # leader does it, through the log: from then on what came with the level is taken, and no node that does
  # not know it can be a member. Done too if the cluster is at that level already. A node that dies meanwhile
  # meets it in the log. 60 changes a minute from one node.

  enum ProposeStatus {
    # What came of asking a leader for something.

    done @0;
    # It is committed; of `readIndex`: `index` is set.

    notLeader @1;
    # Nothing was stored. `leader` is who to ask instead; 0: unknown, ask again in a moment.

    failed @2;
    # May have been stored; proposing the same again is harmless. A status that the caller does not know
    # is read as this one.
  }
}

struct ClockReading {
  # What a node says of the time when it is asked. Milliseconds since 1970.

  timeMs @0 :UInt64;
  # The cluster's time, as this node has it.

  wallMs @1 :UInt64;
  # Its machine's clock, which is a witness and no more.

  trust @2 :Trust;
  # How well it knows the cluster's time.

  hasDoubts @3 :Bool;
  # Its machine's clock is more than 5 s behind the last stamp in the log, or behind the beginning of the
  # node's own certificate: it is wrong for certain.

  enum Trust {
    # Each is stronger than those before it. Unset is the weakest.

    alone @0;
    # From its own machine alone. It stamps nothing yet.

    agreed @1;
    # A majority has, or had, the same.

    confirmed @2;
    # And the clocks of a majority of the machines said so too.
  }
}

struct Mark {
  # How far a node was: what it says of itself, and what others keep of that to tell it later. Only
  # grows, as long as the node keeps its data.

  data @0 :Text;
  # Random, made with its data directory: 32 hexadecimal digits. Another one says that the directory was
  # replaced. One of more than 64 bytes is not kept.

  hasVote @1 :Bool;
  # Whether `vote` is set.

  vote @2 :Stored.Vote;
  # The last that it has given, for itself or another.

  hasApplied @3 :Bool;
  # Whether `applied` is set.

  applied @4 :Stored.LogId;
  # The last entry that it has applied.

  seal @5 :Data;
  # 32 bytes: HMAC-SHA256 of all this and of who says it, by a key made of the node's own private key:
  # nobody else can make a node believe that it was further than it was. Only that node checks it; a mark
  # that is not its own it passes over. Of another length: the greeting cannot be read.

  start @6 :UInt64;
  # Random, made when its program was started. What a run of the program before the present one has
  # said, the data must have held when the present one began.
}

struct Greeting {
  # What a node says of itself when it meets another. Filled in anew for each call.

  mark @0 :Mark;
  # How far it is now.

  isBehind @1 :Bool;
  # It has found out that its data is older than it was, and gives no vote …

  behind @2 :Stored.LogId;
  # … until it has come to this entry. The entry 0 of term 0: only a vote is missing.

  founds @3 :Bool;
  # It has no log yet, and would begin a cluster of the nodes in `members`. The node that begins it does
  # so when all of them say the same; or when a majority does, nobody says anything else, and five
  # seconds have passed.

  members @4 :List(Stored.Member);
  # Only with `founds`: the list in its configuration, 32 at most.

  syncMs @5 :UInt32;
  # How long its disk may well take to make something durable, in ms. Elections wait for the slowest that
  # is told; no more than 5,000 is believed.

  start @6 :UInt64;
  # Random, made when its program was started. What a run of the program before the present one has
  # said, the data must have held when the present one began.

  newestLevel @7 :UInt32;
  # The highest feature level that its program knows. 0, as of a program from before there were levels, is
  # none.
}

struct MembershipChange {
  # What came of asking for another membership, or another level. Answered when it is committed, or after ten seconds. What
  # has begun goes on when the caller is gone; what was interrupted half-way, by the leader's death for
  # example, is finished by the next change.

  union {
    done @0 :Void;
    # It is committed, or was so already.

    notLeader @1 :UInt64;
    # Nothing was changed. This is who to ask instead; 0: unknown.

    refused @2 :Refusal;
    # Nothing was changed.

    notCaughtUp :group {
      # Nothing was changed: the learner must be nearer to the end of the log first.

      reached @3 :Bool;
      # Whether the leader hears from it at all, and knows how far it is.

      behind @4 :UInt64;
      # How many entries are missing; only if it is reached.
    }

    failed @5 :Void;
    # May have been, or may yet be, changed; asking the same again is harmless.

    notUpgraded :group {
      # Of `finalize`: nothing was changed, as a member is not known to know the level.

      node @6 :UInt64;
      # The member.

      newest @7 :UInt32;
      # The highest level that it knows. 0: the leader has not heard from it lately.
    }
  }

  enum Refusal {
    # Why nothing was changed. Each has a sentence for the operator in `schema/src/peer.rs`.

    malformed @0;
    # No number, an address that is no `host:port`, the same address twice, a fingerprint of nothing but
    # zeros; or there would be more than 32 members.

    taken @1;
    # A member has this number, key or address.

    noSuchNode @2;
    # No member has this number.

    lastVoter @3;
    # Nobody would be left to decide anything.

    noMajority @4;
    # Of those who vote, or would vote then, too few are reached: nothing could be decided.

    underWay @5;
    # Another change is, or the leader is only settling in: try again in a moment.

    nobodyTookOver @6;
    # The leader is to go and could not hand leadership on within three seconds.

    notAllowed @7;
    # The node that asks has no vote.

    needsSecond @8;
    # The node is there, and another must say so too, within ten minutes.
  }
}

struct AppendRequest {
  # Raft AppendEntries: entries to append, or none, as a heartbeat.

  vote @0 :Stored.Vote;
  # The leader's, committed, in its own name. A lower one than this node's is answered with `higherVote`.

  hasPrevious @1 :Bool;
  # Whether `previous` is set. It is not before the very first entry.

  previous @2 :Stored.LogId;
  # The entry before the first of these. If this node has another there, or none: `conflict`.

  entries @3 :List(Data);
  # Each a Stored.Entry message, byte for byte as the leader's log holds it, with indexes that follow
  # `previous` without a gap. A leader puts 512 into one request at most.

  hasCommitted @4 :Bool;
  # Whether `committed` is set.

  committed @5 :Stored.LogId;
  # Up to where the leader knows its log to be committed: this node may apply that.
}

struct AppendResponse {
  # What came of an AppendRequest. Unset is `success`.

  union {
    success @0 :Void;
    # All of it is durable on this node.

    partialSuccess :group {
      # A part of it is.

      hasMatching @1 :Bool;
      # Whether `matching` is set; if it is not, nothing of it is durable.

      matching @2 :Stored.LogId;
      # It is durable up to this entry, which is neither before the request's `previous` nor after its
      # last.
    }

    conflict @3 :Void;
    # This node has another entry at `previous`, or none: the leader goes back.

    higherVote @4 :Stored.Vote;
    # This node has promised this vote, which is higher than the leader's: it leads no more.
  }
}

struct VoteRequest {
  # A candidate asks for a vote, or, as a pre-vote, whether it would get one.

  vote @0 :Stored.Vote;
  # What it asks for: a term, in its own name, not committed.

  hasLastLog @1 :Bool;
  # Whether `lastLog` is set.

  lastLog @2 :Stored.LogId;
  # The last entry of its log. A node whose own log goes further gives it no vote.

  leadershipTransfer @3 :Bool;
  # The leader itself asked it to stand, so a living leader is no reason to refuse. Believed only if the
  # leader has told this node so within the last three seconds.
}

struct VoteResponse {
  # The answer to a VoteRequest.

  vote @0 :Stored.Vote;
  # The vote of the node that answers, afterwards.

  granted @1 :Bool;
  # Whether the candidate has, or would have, this node's vote.

  hasLastLog @2 :Bool;
  # Whether `lastLog` is set.

  lastLog @3 :Stored.LogId;
  # The last entry of the log of the node that answers.
}

interface SnapshotTransfer {
  # One snapshot on its way to a node. Dropping it gives the transfer up; what has arrived stays there
  # for the next attempt, until another snapshot is sent or the node's disk is cleaned of what was
  # deleted.

  block @0 (offset :UInt64, bytes :Data) -> ();
  # In order, each starting where the one before ended, from 1 byte to 256 KiB. Returns when it is
  # written, not when it is durable. One at another place is an exception: open the transfer again.

  finish @1 () -> (vote :Stored.Vote);
  # The receiver syncs the file, checks all of it, keeps it as its newest, installs its rows in place of
  # its own, and answers with its own vote. A file that is damaged, or of another cluster, is removed: an
  # exception, and the next attempt begins anew. May take minutes.
}

struct PresenceUpdate {
  # Which users have live sessions on the calling node.

  full @0 :Bool;
  # It replaces all that was said before; otherwise the lists are what changed.

  online @1 :List(UInt64);
  # The users who have. With `offline`, 65,536 at most.

  offline @2 :List(UInt64);
  # The users who have no longer. Of a user in both lists this one counts.

  leaseMs @3 :UInt64;
  # For how many ms it is good from arrival: 2,000. The receiver takes no more than that, and a second
  # where it has no link to the node that said so.
}
