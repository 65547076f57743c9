@0xa54f1c3e88d07b25;
# The client interface: what a device may ask of a node, as object capabilities.
#
# A device opens one QUIC connection (ALPN `raftchat/1`) with its certificate, opens one bidirectional
# stream, and speaks two-party Cap'n Proto RPC on it, unpacked and with nothing before it. The
# bootstrap capability is a Gateway. From there authority is only ever handed out: a Gateway gives a
# Session to whoever proves to be the user, a Session gives Conversations. Holding the capability is
# the permission; no token travels with a call.
#
# A connection is bound to one node. When it ends, every capability from it is dead; the client
# connects to any node and calls `resume` with its token. Nothing of a session lives only in a node's
# memory but the fact that it is online, and its subscriptions.
#
# A device that is new to an account takes a cursor first (`catchUp`), then fetches users,
# conversations and the newest messages, and subscribes from that cursor: what changes meanwhile comes
# in the feed, and is put in its place by its number. From then on the feed is all that it needs; lists
# and `history` are for what it does not hold.
#
# Links and datagrams. A device may hold links to several nodes at once, with the same session on
# each; changes are numbered, so that the client can drop those that it has already had. Beside the
# stream, both sides send QUIC datagrams, which may be lost. The first byte is the kind, and a
# receiver passes over a kind that it does not know:
#   1, beat, either way. The bytes that follow have no meaning; from a device's new address there are
#     many of them, so that the node may send as much back before it has validated that address. A
#     beat says that the path and the process are alive. A node sends it to a device that asked for it
#     with `attend`, in each slot in which it sent that device nothing else; a device sends it to keep
#     its address known, and to learn from the system if nobody listens there any more.
#   2, activate, from a device. The bytes of a Cursor follow. It does what `Subscription.activate`
#     does, for all armed subscriptions on this link, and is sent a few times, as a lost one would
#     cost a round trip.
#
# Answers. A method with `refused` in its results sets either `refused` or the rest. A refusal says
# that nothing was stored. An exception (`disconnected`, `overloaded`, `failed`) says nothing about
# what happened: the call may have taken effect. A client repeats it, on any node, with the same
# message id or request number, and gets the first outcome.
#
# Limits. What a call may carry stands in `schema/src/limits.rs`, what a link or a device may hold and
# spend in `schema/src/budgets.rs`. Whoever asks too fast is refused with `rateLimited` and told when
# to come back; what cannot be read (an enum value that the node does not know, text that is not
# UTF-8) is refused with `malformedRequest`.
#
# Refusals that any method of a Session or a Conversation may give, and that are not repeated below:
# `sessionEnded`, `rateLimited`, `busy`, `noLeader` (no majority was found in time, and nothing was
# stored) and, for a read, `behind` (see `haveSeen`).

using Act = import "act.capnp";
using Types = import "types.capnp";

struct NodeAddress {
  # One member of the cluster, as `Gateway.hello` lists it. Filled in from the membership in the log.

  id @0 :UInt64;
  # The node's number, from 1. It is never given to another node.

  address @1 :Text;
  # `host:port` of the node's client endpoint. A client keeps it in its profile, to find the cluster
  # again when the nodes it was configured with are gone.
}

struct Cursor {
  # Where a device stands in the change feed: all its synchronisation state. Opaque: a client stores
  # it and gives it back, to any node, after any time. There is none that is too old.

  bytes @0 :Data;
  # Made by nodes (21 bytes: a version, the cluster, its epoch and the number of a change). Empty:
  # from the beginning. One of another cluster, or of before a restore, is refused with
  # `foreignCursor`, bytes that are no cursor with `malformedRequest`.
}

struct RequestStamp {
  # Makes a call repeatable. The cluster remembers the outcomes of the newest 128 requests of a
  # session in its rows, so any node answers a repeat with the first outcome, refusals included, and
  # nothing is done twice, whichever node has died in between. Not remembered are `rateLimited` and
  # what a node refuses before it proposes anything: the same number may be used again for these.

  number @0 :UInt64;
  # Chosen by the client, higher for each new request of the session: the nanoseconds since 1970 by
  # the cluster's time, the lowest 20 bits drawn by lot, as several programs may share a session; and
  # above `Granted.highestRequest` in any case. More than a day above the cluster's time is
  # `malformedRequest`; below what the service remembers is `staleRequest`. What ends sessions or
  # secures the account, that is the acts `endSession` and `endOtherSessions`, and `changePassword` and
  # `deleteAccount`, is done under any number. `send` neither asks nor fills what is remembered.

  acknowledgedBelow @1 :UInt64;
  # The client has the outcomes of all requests below this: they may be forgotten. 0: none. Our own
  # client always says 0, as another program that shares the session may still wait for some.
}

interface Gateway {
  # What a device can do before it is anybody: the bootstrap capability of every connection. Any
  # device whose certificate is of the cluster's device authority gets one.

  hello @0 () -> (cluster :Text, node :UInt64, version :Text, nodes :List(NodeAddress), timeMs :UInt64,
      level :UInt32, refused :Types.Refusal);
  # Answers from what this node holds, without asking another, and changes nothing.
  #
  # `cluster`: the name in the certificates. `node`: who answers. `version`: of its program, for
  # people; nothing is decided by it. `nodes`: the members of the cluster as this node knows them,
  # voters and learners, itself included. `timeMs`: the cluster's time as this node has it, in ms
  # since 1970. `level`: the cluster's feature level, as far as this node has applied; acts of a higher one
  # are refused with `notYet`. It never goes back.
  #
  # One device may ask this, `status` and `resume` 20 times a second, and 100 times at once.

  register @1 (username :Text, displayName :Text, password :Text, token :Data, deviceName :Text)
      -> (granted :Granted, refused :Types.Refusal);
  # Makes an account and its first session.
  #
  # `username`: `[a-z0-9._-]{2,32}`, given once and never again (`usernameTaken`,
  # `malformedUsername`). `displayName`: at most 128 bytes; the username is shown if it is empty or
  # blank. `password`: from 8 characters to 1024 bytes, and not one that is guessed first
  # (`weakPassword`); the node hashes it, and neither the log nor any other node sees it. `token`: 32
  # random bytes from the client, of which the cluster keeps only the SHA-256. `deviceName`: what the
  # user calls the device, at most 64 bytes, shown in `Session.sessions`.
  #
  # Repeating the call with the same name and token from the same device returns the same session,
  # also after a crash of the first node. A token that is already in use otherwise is refused with
  # `wrongCredentials`. While disks are short, only such a repeat is answered: `storageFull`.

  login @2 (username :Text, password :Text, token :Data, deviceName :Text)
      -> (granted :Granted, refused :Types.Refusal);
  # Opens a session for an existing account; `token` and `deviceName` as above.
  #
  # `wrongCredentials` for a name that does not exist and for a wrong password alike, and after as
  # much work. Wrong passwords make the device, and for strangers the account, wait longer each time:
  # `rateLimited`. Asks a majority first, so that an account that was made over another node a moment
  # ago is known here (`noLeader` if none answers). A user has 64 sessions at most; the one unused
  # for longest ends to make room. A repeat with the same token returns the same session. If the
  # password was changed, or the account deleted, while it was being checked: `accountChanged`.

  resume @3 (token :Data, seen :Cursor, freshness :Freshness)
      -> (granted :Granted, refused :Types.Refusal);
  # Takes up a session that was opened over any node, from the device that opened it. Changes nothing
  # but when and from which address the session was last used, and may be repeated, also over several
  # links at once.
  #
  # `token`: the 32 bytes it was opened with. A token that is unknown, ended, expired, or of another
  # device is refused with `sessionEnded`, without telling which. `seen`: what this client has
  # already been shown. The node first applies at least as much, for which it takes up to two seconds;
  # where that is more than 10,000 changes away it refuses with `behind` at once. Empty: nothing is
  # waited for.
  #
  # A node that has had no contact with a majority for ten seconds, or drains, or has just started
  # and has not caught up yet, refuses this, `register` and `login` with `behind`.

  status @4 () -> (status :NodeStatus, refused :Types.Refusal);
  # How this node is. Any device of the cluster may ask, without a session. Changes nothing.
}

enum Freshness {
  # How new what a resumed session shows must be.

  local @0;
  # At once, from what this node has applied; the answer's `fresh` is false. A node also takes a value
  # that it does not know for this one.

  linearizable @1;
  # First confirms with a majority (a Raft read index) that everything acknowledged to anybody before
  # this call is applied here. Where no majority answers within two seconds the session is given all
  # the same, with `fresh` false.
}

struct Granted {
  # A session, as `register`, `login` and `resume` give it. Filled in by the node that answers.

  session @0 :Session;
  # The capability. It works on this link alone. It can be used before the answer has arrived: what is
  # asked of it then fails if this call is refused.

  sessionId @1 :UInt64;
  # The same over every node and for the session's whole life.

  user @2 :Types.User;
  # The user whose session it is, as that user sees themselves.

  fresh @3 :Bool;
  # Nothing that was acknowledged to anybody before the call is missing here. Always true after
  # `register` and `login`.

  seen @4 :Cursor;
  # As far as this node has applied. What is read on this session is of this state, or of a later one.

  timeMs @5 :UInt64;
  # The cluster's time as this node has it, in ms since 1970. A client numbers its requests by it and
  # goes on counting by a clock of its own. 0 is passed over.

  highestRequest @6 :UInt64;
  # The highest number of this session's requests that is known: new ones go above it. 0: none.
}

struct NodeStatus {
  # How one node is, for `raftchatctl cluster status` and for monitoring. A snapshot: filled in from
  # this node's memory and rows when it is asked, and not coordinated with any other node.

  node @0 :UInt64;
  # The node that answers.

  role @1 :Role;
  # Its part in Raft.

  term @2 :UInt64;
  # The Raft term it is in. It never goes back.

  leader @3 :UInt64;
  # The node that it takes for the leader. 0: none known.

  applied @4 :UInt64;
  # Raft log index of the last entry whose effects are in its rows; `stateHash` is of the same rows.
  # 0 before the first.

  lastLog @5 :UInt64;
  # Raft log index of the last entry in its log, committed or not. 0 before the first.

  sessions @6 :UInt32;
  # Sessions that it serves now. Those that only stand by on it, with an armed subscription, are not
  # counted.

  lagMs @7 :UInt64;
  # For how many ms it may have been behind: the time since a majority last confirmed that it is not.
  # 0: for no more than a second.

  stateHash @8 :Data;
  # 32 bytes: the rolling hash of every row ever written, at `applied`. Equal on all nodes at the same
  # `applied`; if it is not, one of them is damaged or at fault.

  address @9 :Text;
  # `host:port` of its client endpoint, as the membership has it. Empty: it is not in the membership
  # that it knows.

  version @10 :Text;
  # Of its program.

  clockOffsetMs @11 :Int64;
  # By how many ms its machine's clock is ahead of a majority of the nodes; below 0: behind. Beyond
  # 5,000 either way the node says so in its log, hands leadership on, and does not stand for election.

  diskFreeBytes @12 :UInt64;
  # What is left to the node on the file system where its data lies. 0: not known yet.

  budgets @13 :List(Budget);
  # How full is what the callers of this node share, in order of name.

  refusesWords @14 :Bool;
  # Too many nodes are short of disk: what adds to it is refused with `storageFull`. Reading,
  # deleting, read marks and leaving go on.

  uncleanSince @15 :UInt64;
  # Since when something that was deleted is still in some file on its disk, in ms since 1970 by its
  # machine's own clock. 0: nothing is. By default it is gone within a day.

  certificateDays @16 :Int32;
  # Whole days until the first of its certificate and its authorities' ends, by the node's time; below
  # 0: one has ended, and nobody is let in.

  syncMs @17 :UInt32;
  # How long its disk takes to make something durable, in ms: of those of the last minutes, 128 at most,
  # 99 in a hundred took no longer. Beyond 100 the disk is slow, and messages and elections wait for it.

  level @18 :UInt32;
  # The cluster's feature level, at `applied`.

  newestLevel @19 :UInt32;
  # The highest level that its program knows. When all members know one above `level`, `raftchatctl cluster
  # finalize` raises it.

  struct Budget {
    # What is held of one budget. The bounds are in `schema/src/budgets.rs`. All counts begin at 0
    # when the program starts.

    name @0 :Text;
    # In kebab-case. A reader shows a name that it does not know like any other.

    held @1 :UInt64;
    # How much is held now, in the budget's own unit.

    most @2 :UInt64;
    # The most that was held at once.

    refused @3 :UInt64;
    # How often somebody was told no.
  }

  enum Role {
    # A node's part in Raft, as people see it. A reader refuses the whole status if it does not know
    # the role.

    unspecified @0;
    # Never sent.

    leader @1;
    # It takes proposals and orders the log.

    follower @2;
    # It votes and follows.

    learner @3;
    # It follows without a vote. A node that is stopping says this as well.

    candidate @4;
    # It stands for election: no leader is known.
  }
}

interface Session {
  # One user on one device. Dropping it leaves the session open and the user, on this link, offline;
  # others are shown so after five seconds.
  #
  # A session ends by an act, by a new password, with the account, by a 65th session
  # of its user, after 30 days without use, or after 180 days in all, both counted by the cluster's age.
  # From then on every call is refused with `sessionEnded`.
  # Reads answer from what this node has applied, and no older than what `haveSeen` or `resume` said.

  whoami @0 () -> (user :Types.User, sessionId :UInt64, node :UInt64, refused :Types.Refusal);
  # The user whose session it is, the session's id, and the node that answers.

  users @1 (after :UInt64) -> (users :List(Types.User), more :Bool, refused :Types.Refusal);
  # Everybody with an account, with who is online, in order of id, those above `after` (0: all); 200
  # in one answer. `more`: there are more, to be asked for after the last id. Deleted accounts are left
  # out.

  conversations @2 (after :UInt64) -> (conversations :List(Types.Conversation), more :Bool, refused :Types.Refusal);
  # The user's conversations in order of id, those above `after` (0: all). 200 in one answer, and
  # fewer where they are large. `more` as above.

  conversation @3 (id :UInt64) -> (conversation :Conversation, state :Types.Conversation, refused :Types.Refusal);
  # A conversation that the user is in, as a capability and as it now is. `notAMember` if the user is
  # not in it, `noSuchConversation` if nobody is. Before either is said a majority is asked, so that
  # what was made over another node a moment ago is found.

  direct @4 (username :Text) -> (conversation :Conversation, state :Types.Conversation, refused :Types.Refusal);
  # The direct conversation with that user. It comes into being with its first message: until then
  # `state.id` is 0, and the capability can send, and reads as empty. `noSuchUser`, also for an account
  # that is deleted and was never written to; `toYourself`.

  subscribe @5 (from :Cursor, receiver :Receiver, armed :Bool, watching :UInt64)
      -> (subscription :Subscription, refused :Types.Refusal);
  # From now on `receiver` is called with every change the user may see after `from`, in order,
  # without a gap. An empty `from` is the beginning. `armed`: not from now on but from when it is
  # activated, by the device or, as soon as the node suspects the node `watching` (0: none), by the
  # node itself, which then says so first, by a notice. Until then the receiver gets notices and
  # nothing else.
  #
  # One that is not armed waits, like `resume`, until this node has applied `from`; an armed one does
  # not. A link has four subscriptions at most (`tooMany`), a session eight on one node (`busy`).
  # A repeat makes a second subscription.

  catchUp @6 () -> (fresh :Bool, seen :Cursor, refused :Types.Refusal);
  # A read index: returns when everything acknowledged before this call is applied here (`fresh`), or
  # when no majority answered within two seconds. `seen`: as far as this node has applied then.

  perform @7 (request :RequestStamp, act :Act.Act) -> (done :Act.Done, refused :Types.Refusal);
  # Does what `act` says: everything that a user can do but what takes a password. What each act does, and
  # what it is refused with, stands after its member in `act.capnp`.
  #
  # Returns when it is on the disks of a majority and applied here. Repeated under the same number, over any
  # node, it is answered with the first outcome; `send` is known by its message id, whatever its number. An
  # act that came with a higher feature level than the cluster's is refused with `notYet`, also by a node
  # that does not know it at all. An act that ends this session is answered as done, also if the session has
  # ended before; over another node `resume` is refused with `sessionEnded` then, which means the same. Words
  # are refused with `quotaExceeded` and `storageFull` while there is no room for them.

  deleteAccount @8 (request :RequestStamp, password :Text, eraseMessages :Bool) -> (refused :Types.Refusal);
  # Ends all sessions of the user, takes them out of their groups, hides the account and reserves its
  # name. Messages stay, shown as from a deleted account, or with `eraseMessages` become tombstones.
  # When the call returns the sessions are over and the account is hidden; groups, settings and
  # messages follow in pieces within moments, however many there are, also if the leader dies
  # meanwhile.
  #
  # `wrongCredentials` if the password is not the user's, `accountChanged` if it was changed while it
  # was being checked. A repeat after a lost answer is refused with `sessionEnded`: it was done.

  sessions @9 () -> (sessions :List(Types.SessionEntry), refused :Types.Refusal);
  # The user's own open sessions in order of id.

  changePassword @10 (request :RequestStamp, oldPassword :Text, newPassword :Text, keepOtherSessions :Bool)
      -> (refused :Types.Refusal);
  # Ends all of the user's other sessions as well, unless asked to keep them. `newPassword`: as in
  # `register`. `wrongCredentials` if the old one is not the user's. A repeat is known by its number,
  # not by the passwords: it is answered as the first was, although the old password is no longer
  # right.

  blocked @11 () -> (users :List(Types.User), refused :Types.Refusal);
  # Everybody the user has blocked, in order of id, in one answer.

  user @12 (username :Text) -> (user :Types.User, refused :Types.Refusal);
  # The user who has, or once had, that name; `noSuchUser` for a name that was never taken, or cannot
  # be one.

  directWith @13 (user :UInt64) -> (conversation :Conversation, state :Types.Conversation, refused :Types.Refusal);
  # As `direct`, by id.

  attend @14 (beatMs :UInt32) -> (beatMs :UInt32, refused :Types.Refusal);
  # How long the node may be silent on this link: it sends a beat in each slot of that length, in ms,
  # in which it sent nothing else. 0: it sends none, as on a link on which this was never called. The
  # last call on a link counts. Answers with what it will do: never more than a beat every 20 ms.

  haveSeen @15 (upto :Cursor) -> ();
  # This client was shown everything up to there, over another link. What it asks for after this, on
  # this capability or on one from it, is read once this node has applied as much; refused with
  # `behind` where that takes longer than two seconds or is more than 10,000 changes away. The furthest
  # cursor counts; one of another cluster, or no cursor at all, is passed over.
}

interface Conversation {
  # What a member reads in a conversation, and the one act that everybody knows: a message. All other acts
  # are asked for with `Session.perform`. Whoever is not, or no longer, a member is refused with `notAMember`;
  # in the direct conversation in which nothing was said yet, everything but `send`, `history`, `state` and
  # `typing` is refused with `noSuchConversation`.
  #
  # The capability is a name and no more: it is made from the conversation's id, or from the other
  # user of a direct one, and whether the user may do something is decided when that is applied. It
  # stays good when the user leaves and comes back.

  send @0 (messageId :Types.MessageId, payload :Data, mentions :List(UInt64))
      -> (conversation :UInt64, position :UInt64, sentAtMs :UInt64, node :UInt64, refused :Types.Refusal);
  # Returns when the message is on the disks of a majority and applied here.
  #
  # `payload`: from 1 to 65,792 bytes, opaque to nodes (`emptyMessage`, `tooLarge`). `mentions`: users
  # whose attention is asked for, 64 at most; those who are not members, the sender, and those who have
  # blocked the sender are passed over.
  #
  # Idempotent by `messageId`, for ever and on every node: a repeat stores nothing and answers with the
  # first place and time, also if it names another conversation or payload, and also if the message was
  # deleted meanwhile. `conversation`: where it is, which for the first message of a direct
  # conversation is news. `position`: its place there. `sentAtMs`: the leader's stamp. `node`: who
  # answers.
  #
  # `blocked` and `noSuchUser` (the account is gone) in a direct conversation; `quotaExceeded`,
  # `storageFull`.

  history @1 (before :UInt64, limit :UInt32, after :UInt64) -> (messages :List(Types.Message), refused :Types.Refusal);
  # The newest `limit` messages (100 at most) with a position below `before` (0: the newest of all),
  # ascending; or, where `after` is not 0, the oldest `limit` above `after`, ascending, whatever
  # `before` says. Fewer if more would not fit a frame (256 KiB), but never none while there are any:
  # whoever wants all asks until nothing comes. Nothing from before the member joined. A `limit` of 0
  # gives nothing.

  revisions @2 (position :UInt64) -> (revisions :List(Types.Revision), more :Bool, refused :Types.Refusal);
  # What the message said before its edits, oldest first; nothing for a tombstone, and not what it says
  # now. `more`: some older ones are left out, as they do not fit a frame.

  typing @3 (active :Bool) -> ();
  # A hint to the other members that the member is writing, or no longer. Good for six seconds; repeated
  # while it lasts. It is in no log, passed on once a second at most, and dropped without an error
  # where it is not wanted.

  members @4 (after :UInt64) -> (members :List(Types.Member), more :Bool, refused :Types.Refusal);
  # In order of user id, those above `after` (0: all); 200 in one answer. `more`: there are more.

  state @5 () -> (state :Types.Conversation, refused :Types.Refusal);
  # The conversation as it now is, with the user's own place in it.
}

interface Receiver {
  # Implemented by the client: what a subscription calls. Calls are begun in order, and several may be
  # unanswered at a time.

  changes @0 (changes :List(Types.Change), cursor :Cursor, counts :List(Types.Counts)) -> ();
  # `changes`: in order of number. `cursor`: where the device stands after them. `counts`: the user's
  # counts of each conversation that a change is in, all of one state that is no older than the
  # changes; none for a conversation that the user has left.
  #
  # Returning acknowledges: at most 64 changes or 64 KiB are unacknowledged at a time, over all
  # subscriptions of the link, and a client that returns late is served from its cursor later. So a
  # client stores changes and cursor before it returns; if it dies first, it gets them again. The list
  # is empty once: when all that was missed has been sent and what follows is news. A change that the
  # client cannot read it passes over.

  presence @1 (user :UInt64, username :Text, online :Bool) -> ();
  # A hint about somebody, outside the feed: not numbered, not repeated, possibly lost. At most one in
  # five seconds for each user, and none about a user who hides it or has blocked this one.

  ended @2 (refusal :Types.Refusal) -> ();
  # The subscription is over and the reason is not the connection's: the session was ended elsewhere,
  # or the account is gone. It is the last call there is. Subscribing again is of no use.

  typing @3 (conversation :UInt64, user :UInt64, username :Text, active :Bool) -> ();
  # A hint like `presence`: a member is writing. Good for six seconds unless repeated or taken back.

  notice @4 (notice :Notice) -> ();
  # What the node says of itself or of another. Also for a subscription that is only armed. Of hints
  # and notices at most 64 are unanswered; what comes meanwhile is left out.
}

struct Notice {
  # What a node says of itself or of another to the devices it serves. Outside the feed: not numbered,
  # not repeated. A client passes over a kind that it does not know.

  union {
    fresh @0 :Void;
    # The node is in contact with a majority again. Said only after `behindMs`.

    behindMs @1 :UInt64;
    # For so many ms it has had no contact with a majority, and what it shows may be old. Said after
    # 1 s, and each second from then on: a client that has another node that does not say so goes
    # there. After 10 s the node refuses sessions with `behind` and ends its links.

    suspect @2 :UInt64;
    # It has not heard from that node for longer than it should have. Said to those who watch that node
    # (see `Session.subscribe`), once each time that it begins. The client moves its session here and
    # keeps the old link for a while: a false alarm loses nothing.

    drain :group {
      # It is going to stop, and refuses new sessions. Leadership is handed on; the links are ended at
      # the deadline. Said once.

      deadlineMs @3 :UInt32;
      # In so many ms from now its links end at the latest.

      to @4 :UInt64;
      # A node to go to; 0: any other. Set where there is only one other that is not suspected.
    }
  }
}

interface Subscription {
  # One subscription of a session. It ends by being dropped, with its link, and with the session (see
  # `Receiver.ended`). Both methods may be called any number of times, and are of no effect once the
  # subscription pushes.

  advance @0 (upto :Cursor) -> ();
  # For an armed one: the device holds everything up to there, by another link. Never goes back; a
  # cursor of another cluster, or no cursor at all, is passed over.

  activate @1 (from :Cursor) -> ();
  # An armed one begins to push what comes after `from`, or after the last `advance` if that is further.
}
