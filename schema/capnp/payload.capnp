@0xb7e8a9d0c4f25b13;
# What a message says. Only clients read this: to a node a payload is bytes, so that end-to-end
# encryption can change it without changing any node.
#
# A payload is one Payload message, unpacked, with its segment table and nothing after it. It has at
# most 65,792 bytes, of which 65,536 are for the text. A draft is a payload too.

struct Payload {
  # One version of one message, as its sender's client wrote it. Nothing in it was checked by a node:
  # a reader takes it for a stranger's text, whatever it holds.

  version @0 :UInt16;
  # 1. A client that meets another version shows that a newer program is needed, and keeps the bytes.
  # Unset is 0, and so is read as another version.

  text @1 :Text;
  # The text as it was typed, UTF-8, at most 64 KiB. A reader shows a subset of Markdown in it and
  # finds the mentions by their usernames; who is notified stands beside the payload, in
  # `Conversation.send`.

  replyTo @2 :UInt64;
  # The position of the message in the same conversation that this one answers; 0: none. It may be one
  # that the reader cannot see, or that was deleted.

  forwardedFrom @3 :Text;
  # The username of who said this first, where it was taken over from another conversation; empty:
  # nowhere. It is what the forwarding client says and proves nothing. A text that cannot be a username
  # is read as empty.
}
