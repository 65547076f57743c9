//! Whatever bytes a stranger sends, reading them gives a value or an error, and never a panic.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::command::{Act, Batch, Command, InSession, Proposal, Recipient, SendMessage};
use crate::generated::{peer_capnp, types_capnp};
use crate::id::{ConversationId, MessageId, NodeId, RequestNumber, SessionId, Stamp, UserId};
use crate::payload::Payload;

/// Every reader there is, of bytes and of messages that came over a link.
fn read_as_everything(bytes: &[u8]) {
    let _whatever_it_says = (
        decode_command(bytes).map(drop),
        decode_act(bytes).map(drop),
        decode_batch(bytes).and_then(|batch| decode_proposals(&batch)).map(drop),
        decode_entry(bytes).map(drop),
        decode_vote(bytes).map(drop),
        decode_log_id(bytes).map(drop),
        decode_stored_membership(bytes).map(drop),
        decode_snapshot_header(bytes).map(drop),
        decode_payload(bytes).map(drop),
        decode::<types_capnp::change::Owned, _>(bytes, read_change).map(drop),
        decode::<types_capnp::conversation::Owned, _>(bytes, read_conversation).map(drop),
        decode::<types_capnp::refusal::Owned, _>(bytes, |reader| Ok(read_refusal(reader))).map(drop),
        decode::<peer_capnp::append_request::Owned, _>(bytes, read_append_request).map(drop),
        decode::<peer_capnp::append_response::Owned, _>(bytes, read_append_response).map(drop),
        decode::<peer_capnp::vote_request::Owned, _>(bytes, read_vote_request).map(drop),
        decode::<peer_capnp::presence_update::Owned, _>(bytes, read_presence_update).map(drop),
        decode::<peer_capnp::peer::propose_params::Owned, _>(bytes, |reader| read_proposals(reader.get_proposals()?)),
    );
}

fn a_batch() -> Vec<u8> {
    let send = SendMessage {
        to: Recipient::Conversation(ConversationId(7)),
        message_id: MessageId([7; 16]),
        payload: encode_payload(&Payload::text("hello")),
        mentions: vec![UserId(7)],
    };
    let command = Command::InSession(InSession {
        session: SessionId(3),
        request: RequestNumber(1),
        acknowledged_below: RequestNumber(1),
        act: Act::Send(send).into(),
    });
    let proposal = |number| Proposal { node: NodeId(1), number, command: encode_command(&command) };
    encode_batch(&Batch { stamp: Stamp(1), proposals: vec![proposal(1), proposal(2)] })
}

proptest! {
    #[test]
    fn any_bytes(bytes in vec(any::<u8>(), 0..512)) {
        read_as_everything(&bytes);
    }

    #[test]
    fn bytes_in_a_frame_that_fits(words in vec(prop_oneof![4 => 0..64_u64, 1 => any::<u64>()], 1..64)) {
        let mut bytes = 0_u32.to_le_bytes().to_vec();
        bytes.extend(u32::try_from(words.len()).unwrap().to_le_bytes());
        bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        read_as_everything(&bytes);
    }

    #[test]
    fn a_batch_with_a_few_bytes_changed(changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = a_batch();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            if let Some(slot) = bytes.get_mut(place) {
                *slot = byte;
            }
        }
        read_as_everything(&bytes);
    }
}
