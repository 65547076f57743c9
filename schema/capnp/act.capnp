@0xd2b1f04c7a63e915;
# What a user can do. One form for all of its way: a device's outbox keeps it (`client/core/src/store`), a
# client asks for it with `Session.perform`, and the log holds it in `Command.InSession`. Nothing on the way
# says it in other words.
#
# A client makes an act. A node reads all of it, refuses what is beyond a limit (`Act::check_limits`, beside
# `schema/src/limits.rs`; the client and apply look with the same function), and writes what it has read into
# the log: never bytes that it has not understood. Whether the user may do it is decided when it is applied.
#
# An act is asked for under a request number (`RequestStamp` in `client.capnp`), which makes it happen once,
# whoever repeats it and wherever a node or a device died in between; `send` is known by its message id
# instead, for ever. Each is also of no effect when it is done again under another number, unless it is said
# otherwise below.
#
# What needs a password is not here: only a node may make a verifier, so these are calls of their own
# (`Session.changePassword`, `Session.deleteAccount`).
#
# A new act is a new member of its union, at the end, and comes with a feature level: see "A cluster is
# upgraded" in ARCHITECTURE.md. A member is never given another meaning nor another field, and an ordinal
# never given again.

struct Act {
  # Its scope comes first, so that whoever only passes it on need know no more.

  union {
    unknown @0 :Void;
    # Never written: a message that nobody has filled in must not be taken for an act.

    send @1 :SendMessage;
    # Say something.

    inConversation @2 :ConversationAct;
    # Do something in a conversation that exists.

    account @3 :AccountAct;
    # Do something to one's own account, or beside all conversations.
  }
}

struct SendMessage {
  # A message. `Conversation.send` says the same for who holds a capability.

  to :union {
    # Where it goes.

    conversation @0 :UInt64;
    # A conversation that there is; `notAMember` or `noSuchConversation` otherwise.

    direct @1 :UInt64;
    # A user: the direct conversation with them, made now if there is none.
  }

  messageHigh @2 :UInt64;
  # The first eight bytes of the message id, big-endian. The sender's second message of the same id is not
  # stored; it is answered with the place of the first, for ever.

  messageLow @3 :UInt64;
  # The last eight bytes. Whoever makes an id draws it by lot, or from the time and by lot: it is the only
  # number that makes a message the same one again, also after a device has died and forgotten the request.

  payload @4 :Data;
  # What it says; opaque, from 1 to 65,792 bytes (`emptyMessage`, `tooLarge`). Our own clients fill it with a
  # Payload (`payload.capnp`); no node ever looks into it, so another kind of content is no matter of theirs.

  mentions @5 :List(UInt64);
  # The users whose attention it asks for, 64 at most (`tooMany`), as the sender named them. Those who are
  # not other members, or have blocked the sender, are passed over.
}

struct ConversationAct {
  # An act of a member's. Whoever is not, or no longer, a member when it is applied is refused with
  # `notAMember`, or, where nobody is in it, with `noSuchConversation`. Of acts on a message:
  # `noSuchMessage` where the user sees none at that position.

  conversation @0 :UInt64;
  # The conversation's id.

  union {
    unknown @1 :Void;
    # Never written: see `Act.unknown`.

    editMessage :group {
      # Replaces what one's own message says (`notYours`), 100 times at most (`tooMany`); what it said before
      # stays as a revision. The same payload again is no edit. A deleted one stays deleted. Nobody is
      # mentioned by an edit.

      position @2 :UInt64;
      # The message's position, from 1.

      payload @3 :Data;
      # What it says from now on; opaque, from 1 to 65,792 bytes.
    }

    deleteMessage @4 :UInt64;
    # The position of one's own message (`notYours`): leaves a tombstone for everyone and erases payload,
    # revisions, reactions and pin. Deleting again is no error.

    react :group {
      # Puts the member's reaction of that kind to a message, or takes it away; not to a tombstone. 20 kinds
      # at most, 5 of them the member's own (`tooMany`). Of two that name the same kind, in whatever order they
      # are repeated, each is done once under its number, and the later one holds.

      position @5 :UInt64;
      # The message's position.

      emoji @6 :Text;
      # One emoji, at most 48 bytes, in any spelling: apply brings it into one (`malformedReaction`).

      on @7 :Bool;
      # Put there, or taken away.
    }

    pinMessage :group {
      # Pins a message for all members, or takes the pin away; any member may. 50 at most (`tooMany`). A
      # tombstone cannot be pinned, and loses its pin. One that is pinned again keeps its place among the pins.

      position @8 :UInt64;
      # The message's position.

      on @9 :Bool;
      # Whether it is pinned afterwards.
    }

    markRead @10 :UInt64;
    # Moves the read mark forward to that position, never back; takes `markedUnread` away in any case. One
    # beyond the last message means the last there is.

    markUnread @11 :Void;
    # Sets `markedUnread`, until it is read again. The read mark stays, and so do the counts: only a reminder
    # for the member, on all their devices.

    muteUntilMs @12 :UInt64;
    # Until that time, in ms since 1970 by the cluster's time, the member's devices do not call attention to
    # the conversation. 0: they do; the largest number: never again. Nodes store it and do no more about it.

    pinConversation @13 :Bool;
    # Keeps the conversation on top of the member's own list, or no longer. Nodes store it for the member's
    # other devices and do no more about it; what is so already is no change.

    saveDraft @14 :Data;
    # A payload that is not to be sent yet, for the member's other devices: at most 65,792 bytes. It replaces
    # the one before. Empty: there is none any more. Nobody else is ever shown it, and sending a message does
    # not take it away: a client that sends what was a draft also empties it.

    addMembers @15 :List(UInt64);
    # By owner and admins (`notAllowed`; `notAGroup` in a direct conversation, as with all that follows).
    # The new members see what is said from now on; those who are members already are passed over. 300 at
    # once at most. All are added or nobody: `noSuchUser`, `blocked`, and `tooMany` for a group of more than
    # 1,000 or somebody who is in 1,000 groups.

    removeMember @16 :UInt64;
    # A user. The owner may remove anybody, an admin plain members. Nobody removes themselves: that is
    # `leave`. A user who is not in the group, or is out already, is `notAMember`.

    setRole :group {
      # By the owner alone. A role that the member already has is no change.

      user @17 :UInt64;
      # The member whose role it is: not the owner themselves.

      role @18 :Role;
      # The role from now on. An owner who makes another member the owner becomes an admin.
    }

    leave @19 :Void;
    # Takes the group off the member's list, with all that the member alone had of it, on all their devices.
    # When the owner leaves, the admin who joined first becomes the owner, or, where there is none, the member
    # who did. A group that nobody is left in is erased. Under another number it is refused with `notAMember`.

    rename @20 :Text;
    # By owner and admins. The title from now on: not blank (`emptyTitle`), at most 128 bytes.

    adminsOnly @21 :Bool;
    # By owner and admins. From now on only they may send to the group, and plain members read (`notAllowed`);
    # or everybody may again. What was said before stays, and may be edited and reacted to as before.
  }

  enum Role {
    # As `MemberRole` in `types.capnp`, and apart from it: what is stored must not change with what is shown.
    # An act with another value cannot be read.

    member @0;
    # A plain member.

    admin @1;
    # Changes the title, adds members, and removes plain members.

    owner @2;
    # Gives and takes roles, and removes anybody.
  }
}

struct AccountAct {
  # An act that is in no one conversation.

  union {
    unknown @0 :Void;
    # Never written: see `Act.unknown`.

    block :group {
      # While one of two has blocked the other neither can send to the other directly, edit what was sent
      # so, react to it, pin it or take a pin away, or add the other to a group. A blocked user sees neither
      # when the other is there or was, nor how far they have read, nor what they call themselves from then
      # on. In groups both are in, a client hides what a blocked person says, and what is said from then on
      # counts neither as unread nor as a mention. 1,000 others at most (`tooMany`).

      user @1 :UInt64;
      # The other; oneself is refused with `toYourself`.

      on @2 :Bool;
      # Blocked, or no longer.
    }

    setProfile :group {
      # Changes what is given, and leaves the rest: two devices that change different settings at the same
      # time do not undo each other.

      displayName @3 :Text;
      # At most 128 bytes; one in which nothing can be seen is `malformedRequest`. Empty: as it is.

      presence @4 :Setting;
      # Whether others see when the user is there; turning it off also erases when they were last seen.

      receipts @5 :Setting;
      # Whether others are told what the user has read and received; the others' own marks are shown to the
      # user either way.
    }

    createGroup :group {
      # Makes a group of the user, who owns it, and others. Nobody is added unless all can be, with the
      # refusals of `addMembers`. 30 an hour (`rateLimited`). Under another number it makes another group: so
      # a client that no longer knows what came of one, as its number was forgotten, does not ask again.

      title @6 :Text;
      # Not blank (`emptyTitle`), at most 128 bytes.

      members @7 :List(UInt64);
      # The users in it besides the one who acts, in any order, each counted once; 1,000 in all at most.
    }

    endSession @8 :UInt64;
    # Ends one of the user's own sessions, everywhere and at once; this one too, which is how a device logs
    # out. One that is gone already is no error; another user's is `notYours`. Done under any number. A
    # repeat of what ended its own session is refused with `sessionEnded`: it was done.

    endOtherSessions @9 :Void;
    # Ends all of the user's sessions but this one, everywhere and at once. Done under any number; what is
    # unanswered on those sessions then is refused with `sessionEnded`, though it may have been done.

    wave @10 :Void;
    # Changes nothing. Only the tests of an upgrade know it, as an act that came with the level after this; to
    # any program that is built to be used it is unknown.
  }

  enum Setting {
    # What to do with one setting of a profile. An act with another value cannot be read.

    unchanged @0;
    # Leave it as it is: what a client that does not set the field says.

    on @1;
    # Others are shown it, as with a new account.

    off @2;
    # Others are not.
  }
}

struct GroupProfile {
  # What a group's owner and admins set, and all its members see (`Conversation.profile` in `types.capnp`).
  # Of a direct conversation it is unset.

  title @0 :Text;
  # What `createGroup` or the last `rename` said.

  adminsOnly @1 :Bool;
  # What the last `adminsOnly` said. Not set in a new group.
}

struct Done {
  # What an act that was not refused has done; the same on every node and for every repeat.

  union {
    nothing @0 :Void;
    # There is nothing to tell.

    sent :group {
      # Of `send`: the message is on the disks of a majority.

      conversation @1 :UInt64;
      # Where it is; news for the first message of a direct conversation.

      position @2 :UInt64;
      # Its place there.

      sentAtMs @3 :UInt64;
      # The leader's stamp, in ms since 1970.
    }

    groupCreated @4 :UInt64;
    # Of `createGroup`: the new group's id.
  }
}
