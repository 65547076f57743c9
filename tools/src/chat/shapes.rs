//! What answers look like: the JSON of the contract, and the same in words. Knows nothing of where they come from.

mod conversation;
mod message;
mod person;

pub(super) use conversation::{ConversationShape, MemberShape, ReceiptShape, draft, kind, role, title};
pub(super) use message::{RevisionShape, SentShape, message_json, message_words, people_in, reactions, uuid};
pub(super) use person::{DeviceShape, ProfileShape, SessionShape, UserShape, display_name};

#[cfg(test)]
pub(super) mod examples {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use raftchat_schema::command::{GroupProfile, MemberRole};
    use raftchat_schema::id::{ChangeNumber, ConversationId, MessageId, Position, Stamp, UserId};
    use raftchat_schema::payload::Payload;
    use raftchat_schema::view::{
        ConversationKind, ConversationView, MemberView, MessageState, MessageView, PlaceView, UserView,
    };
    use raftchat_schema::wire::encode_payload;

    pub(in crate::chat) fn person(id: u64, username: &str, display_name: &str) -> UserView {
        UserView {
            id: UserId(id),
            username: username.parse().unwrap(),
            display_name: display_name.to_owned(),
            deleted: false,
            last_seen: None,
            online: true,
            presence_hidden: false,
            receipts_off: false,
            changed: ChangeNumber(1),
        }
    }

    pub(in crate::chat) fn member(user: UserView, role: MemberRole) -> MemberView {
        let added_by = user.id;
        MemberView {
            user,
            role,
            joined: Stamp(42),
            since: Position(0),
            added_by,
            read_position: Position(40),
            delivered_position: Position(41),
            changed: ChangeNumber(2),
        }
    }

    pub(in crate::chat) fn direct() -> ConversationView {
        let plain = |id, name, shown| member(person(id, name, shown), MemberRole::Member);
        ConversationView {
            id: ConversationId(7),
            kind: ConversationKind::Direct,
            profile: GroupProfile::default(),
            members: vec![plain(1001, "alice", "Alice"), plain(2002, "bob", "")],
            member_count: 2,
            last_position: Position(42),
            pinned_messages: Vec::new(),
            created: Stamp(1),
            changed: ChangeNumber(3),
            place: PlaceView { conversation: ConversationId(7), ..PlaceView::default() },
        }
    }

    pub(in crate::chat) fn message(text: &str) -> MessageView {
        let payload = Payload { reply_to: Some(Position(41)), ..Payload::text(text) };
        MessageView {
            conversation: ConversationId(7),
            position: Position(42),
            message_id: MessageId([1; 16]),
            sender: UserId(1001),
            sender_name: "alice".parse().unwrap(),
            sent_at: Stamp(1_767_225_600_042),
            state: MessageState::Original,
            revision: 0,
            payload: encode_payload(&payload),
            edited: None,
            mentions: Vec::new(),
            reactions: Vec::new(),
            changed: ChangeNumber(4),
            reactions_changed: ChangeNumber(0),
        }
    }
}
