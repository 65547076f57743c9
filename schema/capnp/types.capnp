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
  usernameTaken @2;        # Somebody has, or once had, that name or one that looks the same, or it is reserved. Never given again.
  malformedUsername @3;    # Not `[a-z0-9._-]{2,32}`, or of a shape that nobody may take: `schema/src/names.rs`.
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
  tooMany @23;             # Members, reactions, pins, revisions, blocks: there is a most, and this would be one more.
  notAllowed @24;          # The member's role does not allow it.
  blocked @25;             # One of the two has blocked the other; which one is not told.
  notAGroup @26;           # A direct conversation has no title, roles or members to change.
  emptyTitle @27;
  malformedReaction @28;   # Empty, longer than 48 bytes, or with white space or control characters in it.
  weakPassword @29;        # Fewer than 8 characters, or one of those that are guessed first.
  quotaExceeded @30;       # The account has stored as much as one may.
  storageFull @31;         # Too many nodes are short of disk for more to be stored; reading, deleting and leaving go on.
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
  lastSeenMs @4 :UInt64;     # 0: never, or hidden. At most one change a minute and user goes through the log.
  online @5 :Bool;           # In an answer: some node holds a live session now. In a change: not set.
  presenceHidden @6 :Bool;   # Shows nobody when they are there: `online` and `lastSeenMs` are never set for others.
  receiptsOff @7 :Bool;      # Tells nobody what they have read or received: their marks are shown to nobody else.
  changed @8 :UInt64;        # The number of the row's latest change.
}

enum ConversationKind {
  unspecified @0;
  direct @1;
  group @2;
}

enum MemberRole {
  member @0;                       # Speaks, leaves.
  admin @1;                        # Also changes the title, adds members and removes those who are plain members.
  owner @2;                        # Also gives and takes roles and removes admins. There is exactly one in a group.
}

struct Member {
  # Somebody in a conversation. In a direct one both are plain members.

  user @0 :User;
  role @1 :MemberRole;
  joinedAtMs @2 :UInt64;
  since @3 :UInt64;                # Sees messages after this position.
  addedBy @4 :UInt64;              # A user; themselves for who made the conversation.
  readPosition @5 :UInt64;         # 0 to others if `user.receiptsOff`.
  deliveredPosition @6 :UInt64;    # The same. Kept only where there are at most 32 members.
  changed @7 :UInt64;              # The number of the latest change of the membership; the marks have their own.
}

struct Conversation {
  # One conversation as one of its members sees it.

  id @0 :UInt64;
  kind @1 :ConversationKind;
  title @2 :Text;                  # Empty for a direct one: a client shows the other's name.
  members @3 :List(Member);        # The first 32 in order of user id, and who asks among them; `Conversation.members` has them
                                   # all. In a change: all, and none where there are more than 32.
  memberCount @4 :UInt32;
  lastPosition @5 :UInt64;         # 0: nothing was said.
  pinnedMessages @6 :List(UInt64); # Positions that the members have pinned, in the order in which they were.
  createdAtMs @7 :UInt64;
  changed @8 :UInt64;              # The number of the latest change of what stands above, but for members and last position.
  place @9 :Place;                 # Not filled in in a change.
}

struct Place {
  # What one member alone has of a conversation, the same on all their devices.

  conversation @0 :UInt64;
  readPosition @1 :UInt64;
  unread @2 :UInt64;               # Messages of others after the read mark that are not deleted.
  mentions @3 :UInt64;             # Those of them that mention this member.
  markedUnread @4 :Bool;           # Until the member reads again.
  mutedUntilMs @5 :UInt64;         # 0: not muted.
  pinned @6 :Bool;                 # Kept on top of the member's list.
  draft @7 :Data;                  # A payload that was not sent yet; empty: none.
  since @8 :UInt64;                # The member sees messages after this position.
  asOf @9 :UInt64;                 # The counts hold as of this change: of two the higher is the newer.
}

struct Counts {
  # The part of a Place that messages change.

  conversation @0 :UInt64;
  readPosition @1 :UInt64;
  unread @2 :UInt64;
  mentions @3 :UInt64;
  asOf @4 :UInt64;
}

struct Reaction {
  emoji @0 :Text;                  # At most 48 bytes, opaque to nodes but for their form.
  users @1 :List(UInt64);          # Who reacted so, in order of user id.
}

struct Revision {
  # What a message said before an edit.

  revision @0 :UInt32;             # 0: as first sent.
  payload @1 :Data;
  writtenAtMs @2 :UInt64;
}

struct SessionEntry {
  # One of the user's own sessions.

  id @0 :UInt64;
  deviceName @1 :Text;
  createdAtMs @2 :UInt64;
  lastUsedMs @3 :UInt64;           # To within an hour.
  address @4 :Text;                # The IP address it was last used from; empty: not known.
  current @5 :Bool;                # The session that asks.
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
  editedAtMs @9 :UInt64;           # 0: never.
  mentions @10 :List(UInt64);      # Users, as given when it was first sent; an edit calls nobody.
  reactions @11 :List(Reaction);   # In the order in which each emoji first appeared.
  changed @12 :UInt64;             # The number of the latest change of the message itself …
  reactionsChanged @13 :UInt64;    # … and of its reactions; 0: there never were any.
}

struct Change {
  # One row that a client can see, as it stands at `number`. Each row appears in the feed once, at
  # its latest change: who was away sees what is, not how it came about.

  number @0 :UInt64;
  union {
    message @1 :Message;
    conversation @2 :Conversation; # Made, or its title or pins changed, or somebody joined.
    readMark :group {
      # How far another member, or this one on another device, has read. Only where there are at most 32 members;
      # the user's own mark comes in `place` elsewhere.

      conversation @3 :UInt64;
      user @4 :UInt64;
      position @5 :UInt64;
    }
    user @6 :User;                 # Joined, renamed, seen, or gone.
    deliveredMark :group {
      # Up to where a device of that member holds the conversation. As above.

      conversation @7 :UInt64;
      user @8 :UInt64;
      position @9 :UInt64;
    }
    reactions :group {
      # All reactions to a message as they now are.

      conversation @10 :UInt64;
      position @11 :UInt64;
      reactions @12 :List(Reaction);
    }
    member :group {
      # Somebody joined, or has another role. Of more than 32 members nobody is told to have joined or left: that the
      # conversation changed is all there is. Marks are not filled in. If it is the user themselves, a client that
      # does not hold the other members asks for them: their rows may be older than its cursor.

      conversation @13 :UInt64;
      member @14 :Member;
    }
    memberLeft :group {
      # Somebody left or was removed.

      conversation @15 :UInt64;
      user @16 :UInt64;
      by @17 :UInt64;              # A user: themselves if they left.
      after @18 :UInt64;           # The last position then.
      atMs @19 :UInt64;
    }
    place @20 :Place;              # The user's own settings of a conversation, or their own read mark.
    left @21 :UInt64;              # A conversation that the user is no longer in.
    block :group {
      # The user has blocked somebody, or no longer.

      user @22 :UInt64;
      blocked @23 :Bool;
    }
  }
}
