//! Changes and hints as lines of JSON. Knows nothing of where they go.

use raftchat_client::{LinkCause, LinkEvent};
use raftchat_schema::id::{ConversationId, Position, Stamp, UserId, Username};
use raftchat_schema::view::{Change, ChangedRow, ConversationView, Counts, MessageState, PlaceView, UserView};
use serde_json::{Value, json};

use crate::chat::names::Names;
use crate::chat::shapes::{self, MemberShape, UserShape, message_json};
use crate::shell::time::rfc3339;

/// A change of the feed: its kind, the cursor after it, and the row as elsewhere.
pub(super) fn change(change: &Change, cursor: Option<&str>, me: UserId, names: &Names) -> Value {
    let (kind, fields) = row(&change.row, me, names);
    let mut line = json!({ "cursor": cursor, "kind": kind });
    if let (Some(line), Value::Object(fields)) = (line.as_object_mut(), fields) {
        line.extend(fields);
    }
    line
}

fn row(row: &ChangedRow, me: UserId, names: &Names) -> (&'static str, Value) {
    match row {
        ChangedRow::Message(message) => {
            let kind = match message.state {
                MessageState::Original => "message",
                MessageState::Edited => "edit",
                MessageState::Deleted => "delete",
            };
            (kind, json!(message_json(message, names)))
        }
        ChangedRow::Reactions { conversation, position, reactions } => {
            let reactions = shapes::reactions(reactions, names);
            let fields = json!({ "conversation": conversation.to_string(), "position": position.0,
                                 "reactions": reactions });
            ("reaction", fields)
        }
        ChangedRow::Conversation(conversation) => ("conversation", conversation_fields(conversation, me)),
        ChangedRow::ReadMark { conversation, user, position } => ("read", mark(*conversation, *user, *position, names)),
        ChangedRow::DeliveredMark { conversation, user, position } => {
            ("delivered", mark(*conversation, *user, *position, names))
        }
        ChangedRow::User(user) => ("user", user_fields(user)),
        ChangedRow::Member { conversation, member } => {
            let mut fields = json!(MemberShape::of(member));
            let more = json!({ "conversation": conversation.to_string(), "user": member.user.id.to_string(),
                               "added_by": names.name(member.added_by), "since": member.since.0 });
            // Marks and presence have their own lines: in a change of a membership they are not told.
            without(&mut fields, &["read_position", "delivered_position", "online"]);
            extend(&mut fields, more);
            ("member", fields)
        }
        ChangedRow::MemberLeft { conversation, user, by, after, at } => {
            let fields = json!({ "conversation": conversation.to_string(), "user": user.to_string(),
                "username": names.name(*user), "by": names.name(*by), "after": after.0, "at": rfc3339(*at) });
            ("left", fields)
        }
        ChangedRow::Place(place) => ("place", place_fields(place)),
        ChangedRow::Left(conversation) => ("gone", json!({ "conversation": conversation.to_string() })),
        ChangedRow::Block { user, switch } => {
            let fields = json!({ "user": user.to_string(), "username": names.name(*user), "blocked": switch.is_on() });
            ("block", fields)
        }
    }
}

fn mark(conversation: ConversationId, user: UserId, position: Position, names: &Names) -> Value {
    json!({ "conversation": conversation.to_string(), "user": user.to_string(), "username": names.name(user),
            "position": position.0 })
}

fn conversation_fields(conversation: &ConversationView, me: UserId) -> Value {
    let members: Vec<_> = conversation.members.iter().map(|member| member.user.username.as_str()).collect();
    let pinned: Vec<_> = conversation.pinned_messages.iter().map(|position| position.0).collect();
    json!({ "conversation": conversation.id.to_string(), "members": members,
            "member_count": conversation.member_count, "conversation_kind": shapes::kind(conversation.kind),
            "title": shapes::title(conversation, me), "pinned_messages": pinned })
}

fn user_fields(user: &UserView) -> Value {
    let mut fields = json!(UserShape::of(user));
    // Presence has its own lines: in a change it is not told.
    without(&mut fields, &["online"]);
    fields
}

fn place_fields(place: &PlaceView) -> Value {
    let muted_until = (place.muted_until > Stamp(0)).then(|| rfc3339(place.muted_until));
    json!({ "conversation": place.conversation.to_string(), "marked_unread": place.marked_unread,
            "muted_until": muted_until, "pinned": place.pinned, "draft": shapes::draft(&place.draft),
            "read_position": place.counts.read_position.0 })
}

fn without(fields: &mut Value, names: &[&str]) {
    if let Some(fields) = fields.as_object_mut() {
        fields.retain(|name, _| !names.contains(&name.as_str()));
    }
}

fn extend(fields: &mut Value, more: Value) {
    if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), more) {
        fields.extend(more);
    }
}

/// What there is to read in a conversation.
pub(super) fn counts(conversation: ConversationId, counts: &Counts, cursor: Option<&str>) -> Value {
    json!({ "cursor": cursor, "kind": "counts", "conversation": conversation.to_string(),
            "read_position": counts.read_position.0, "unread": counts.unread, "mentions": counts.mentions })
}

/// A hint that somebody writes.
pub(super) struct Typing {
    pub(super) conversation: ConversationId,
    pub(super) user: UserId,
    pub(super) username: Username,
    pub(super) active: bool,
}

impl Typing {
    pub(super) fn line(&self, cursor: Option<&str>) -> Value {
        json!({ "cursor": cursor, "kind": "typing", "conversation": self.conversation.to_string(),
                "user": self.user.to_string(), "username": self.username.as_str(), "active": self.active })
    }

    pub(super) fn words(&self) -> String {
        let what = if self.active { "is writing" } else { "has stopped writing" };
        format!("-- {} {what} in {} --", self.username, self.conversation)
    }
}

/// Something that has happened to a link.
pub(super) fn link(event: &LinkEvent, cursor: Option<&str>) -> Value {
    let ms = event.took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX));
    json!({ "cursor": cursor, "kind": "link", "event": event.kind.name(), "node": event.node.0,
            "from": event.from.map(|node| node.0), "cause": event.cause.map(LinkCause::name), "ms": ms })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use std::time::Duration;

    use raftchat_client::LinkEventKind;
    use raftchat_schema::command::{MemberRole, Switch};
    use raftchat_schema::id::{ChangeNumber, NodeId};
    use raftchat_schema::view::ReactionView;

    use super::*;
    use crate::chat::shapes::examples::{member, message, person};

    const HERE: ConversationId = ConversationId(7);
    const ALICE: UserId = UserId(1001);

    fn line(row: ChangedRow) -> Value {
        let mut names = Names::default();
        names.learn(&person(1001, "alice", "Alice"));
        names.learn(&person(2002, "bob", "Bob"));
        change(&Change { number: ChangeNumber(9), row }, Some("01ab"), UserId(2002), &names)
    }

    #[test]
    fn a_message_tells_what_became_of_it() {
        let states =
            [(MessageState::Original, "message"), (MessageState::Edited, "edit"), (MessageState::Deleted, "delete")];
        for (state, kind) in states {
            let mut message = message("hello");
            message.state = state;
            let told = line(ChangedRow::Message(message));
            let text = if state == MessageState::Deleted { json!(null) } else { json!("hello") };
            assert_eq!((&told["kind"], &told["cursor"], &told["position"]), (&json!(kind), &json!("01ab"), &json!(42)));
            assert_eq!(told["text"], text);
        }
    }

    #[test]
    fn marks_tell_whose_they_are() {
        let read = ChangedRow::ReadMark { conversation: HERE, user: ALICE, position: Position(42) };
        let expected = json!({"cursor": "01ab", "kind": "read", "conversation": "c7", "user": "u1001",
                              "username": "alice", "position": 42});
        assert_eq!(line(read), expected);
        let delivered = ChangedRow::DeliveredMark { conversation: HERE, user: UserId(9), position: Position(1) };
        assert_eq!(
            (&line(delivered.clone())["kind"], &line(delivered)["username"]),
            (&json!("delivered"), &json!("u9"))
        );
    }

    #[test]
    fn reactions_tell_all_there_are() {
        let reactions = vec![ReactionView { emoji: "👍".to_owned(), users: vec![ALICE, UserId(2002)] }];
        let told = line(ChangedRow::Reactions { conversation: HERE, position: Position(3), reactions });
        let expected = json!({"cursor": "01ab", "kind": "reaction", "conversation": "c7", "position": 3,
                              "reactions": {"👍": ["alice", "bob"]}});
        assert_eq!(told, expected);
    }

    #[test]
    fn who_comes_and_goes_is_told_without_marks_and_presence() {
        let mut bob = member(person(2002, "bob", "Bob"), MemberRole::Admin);
        bob.added_by = ALICE;
        let told = line(ChangedRow::Member { conversation: HERE, member: bob });
        let expected = json!({"cursor": "01ab", "kind": "member", "conversation": "c7", "user": "u2002",
            "username": "bob", "display_name": "Bob", "role": "admin", "joined_at": "1970-01-01T00:00:00.042Z",
            "added_by": "alice", "since": 0});
        assert_eq!(told, expected);
        let left = ChangedRow::MemberLeft {
            conversation: HERE,
            user: UserId(2002),
            by: ALICE,
            after: Position(42),
            at: Stamp(42),
        };
        let expected = json!({"cursor": "01ab", "kind": "left", "conversation": "c7", "user": "u2002",
            "username": "bob", "by": "alice", "after": 42, "at": "1970-01-01T00:00:00.042Z"});
        assert_eq!(line(left), expected);
        assert_eq!(line(ChangedRow::Left(HERE)), json!({"cursor": "01ab", "kind": "gone", "conversation": "c7"}));
    }

    #[test]
    fn ones_own_rows_have_kinds_of_their_own() {
        let place = PlaceView { conversation: HERE, pinned: true, ..PlaceView::default() };
        let expected = json!({"cursor": "01ab", "kind": "place", "conversation": "c7", "marked_unread": false,
                              "muted_until": null, "pinned": true, "draft": null, "read_position": 0});
        assert_eq!(line(ChangedRow::Place(place)), expected);
        let block = line(ChangedRow::Block { user: ALICE, switch: Switch::On });
        assert_eq!((&block["username"], &block["blocked"]), (&json!("alice"), &json!(true)));
        let user = line(ChangedRow::User(person(1001, "alice", "Alice")));
        assert_eq!((&user["kind"], user.get("online")), (&json!("user"), None));
    }

    #[test]
    fn hints_have_lines_too() {
        let moved = LinkEvent {
            kind: LinkEventKind::Moved,
            node: NodeId(3),
            from: Some(NodeId(1)),
            cause: Some(LinkCause::Silence),
            took: Some(Duration::from_millis(84)),
        };
        let expected = json!({"cursor": null, "kind": "link", "event": "moved", "node": 3, "from": 1,
                              "cause": "silence", "ms": 84});
        assert_eq!(link(&moved, None), expected);
        let fresh = LinkEvent { kind: LinkEventKind::Fresh, from: None, cause: None, took: None, ..moved };
        let expected = json!({"cursor": null, "kind": "link", "event": "fresh", "node": 3, "from": null,
                              "cause": null, "ms": null});
        assert_eq!(link(&fresh, None), expected);
        let typing = Typing { conversation: HERE, user: ALICE, username: "alice".parse().unwrap(), active: true };
        let expected = json!({"cursor": "01ab", "kind": "typing", "conversation": "c7", "user": "u1001",
                              "username": "alice", "active": true});
        assert_eq!(typing.line(Some("01ab")), expected);
        assert_eq!(typing.words(), "-- alice is writing in c7 --");
        let counted = counts(HERE, &Counts { unread: 2, mentions: 1, ..Counts::default() }, None);
        assert_eq!((&counted["unread"], &counted["mentions"]), (&json!(2), &json!(1)));
    }
}
