@0xd3a1f0b6c2e94711;
# What both sides of every interface speak about: ids, people, messages, changes, refusals.
#
# An id is opaque to a client: it compares ids and sends them back, and learns nothing from their
# bits. Times are milliseconds since 1970-01-01T00:00:00Z in the leader's stamp, which never runs
# backwards along the log. Text is UTF-8. Limits stand in `schema/src/limits.rs`; what exceeds one is
# refused with `tooLarge`, never cut.

enum ErrorCode {
  # Why the service said no. The names, in kebab-case, are what `raftchatctl --json` prints in `error`.
  # A code is never reused for another meaning.

  unspecified @0;
  # Never sent by this version. A client that meets a code newer than itself treats it like this one:
  # refused, for a reason it cannot name, and not to be repeated by itself.

  wrongCredentials @1;     # The user does not exist or the password is wrong; which one is not told.
  usernameTaken @2;        # Somebody has, or once had, that name. Names are never given again.
  malformedUsername @3;    # Not `[a-z0-9._-]{2,32}`.
  noSuchUser @4;
  noSuchConversation @5;
  noSuchMessage @6;
  notYours @7;             # Only the sender may do that to a message.
  notAMember @8;
  tooLarge @9;             # A payload, name or list above its limit.
  emptyMessage @10;        # A payload of no bytes.
  rateLimited @11;         # `retryAfterMs` says when to come back.
  sessionEnded @12;        # Logged out, expired, or the account is gone: log in again.
  deviceRevoked @13;
  busy @14;                # The node has as much to do as it takes on; another may have room.
  noLeader @15;            # No majority can be reached from this node, so nothing can be stored.
  behind @16;              # This node has not yet applied what the client has already seen.
  staleRequest @17;        # A request number below the window that is remembered: its outcome is gone.
  accountChanged @18;      # The password changed while logging in: try again with the current one.
  malformedRequest @19;    # A field that cannot be: an id of the wrong length, an unknown recipient kind.
  toYourself @20;          # A direct conversation needs another person.
  foreignCursor @21;       # A cursor of another cluster, or of before a restore: start afresh.
  emptyPassword @22;
}

struct Refusal {
  # The service understood and said no. Nothing was stored. Exactly the same refusal is given to a
  # repeat of the same request.

  code @0 :ErrorCode;
  retryAfterMs @1 :UInt64;   # 0: repeating it unchanged is of no use.
  message @2 :Text;          # A sentence a person can act on, in English.
}

struct MessageId {
  # 128 bits made by the sending client, a UUIDv7 by custom: unique for the sender for ever. Sending
  # the same id again returns the first position and stores nothing.

  high @0 :UInt64;
  low @1 :UInt64;
}

struct User {
  id @0 :UInt64;
  username @1 :Text;
  displayName @2 :Text;
  deleted @3 :Bool;          # The account is gone; the name stays on its messages and is never reused.
  lastSeenMs @4 :UInt64;     # 0: never. At most one change a minute and user goes through the log.
  online @5 :Bool;           # In an answer: some node holds a live session now. In a change: not set.
}

enum ConversationKind {
  unspecified @0;
  direct @1;
  group @2;
}

struct Conversation {
  # One conversation as one of its members sees it.

  id @0 :UInt64;
  kind @1 :ConversationKind;
  title @2 :Text;                  # Empty for a direct one: a client shows the other's name.
  members @3 :List(User);          # In order of user id.
  lastPosition @4 :UInt64;         # 0: nothing was said.
  readPosition @5 :UInt64;         # This member's read mark.
  unread @6 :UInt64;               # Messages of others after the read mark that are not deleted.
}

enum MessageState {
  original @0;
  edited @1;
  deleted @2;                      # The payload is gone from every node's tables.
}

struct Message {
  conversation @0 :UInt64;
  position @1 :UInt64;             # 1, 2, 3 … without a hole within its conversation.
  messageId @2 :MessageId;
  sender @3 :UInt64;
  senderName @4 :Text;
  sentAtMs @5 :UInt64;
  state @6 :MessageState;
  revision @7 :UInt32;             # 0: as first sent; +1 for each edit.
  payload @8 :Data;                # Opaque to every node; see `payload.capnp`.
}

struct Change {
  # One row that a client can see, as it stands at `number`. Each row appears in the feed once, at
  # its latest change: who was away sees what is, not how it came about.

  number @0 :UInt64;
  union {
    message @1 :Message;
    conversation @2 :Conversation; # Made, or its title or members changed. Marks are not filled in.
    readMark :group {
      conversation @3 :UInt64;
      user @4 :UInt64;
      position @5 :UInt64;
    }
    user @6 :User;                 # Joined, renamed, seen, or gone.
  }
}
