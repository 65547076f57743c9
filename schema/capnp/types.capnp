@0xd3a1f0b6c2e94711;
# What both sides of every interface speak about: ids, people, messages, changes, refusals.
#
# An id is opaque to a client: it compares ids and sends them back, and learns nothing from their
# bits. Ids of users, sessions and conversations are given by the state machine, from 1 on and never
# twice; 0 names none. Times are milliseconds since 1970-01-01T00:00:00Z in the leader's stamp, which
# never runs backwards along the log. Text is UTF-8. Limits stand in `schema/src/limits.rs`; what
# exceeds one is refused with `tooLarge`, or with `tooMany` where it is a list, never cut.
#
# All of it is filled in by nodes from their rows and read by clients, but for MessageId and
# MemberRole, which clients also send. A device's store keeps User, Member, Conversation, Place and
# Message in the form that they have here.
#
# Every row has the number of its latest change with it. A device keeps of each row, whether it came in
# an answer or in the feed, the copy with the higher number; of the two parts of a Message, and of
# Counts, the same by their own numbers. So it makes no difference in which order and how often rows
# arrive, and over which link.
#
# A reader that meets an enum value, or a member of a union, that it does not know takes what holds it
# for unreadable; for ErrorCode it reads `unspecified`. A field that the writer does not know is unset:
# 0, false, empty. An ordinal that was once given to a member is never given to another.

using Act = import "act.capnp";

enum ErrorCode {
  # Why the service said no. The names, in kebab-case, are what `raftchatctl --json` prints in `error`.
  # A code is never reused for another meaning.

  unspecified @0;
  # Never sent by this version. A client that meets a code newer than itself treats it like this one:
  # refused, for a reason it cannot name, and not to be repeated by itself.

  wrongCredentials @1;
  # The user does not exist or the password is wrong; which one is not told. Also a token that is
  # another session's.

  usernameTaken @2;
  # Somebody has, or once had, that name or one that looks the same, or it is reserved. Never given
  # again.

  malformedUsername @3;
  # Not `[a-z0-9._-]{2,32}`, or of a shape that nobody may take: `schema/src/names.rs`.

  noSuchUser @4;
  # Nobody has that name or id, or the account is deleted.

  noSuchConversation @5;
  # No conversation has that id, or nobody is in it any more, or nothing was said in it yet.

  noSuchMessage @6;
  # Nothing stands at that position, or it is from before the member joined. For what needs the words,
  # an edit, a reaction or a pin, also a tombstone.

  notYours @7;
  # Only the sender may do that to a message, and only its user to a session.

  notAMember @8;
  # The user, or the member that was named, is not in that conversation.

  tooLarge @9;
  # A payload, a name, a title or a password above its limit.

  emptyMessage @10;
  # A payload of no bytes.

  rateLimited @11;
  # Too often. `retryAfterMs` says when to come back. It is never remembered: the same request may be
  # made again under the same number.

  sessionEnded @12;
  # Logged out, expired, or the account is gone: log in again. To `endSession` of the session itself
  # and to `deleteAccount`, when they are repeated, it says that they were done.

  deviceRevoked @13;
  # Kept for a device whose certificate was withdrawn. Nodes of this version never send it. A client
  # treats it like `sessionEnded`.

  busy @14;
  # The node has as much to do as it takes on; another may have room. Nothing was stored. Also for a
  # session with too many subscriptions on one node, until a lost link is given up.

  noLeader @15;
  # No majority can be reached from this node, so nothing can be stored. Nothing was. A client asks other
  # nodes, and tells its user only when its time is over.

  behind @16;
  # This node has not yet applied what the client has already seen, or cannot say whether it has: ask
  # another.

  staleRequest @17;
  # A request number below the window that is remembered: its outcome is gone. Whether it was done is
  # not known.

  accountChanged @18;
  # The password changed, or the account was deleted, while the password was being checked: try again
  # with the current one.

  malformedRequest @19;
  # A field that cannot be: an id of the wrong length, an unknown enum value, a request number from the
  # future, a display name in which nothing can be seen.

  toYourself @20;
  # A direct conversation, and a block, needs another person.

  foreignCursor @21;
  # A cursor of another cluster, or of before a restore: start afresh, with an empty one. No cluster of
  # this version has ever been restored, so today it is always another cluster's.

  emptyPassword @22;
  # A password of no characters.

  tooMany @23;
  # Members, groups, mentions, reactions, pins, edits, blocks, subscriptions of a link: there is a most,
  # and this would be one more.

  notAllowed @24;
  # The member's role does not allow it; or it is something that nobody may do to themselves, such as
  # removing themselves.

  blocked @25;
  # One of the two has blocked the other; which one is not told.

  notAGroup @26;
  # A direct conversation has no title, roles or members to change.

  emptyTitle @27;
  # A title in which nothing can be seen.

  malformedReaction @28;
  # Longer than 48 bytes, or not exactly one emoji.

  weakPassword @29;
  # Fewer than 8 characters, or one of those that are guessed first.

  quotaExceeded @30;
  # The account has stored as much as one may. Deleting messages makes room.

  storageFull @31;
  # Too many nodes are short of disk for more to be stored; reading, deleting and leaving go on.

  notYet @32;
  # It came with a higher feature level than the cluster's: all nodes must be upgraded first, and then
  # whoever runs the cluster raises the level. Decided by the node that is asked, so the same request may be
  # made again.
}

struct Refusal {
  # The service understood and said no. Nothing was stored. A repeat of a request that was refused
  # when it was applied is given exactly the same refusal, by any node; what a node refuses before
  # that, and `rateLimited`, is decided anew.

  code @0 :ErrorCode;
  # The reason, for programs. A client's words for a person go by this and not by `message`.

  retryAfterMs @1 :UInt64;
  # In so many ms it is worth asking again. 0: repeating it unchanged is of no use.

  message @2 :Text;
  # A sentence a person can act on, in English; the same for each code. For programs that have no
  # sentence of their own; our client does not read it.
}

struct MessageId {
  # 128 bits made by the sending client, a UUIDv7 by custom: unique for the sender for ever. Sending
  # the same id again returns the first position and stores nothing. Two users may use the same id.

  high @0 :UInt64;
  # The first eight bytes, big-endian.

  low @1 :UInt64;
  # The last eight bytes, big-endian.
}

struct User {
  # Somebody with an account, or who once had one, as the user who asks may see them. The row is in
  # everybody's feed.

  id @0 :UInt64;
  # Given when the account is made, and never to another.

  username @1 :Text;
  # The name to log in with, `[a-z0-9._-]{2,32}`. It never changes. A reader refuses a row with a name
  # that cannot be one.

  displayName @2 :Text;
  # The name to show, at most 128 bytes, chosen by the user and not unique. A user who is blocked by
  # this one sees the name of when the block was made.

  deleted @3 :Bool;
  # The account is gone; the name stays on its messages and is never reused.

  lastSeenMs @4 :UInt64;
  # When the user was last online. 0: never, or hidden. At most one change a minute and user goes
  # through the log.

  online @5 :Bool;
  # In an answer, and in a change when it is pushed: some node holds a live session now, as far as the
  # node that answers knows. It is not in the rows and not numbered; news of it comes as
  # `Receiver.presence`, and our client passes over it in a change.

  presenceHidden @6 :Bool;
  # The user shows nobody when they are there, or has blocked the one who asks: `online` and
  # `lastSeenMs` are never set for others.

  receiptsOff @7 :Bool;
  # The user tells nobody what they have read or received: their marks are shown to nobody else.

  changed @8 :UInt64;
  # The number of the row's latest change. Of two copies of the row the one with the higher number is
  # the newer.
}

enum ConversationKind {
  # What kind of conversation it is. It never changes.

  unspecified @0;
  # Never sent. A reader refuses the conversation.

  direct @1;
  # Between two users, of whom both are always members. There is one at most for each two.

  group @2;
  # With a title, roles, and members who come and go.
}

enum MemberRole {
  # What a member of a group may do; each role may also do what those before it may.

  member @0;
  # Speaks, reacts, pins messages, leaves. Both in a direct conversation are plain members.

  admin @1;
  # Also changes the title, adds members and removes those who are plain members.

  owner @2;
  # Also gives and takes roles and removes admins. There is exactly one in a group.
}

struct Member {
  # Somebody in a conversation. In a direct one both are plain members.

  user @0 :User;
  # The user, as the one who asks may see them.

  role @1 :MemberRole;
  # Unset is a plain member.

  joinedAtMs @2 :UInt64;
  # When the membership began; of a member who left and came back, the latest time. 0: in a direct
  # conversation in which nothing was said yet.

  since @3 :UInt64;
  # The member sees messages after this position. 0: all.

  addedBy @4 :UInt64;
  # The user who added them. In a direct conversation the one who said something first; in a group the
  # owner has added themselves.

  readPosition @5 :UInt64;
  # Up to where the member has read. 0 to others if `user.receiptsOff`, or if the member has blocked
  # the one who asks; also in `Change.member`, as marks are changes of their own.

  deliveredPosition @6 :UInt64;
  # Up to where a device of the member holds the conversation, never below what was read. 0 as above.
  # Kept only where there are at most 32 members; 0 elsewhere.

  changed @7 :UInt64;
  # The number of the latest change of the membership; the marks have their own. 0 in a direct
  # conversation, whose members never change.
}

struct Conversation {
  # One conversation as one of its members sees it.

  id @0 :UInt64;
  # 0: a direct conversation in which nothing was said yet, as `Session.direct` shows it.

  kind @1 :ConversationKind;
  # Direct or group.

  profile @2 :Act.GroupProfile;
  # What a group's owner and admins set. Unset for a direct one: a client shows the other's name.

  members @3 :List(Member);
  # The first 32 in order of user id, and the user who asks among them; `Conversation.members` has them
  # all. In a change: all, and none where there are more than 32.

  memberCount @4 :UInt32;
  # How many are in it: 2 in a direct one, 1,000 at most in a group.

  lastPosition @5 :UInt64;
  # The position of the last message. 0: nothing was said.

  pinnedMessages @6 :List(UInt64);
  # Positions that the members have pinned, in the order in which they did; 50 at most. A member may
  # be shown one from before they joined.

  createdAtMs @7 :UInt64;
  # When it was made: of a direct one, when the first message was sent. 0: not yet.

  changed @8 :UInt64;
  # The number of the latest change of what stands above, but for the last position. Of the members it
  # counts that somebody joined, and, where there are more than 32, that somebody left.

  place @9 :Place;
  # The user's own place in it. In a change only its `conversation` is filled in: the rest comes as
  # `Change.place` and as Counts.
}

struct Place {
  # What one member alone has of a conversation, the same on all their devices.

  conversation @0 :UInt64;
  # The id of a conversation that the user is in.

  readPosition @1 :UInt64;
  # Up to where the member has read. It never goes back.

  unread @2 :UInt64;
  # Messages of others after the read mark that are not deleted, without those said by somebody while
  # this member had blocked them.

  mentions @3 :UInt64;
  # Those of them that mention this member.

  markedUnread @4 :Bool;
  # Set by hand, until the member reads again.

  mutedUntilMs @5 :UInt64;
  # Until then the member's devices do not call attention to it. 0: not muted. A time that has passed
  # means the same.

  pinned @6 :Bool;
  # Kept on top of the member's list.

  draft @7 :Data;
  # A payload that was not sent yet, in the form of `payload.capnp`; empty: none. A client that cannot
  # read it shows none.

  since @8 :UInt64;
  # The member sees messages after this position.

  asOf @9 :UInt64;
  # The number of the change up to which the counts hold: of two the higher is the newer.
}

struct Counts {
  # The part of a Place that messages change. It comes with each batch of changes, one for each
  # conversation in it, all of one state. A client keeps those with the highest `asOf`, and never
  # counts by itself.

  conversation @0 :UInt64;
  # The id of a conversation that the user is in.

  readPosition @1 :UInt64;
  # The user's own read mark, by which a device sees that another of the user's devices has read.

  unread @2 :UInt64;
  # As `Place.unread`: messages of others after that mark.

  mentions @3 :UInt64;
  # As `Place.mentions`: those of them that mention the user.

  asOf @4 :UInt64;
  # The last change of the state that they were counted in, which may be later than the changes beside
  # them.
}

struct Reaction {
  # Everybody who reacted to one message with one emoji.

  emoji @0 :Text;
  # One emoji of at most 48 bytes, in the one spelling that nodes give it (`schema/src/emoji.rs`).

  users @1 :List(UInt64);
  # The users who reacted so, in order of id; never none. Each stands in at most five of a message's
  # reactions.
}

struct Revision {
  # What a message said before an edit. A tombstone has none.

  revision @0 :UInt32;
  # 0: as first sent. They count up by 1.

  payload @1 :Data;
  # What it said, in the form of `payload.capnp`.

  writtenAtMs @2 :UInt64;
  # When that version was written: sent, or edited.
}

struct SessionEntry {
  # One of the user's own sessions, for the list in which a user finds the one that is not theirs.

  id @0 :UInt64;
  # What the act `endSession` takes.

  deviceName @1 :Text;
  # As it was given when the session was opened, at most 64 bytes. May be empty.

  createdAtMs @2 :UInt64;
  # When it was opened.

  lastUsedMs @3 :UInt64;
  # When it was last used. To within an hour.

  address @4 :Text;
  # The IP address it was last used from, without a port, as the node saw it; empty: not known.

  current @5 :Bool;
  # It is the session that asks.
}

enum MessageState {
  # What has become of a message. It only ever goes forward.

  original @0;
  # As it was first sent.

  edited @1;
  # Its sender has changed it; `revisions` has what it said before.

  deleted @2;
  # A tombstone. The payload is gone from every node's tables, and, unless a node is configured
  # otherwise, within a day from its disk.
}

struct Message {
  # One message as it now stands. The same for all who may see it.

  conversation @0 :UInt64;
  # The id of a conversation that the user is in.

  position @1 :UInt64;
  # 1, 2, 3 … without a hole within its conversation. It never changes.

  messageId @2 :MessageId;
  # As its sender named it. By it the sender's devices find the bubble that was pending.

  sender @3 :UInt64;
  # The user who sent it.

  senderName @4 :Text;
  # Their username, which never changes: a client can show the message without the user's row.

  sentAtMs @5 :UInt64;
  # The stamp of the entry that it came in. Positions are the order, not this.

  state @6 :MessageState;
  # Unset is as first sent.

  revision @7 :UInt32;
  # 0: as first sent; +1 for each edit, 100 at most.

  payload @8 :Data;
  # Opaque to every node; see `payload.capnp`. Empty for a tombstone, and for nothing else.

  editedAtMs @9 :UInt64;
  # When it was last edited. 0: never.

  mentions @10 :List(UInt64);
  # The members that it mentions, in order of id: those that its sender named, without those who were
  # not members or had blocked the sender. An edit changes nothing here, and a deletion neither.

  reactions @11 :List(Reaction);
  # In the order in which each emoji first appeared; 20 at most. Empty for a tombstone.

  changed @12 :UInt64;
  # The number of the latest change of the message itself …

  reactionsChanged @13 :UInt64;
  # … and of its reactions; 0: there never were any, or the message is a tombstone. A client keeps of
  # each part the copy with the higher number.
}

struct Change {
  # One row that a client can see, as it stands at `number`. Each row appears in the feed once, at its
  # latest change: a device that was away sees what is, not how it came about. Applying the same change
  # twice, or an older one after a newer, must change nothing: a client goes by the row's own number.

  number @0 :UInt64;
  # Counts up by one for each change over the whole state machine, so that a user's changes have gaps.

  union {
    message @1 :Message;
    # Sent, edited or deleted.

    conversation @2 :Conversation;
    # Made, or its title or pins changed, or somebody joined; where there are more than 32 members, also
    # when somebody left.

    readMark :group {
      # How far another member, or this one on another device, has read. Only where there are at most
      # 32 members; the user's own mark comes in `place` elsewhere, and while they tell nobody.

      conversation @3 :UInt64;
      # Its id: one that the user is in.

      user @4 :UInt64;
      # The member whose mark it is.

      position @5 :UInt64;
      # Up to where. 0: they no longer tell, or have blocked this user.
    }

    user @6 :User;
    # Joined, renamed, seen, or gone; or what this user may see of them has changed.

    deliveredMark :group {
      # Up to where a device of that member holds the conversation. Where and for whom as above.
      # Gathered for half a second, and never one entry of the log for each message.

      conversation @7 :UInt64;
      # Its id: one that the user is in.

      user @8 :UInt64;
      # The member whose mark it is.

      position @9 :UInt64;
      # Up to where. 0 as above.
    }

    reactions :group {
      # All reactions to a message as they now are. They take the place of those known before.

      conversation @10 :UInt64;
      # Its id: one that the user is in.

      position @11 :UInt64;
      # The message's.

      reactions @12 :List(Reaction);
      # Empty: there are none any more.
    }

    member :group {
      # Somebody joined, or has another role. Of more than 32 members nobody is told to have joined or
      # left: that the conversation changed is all there is. Marks are not filled in. If it is the user
      # themselves, a client that does not hold the other members asks for them: their rows may be older
      # than its cursor.

      conversation @13 :UInt64;
      # Its id: one that the user is in.

      member @14 :Member;
      # The member as they now are.
    }

    memberLeft :group {
      # Somebody left or was removed. It stands in the feed until they join again.

      conversation @15 :UInt64;
      # Its id: one that the user is in.

      user @16 :UInt64;
      # The former member.

      by @17 :UInt64;
      # The user who removed them: themselves if they left, or if their account was deleted.

      after @18 :UInt64;
      # The last position then: where a client shows that they left.

      atMs @19 :UInt64;
      # When.
    }

    place @20 :Place;
    # The user's own settings of a conversation, or their own read mark. Only to that user's devices.

    left @21 :UInt64;
    # The id of a conversation that the user is no longer in: a client forgets it. Only to that user's
    # devices.

    block :group {
      # The user has blocked somebody, or no longer. Only to that user's devices.

      user @22 :UInt64;
      # The other.

      blocked @23 :Bool;
      # Whether they are blocked now.
    }
  }
}
