@0xa54f1c3e88d07b25;
# The client interface: what a device may ask of a node, as object capabilities.
#
# A device opens one QUIC connection (ALPN `raftchat/1`) with its certificate, opens one bidirectional
# stream, and speaks two-party Cap'n Proto RPC on it, unpacked and with nothing before it. The
# bootstrap capability is a Gateway. From there authority is only ever handed out: a Gateway gives a
# Session to who proves to be the user, a Session gives Conversations its user is a member of. Holding
# the capability is the permission; no token travels with a call.
#
# A connection is bound to one node. When it ends, every capability from it is dead; the client connects to
# any node and calls `resume` with its token. Nothing of a session lives only in a node's memory
# but the fact that it is online.
#
# Links and datagrams. A device may hold links to several nodes at once, with the same session on each; changes are
# numbered, so what comes twice falls. Beside the stream, both sides send QUIC datagrams, which may be lost. The first
# byte is the kind, and who does not know a kind passes it over:
#   1, beat, either way. What follows says nothing; from a device's new address it is long, so that the node may say as much
#     there before it knows whose that is. It says that the path and the process live. A node sends it to a device that
#     asked for it with `attend`, in each slot in which it sent that device nothing else; a device sends it to keep its
#     address known, and to learn from the system if nobody listens there any more.
#   2, activate, from a device. The bytes of a Cursor follow. What `Subscription.activate` does, for all armed
#     subscriptions on this link; sent a few times, as a lost one would cost a round trip.
#
# Answers. A method with `refused` in its results sets either `refused` or the rest. An exception
# (`disconnected`, `overloaded`) says nothing about what happened: the call may have taken effect. A
# client repeats it, on any node, with the same message id or request number, and gets the first outcome.

using Types = import "types.capnp";

struct NodeAddress {
  id @0 :UInt64;
  address @1 :Text;              # `host:port` of the node's client endpoint.
}

struct Cursor {
  # Where a device stands in the change feed: all its synchronisation state. Opaque: a client stores
  # it and gives it back, to any node, after any time. Empty: from the beginning.

  bytes @0 :Data;
}

struct RequestStamp {
  # Makes a call repeatable. `number` is chosen by the client, higher for each new request of a session;
  # the service remembers the outcomes of the newest 128 and answers a repeat from memory.

  number @0 :UInt64;
  # The nanoseconds since 1970 by the cluster's time, the lowest 20 bits drawn by lot, as several programs may share a session;
  # and above `highestRequest` in any case. More than a day above the cluster's time is `malformedRequest`; below what the
  # service remembers is `staleRequest`. What ends sessions or secures the account, that is `logout`, `endSession`,
  # `endOtherSessions`, `changePassword` and `deleteAccount`, is done under any number.

  acknowledgedBelow @1 :UInt64;
  # The client has the outcomes of all requests below this: they may be forgotten. 0: none.
}

interface Gateway {
  # What a device can do before it is anybody.

  hello @0 () -> (cluster :Text, node :UInt64, version :Text, nodes :List(NodeAddress), timeMs :UInt64,
      refused :Types.Refusal);
  # Who this is, where the other nodes are, and what time it is in the cluster. One device may ask this, `status` and `resume` 20
  # times a second.

  register @1 (username :Text, displayName :Text, password :Text, token :Data, deviceName :Text)
      -> (granted :Granted, refused :Types.Refusal);
  # Makes an account and a session. `token`: 32 random bytes from the client, of which the cluster keeps only
  # the SHA-256. Repeating the call with the same token returns the same session.

  login @2 (username :Text, password :Text, token :Data, deviceName :Text)
      -> (granted :Granted, refused :Types.Refusal);
  # Opens a session for an existing account; `token` as above.

  resume @3 (token :Data, seen :Cursor, freshness :Freshness)
      -> (granted :Granted, refused :Types.Refusal);
  # Takes up a session that was opened over any node, from the device that opened it. The node first
  # applies at least what `seen` says this client has already been shown; where that is more than 10,000 changes away it refuses
  # with `behind` at once.

  status @4 () -> (status :NodeStatus, refused :Types.Refusal);
  # How this node is. Any device of the cluster may ask.
}

enum Freshness {
  local @0;
  # At once, from what this node has applied; the answer's `fresh` is false.

  linearizable @1;
  # First confirms with a majority (a Raft read index) that everything acknowledged to anybody before this call
  # is applied here. Where no majority answers in time the session is given all the same, with `fresh` false.
}

struct Granted {
  session @0 :Session;
  sessionId @1 :UInt64;
  user @2 :Types.User;
  fresh @3 :Bool;
  seen @4 :Cursor;               # As far as this node has applied.
  timeMs @5 :UInt64;             # What time it is in the cluster, in ms since 1970.
  highestRequest @6 :UInt64;     # The highest number of this session's requests so far: new ones go above it.
}

struct NodeStatus {
  node @0 :UInt64;
  role @1 :Role;
  term @2 :UInt64;
  leader @3 :UInt64;             # 0: none known.
  applied @4 :UInt64;            # Raft log index.
  lastLog @5 :UInt64;            # Raft log index.
  sessions @6 :UInt32;           # Live sessions on this node.
  lagMs @7 :UInt64;              # For how long this node has known that it may be behind; 0: it is not.
  stateHash @8 :Data;            # Rolling hash of every row ever written, at `applied`: equal on all nodes.
  address @9 :Text;
  version @10 :Text;
  clockOffsetMs @11 :Int64;      # By how much the system's clock is ahead of a majority of the nodes; below 0: behind.
  diskFreeBytes @12 :UInt64;     # What is left to the node where its data lies; 0: not known.
  budgets @13 :List(Budget);     # How full is what the callers of this node share, in order of name.
  refusesWords @14 :Bool;        # Too many nodes are short of disk: what adds to it is refused with `storageFull`.
  uncleanSince @15 :UInt64;      # Since when something deleted is still on its disk, Unix time in ms; 0: nothing is.

  struct Budget {
    # What is held of one budget. The bounds are in `schema/src/budgets.rs`.
    name @0 :Text;               # In kebab-case.
    held @1 :UInt64;             # Now.
    most @2 :UInt64;             # At once, since the program started.
    refused @3 :UInt64;          # How often somebody was told no, since the program started.
  }

  enum Role {
    unspecified @0;
    leader @1;
    follower @2;
    learner @3;
    candidate @4;
  }
}

interface Session {
  # One user on one device. Dropping it leaves the session open and the user, on this connection, offline.

  whoami @0 () -> (user :Types.User, sessionId :UInt64, node :UInt64, refused :Types.Refusal);

  users @1 (after :UInt64) -> (users :List(Types.User), more :Bool, refused :Types.Refusal);
  # Everybody with an account, with who is online, in order of id, those above `after`.

  conversations @2 (after :UInt64) -> (conversations :List(Types.Conversation), more :Bool, refused :Types.Refusal);
  # The user's conversations in order of id, those above `after`.

  conversation @3 (id :UInt64) -> (conversation :Conversation, state :Types.Conversation, refused :Types.Refusal);

  direct @4 (username :Text) -> (conversation :Conversation, state :Types.Conversation, refused :Types.Refusal);
  # The direct conversation with that user. It comes into being with its first message: until then
  # `state.id` is 0, and the capability can send, and reads as empty.

  subscribe @5 (from :Cursor, receiver :Receiver, armed :Bool, watching :UInt64)
      -> (subscription :Subscription, refused :Types.Refusal);
  # From now on `receiver` is called with every change the user may see after `from`, in order, without a gap. `armed`:
  # not from now on but from when it is activated, by the device or, as soon as the node suspects the node `watching` (0: none),
  # by itself; it then tells so first, by a notice. Until then the receiver gets notices and nothing else.

  catchUp @6 () -> (fresh :Bool, seen :Cursor, refused :Types.Refusal);
  # A read index: returns when everything acknowledged before this call is applied here (`fresh`), or
  # when no majority answered in time.

  logout @7 (request :RequestStamp) -> (refused :Types.Refusal);
  # Ends the session everywhere.

  deleteAccount @8 (request :RequestStamp, password :Text, eraseMessages :Bool) -> (refused :Types.Refusal);
  # Ends all sessions of the user, takes them out of their groups, hides the account and reserves its name. Messages stay,
  # shown as from a deleted account, or with `eraseMessages` become tombstones, within moments and however many there are.

  createGroup @9 (request :RequestStamp, title :Text, members :List(UInt64))
      -> (conversation :Conversation, state :Types.Conversation, refused :Types.Refusal);
  # Makes a group of the user, who owns it, and these users; 1,000 in all at most, and 30 groups an hour.

  sessions @10 () -> (sessions :List(Types.SessionEntry), refused :Types.Refusal);
  # The user's own sessions in order of id.

  endSession @11 (request :RequestStamp, id :UInt64) -> (refused :Types.Refusal);
  # Ends one of the user's own sessions, everywhere and at once. One that is gone already is no error.

  endOtherSessions @12 (request :RequestStamp) -> (refused :Types.Refusal);
  # Ends all of the user's sessions but this one.

  changePassword @13 (request :RequestStamp, oldPassword :Text, newPassword :Text, keepOtherSessions :Bool)
      -> (refused :Types.Refusal);
  # Ends all of the user's other sessions as well, unless asked to keep them. A repeat is known by its number, not by the passwords.

  setProfile @14 (request :RequestStamp, displayName :Text, presence :Setting, receipts :Setting)
      -> (refused :Types.Refusal);
  # Changes what is given: a display name that is not empty, whether others see when the user is there, whether others are
  # told what the user has read and received.

  block @15 (request :RequestStamp, user :UInt64, blocked :Bool) -> (refused :Types.Refusal);
  # While one of two has blocked the other neither can send to the other directly, edit what was sent so, react to it, pin it or
  # take a pin away, or add the other to a group. Who is blocked sees neither when the other is there or was, nor how far they
  # have read, nor what they call themselves from then on. In groups both are in, a client hides what a blocked person says, and
  # what is said from then on counts neither as unread nor as a mention.

  blocked @16 () -> (users :List(Types.User), refused :Types.Refusal);
  # Whom the user has blocked, in order of id.

  user @17 (username :Text) -> (user :Types.User, refused :Types.Refusal);
  # Who has, or once had, that name.

  directWith @18 (user :UInt64) -> (conversation :Conversation, state :Types.Conversation, refused :Types.Refusal);
  # As `direct`, by id.

  attend @19 (beatMs :UInt32) -> (beatMs :UInt32, refused :Types.Refusal);
  # How long the node may be silent on this link: it sends a beat in each slot of that length, in ms, in which it sent nothing
  # else. 0: it sends none. Answers with what it will do: a node that is busy beats less often, and never more than every 20 ms.

  haveSeen @20 (upto :Cursor) -> ();
  # This client was shown everything up to there, over another link. What it asks for after this, on this capability or on one
  # from it, is read once this node has applied as much; refused with `behind` where that takes too long.

  enum Setting {
    unchanged @0;
    on @1;
    off @2;
  }
}

interface Conversation {
  # What a member can do in a conversation. Who is not, or no longer, a member is refused with `notAMember`.

  send @0 (messageId :Types.MessageId, payload :Data, mentions :List(UInt64))
      -> (conversation :UInt64, position :UInt64, sentAtMs :UInt64, node :UInt64, refused :Types.Refusal);
  # Returns when the message is on the disks of a majority and applied here. Idempotent by `messageId`. `mentions`: users
  # whose attention is asked for, 64 at most; who is not a member is passed over.

  history @1 (before :UInt64, limit :UInt32, after :UInt64) -> (messages :List(Types.Message), refused :Types.Refusal);
  # The newest `limit` messages (100 at most) with a position below `before` (0: the newest of all), ascending; or, where `after`
  # is not 0, the oldest `limit` above `after`, ascending. Fewer if more would not fit a frame, but never none while there
  # are any: whoever wants all asks until nothing comes. Nothing from before the member joined.

  delete @2 (request :RequestStamp, position :UInt64) -> (refused :Types.Refusal);
  # Leaves a tombstone for everyone and erases payload, revisions and reactions. Only the sender may. Deleting again is no error.

  markRead @3 (request :RequestStamp, position :UInt64) -> (refused :Types.Refusal);
  # Moves the read mark forward to `position` (0: the last there is), never back; takes `markedUnread` away in any case.

  edit @4 (request :RequestStamp, position :UInt64, payload :Data) -> (refused :Types.Refusal);
  # Replaces what one's own message says, 100 times at most. A deleted one stays deleted: `noSuchMessage`.

  revisions @5 (position :UInt64) -> (revisions :List(Types.Revision), more :Bool, refused :Types.Refusal);
  # What the message said before its edits, oldest first. `more`: some older ones are left out, as they do not fit a frame.

  react @6 (request :RequestStamp, position :UInt64, emoji :Text, on :Bool) -> (refused :Types.Refusal);
  # Puts the member's reaction of that kind to a message, or takes it away. Doing it again is no error. 20 kinds at most, 5 of
  # them the member's own.

  pinMessage @7 (request :RequestStamp, position :UInt64, pinned :Bool) -> (refused :Types.Refusal);
  # For all members; any member may. 50 at most.

  markUnread @8 (request :RequestStamp) -> (refused :Types.Refusal);
  # Sets `markedUnread`. The read mark stays.

  setMute @9 (request :RequestStamp, untilMs :UInt64) -> (refused :Types.Refusal);
  # Until that time the member's devices do not call attention to the conversation. 0: they do.

  setPinned @10 (request :RequestStamp, pinned :Bool) -> (refused :Types.Refusal);
  # Keeps the conversation on top of the member's list.

  saveDraft @11 (request :RequestStamp, draft :Data) -> (refused :Types.Refusal);
  # A payload that is not to be sent yet, for the member's other devices. Empty: none.

  typing @12 (active :Bool) -> ();
  # A hint to the other members that the member is writing, or no longer. Good for six seconds; repeated while it lasts.

  members @13 (after :UInt64) -> (members :List(Types.Member), more :Bool, refused :Types.Refusal);
  # In order of user id, those above `after`.

  addMembers @14 (request :RequestStamp, members :List(UInt64)) -> (refused :Types.Refusal);
  # Owner and admins. They see what is said from now on. Who is a member already is passed over. 300 at once at most.

  removeMember @15 (request :RequestStamp, user :UInt64) -> (refused :Types.Refusal);
  # The owner anybody, an admin plain members. Nobody themselves: that is `leave`.

  setRole @16 (request :RequestStamp, user :UInt64, role :Types.MemberRole) -> (refused :Types.Refusal);
  # The owner alone. Whoever makes another the owner becomes an admin.

  leave @17 (request :RequestStamp) -> (refused :Types.Refusal);
  # Takes the group off the member's list. When the owner leaves, the admin who joined first becomes the owner, or, where there
  # is none, the member who did. A group that nobody is left in is erased.

  rename @18 (request :RequestStamp, title :Text) -> (refused :Types.Refusal);
  # Owner and admins.

  state @19 () -> (state :Types.Conversation, refused :Types.Refusal);
  # The conversation as it now is.
}

interface Receiver {
  # Implemented by the client.

  changes @0 (changes :List(Types.Change), cursor :Cursor, counts :List(Types.Counts)) -> ();
  # Changes in order of number, the cursor after them, and, of each conversation that a change is in, the user's counts. Returning acknowledges: at most 64 changes or 64 KiB are
  # unacknowledged at a time, and a client that returns late is served from its cursor later. The list
  # is empty once: when all that was missed has been sent and what follows is news.

  presence @1 (user :UInt64, username :Text, online :Bool) -> ();
  # A hint about somebody, outside the feed: not numbered, not repeated, possibly lost.

  ended @2 (refusal :Types.Refusal) -> ();
  # The subscription is over and the reason is not the connection's: the session was ended elsewhere, or the account
  # is gone. The last call there is. Subscribing again is of no use.

  typing @3 (conversation :UInt64, user :UInt64, username :Text, active :Bool) -> ();
  # A hint like `presence`: a member is writing. Good for six seconds unless repeated or taken back.

  notice @4 (notice :Notice) -> ();
}

struct Notice {
  # What a node says of itself or of another to the devices it serves. Outside the feed: not numbered, not repeated.

  union {
    fresh @0 :Void;
    # The node is in contact with a majority again.

    behindMs @1 :UInt64;
    # For so long it has had no contact with a majority, and what it shows may be old. Said after 1 s, and each second from then on:
    # who has another node that does not say so goes there. After 10 s it refuses sessions with `behind` and ends its links.

    suspect @2 :UInt64;
    # It has not heard from that node for longer than it should have.

    drain :group {
      # It is going to stop, and refuses new sessions. Leadership is handed on; the links are ended at the deadline.

      deadlineMs @3 :UInt32;
      to @4 :UInt64;             # A node to go to; 0: any other.
    }
  }
}

interface Subscription {
  # Ends by being dropped.

  advance @0 (upto :Cursor) -> ();
  # Of an armed one: the device holds everything up to there, by another link.

  activate @1 (from :Cursor) -> ();
  # An armed one begins to push what comes after `from`, or after the last `advance` if that is further. Nothing for one that pushes.
}
