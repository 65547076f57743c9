@0xb7e8a9d0c4f25b13;
# What a message says. Only clients read this: to a node a payload is bytes, so that end-to-end
# encryption can change it without changing any node.

struct Payload {
  version @0 :UInt16;
  # 1. A client that meets a higher version shows that a newer program is needed, and keeps the bytes.

  text @1 :Text;

  replyTo @2 :UInt64;
  # The position of the message in the same conversation that this one answers; 0: none.

  forwardedFrom @3 :Text;
  # The username of who said this first, where it was taken over from another conversation; empty: nowhere.
}
