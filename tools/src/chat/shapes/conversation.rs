//! Conversations and who is in them.

use raftchat_schema::command::MemberRole;
use raftchat_schema::id::{Position, Stamp, UserId};
use raftchat_schema::limits::RECEIPT_MEMBERS_MAX;
use raftchat_schema::view::{ConversationKind, ConversationView, MemberView};
use raftchat_schema::wire::decode_payload;
use serde::Serialize;

use super::display_name;
use crate::shell::text::{counted, printable_name};
use crate::shell::time::rfc3339;

/// A conversation of somebody's.
#[derive(Debug, Serialize)]
pub(in crate::chat) struct ConversationShape {
    conversation: String,
    kind: &'static str,
    title: String,
    members: Vec<String>,
    /// One's own, in a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    /// Of a group.
    #[serde(skip_serializing_if = "Option::is_none")]
    admins_only: Option<bool>,
    unread: u64,
    mentions: u64,
    marked_unread: bool,
    muted_until: Option<String>,
    pinned: bool,
    pinned_messages: Vec<u64>,
    draft: Option<String>,
    last_position: u64,
}

impl ConversationShape {
    /// As `me` sees it, with the members that the view holds.
    pub(in crate::chat) fn of(conversation: &ConversationView, me: UserId) -> Self {
        let place = &conversation.place;
        let own = conversation.members.iter().find(|member| member.user.id == me);
        Self {
            conversation: conversation.id.to_string(),
            kind: kind(conversation.kind),
            title: title(conversation, me),
            members: conversation.members.iter().map(|member| member.user.username.to_string()).collect(),
            role: own.filter(|_| conversation.kind == ConversationKind::Group).map(|member| role(member.role)),
            admins_only: (conversation.kind == ConversationKind::Group).then_some(conversation.profile.admins_only),
            unread: place.counts.unread,
            mentions: place.counts.mentions,
            marked_unread: place.marked_unread,
            muted_until: (place.muted_until > Stamp(0)).then(|| rfc3339(place.muted_until)),
            pinned: place.pinned,
            pinned_messages: conversation.pinned_messages.iter().map(|position| position.0).collect(),
            draft: draft(&place.draft),
            last_position: conversation.last_position.0,
        }
    }

    pub(in crate::chat) fn words(&self) -> String {
        const NAMED: usize = 8;
        let mut facts = vec![counted(self.last_position, "message")];
        let mut fact = |told: bool, words: String| facts.extend(told.then_some(words));
        fact(self.unread > 0, format!("{} unread", self.unread));
        fact(self.mentions > 0, format!("{} mention you", self.mentions));
        fact(self.marked_unread, "marked unread".to_owned());
        fact(self.pinned, "kept on top".to_owned());
        fact(self.draft.is_some(), "a draft".to_owned());
        fact(self.muted_until.is_some(), muted(self.muted_until.as_deref().unwrap_or_default()));
        let named: Vec<_> = self.members.iter().take(NAMED).map(String::as_str).collect();
        let others = self.members.len().saturating_sub(named.len());
        let others = if others > 0 { format!(" and {others} more") } else { String::new() };
        let (title, names) = (printable_name(&self.title), named.join(", "));
        format!("{:<6}  {title}  ({names}{others}; {})", self.conversation, facts.join(", "))
    }
}

fn muted(until: &str) -> String {
    // No clock gets there: it is for good.
    if until == rfc3339(Stamp(u64::MAX)) { "muted".to_owned() } else { format!("muted until {until}") }
}

/// The text of a draft; none if there is none that can be read.
pub(in crate::chat) fn draft(payload: &[u8]) -> Option<String> {
    if payload.is_empty() {
        return None;
    }
    decode_payload(payload).ok().map(|payload| payload.text)
}

pub(in crate::chat) const fn kind(kind: ConversationKind) -> &'static str {
    match kind {
        ConversationKind::Direct => "direct",
        ConversationKind::Group => "group",
    }
}

pub(in crate::chat) const fn role(role: MemberRole) -> &'static str {
    match role {
        MemberRole::Member => "member",
        MemberRole::Admin => "admin",
        MemberRole::Owner => "owner",
    }
}

/// A direct conversation is called after the other one.
pub(in crate::chat) fn title(conversation: &ConversationView, me: UserId) -> String {
    if !conversation.profile.title.is_empty() {
        return conversation.profile.title.clone();
    }
    let other = conversation.members.iter().find(|member| member.user.id != me);
    other.map(|member| display_name(&member.user)).unwrap_or_default()
}

/// Somebody in a group.
#[derive(Debug, Serialize)]
pub(in crate::chat) struct MemberShape {
    username: String,
    display_name: String,
    role: &'static str,
    joined_at: String,
    read_position: u64,
    delivered_position: u64,
    online: bool,
}

impl MemberShape {
    pub(in crate::chat) fn of(member: &MemberView) -> Self {
        Self {
            username: member.user.username.to_string(),
            display_name: member.user.display_name.clone(),
            role: role(member.role),
            joined_at: rfc3339(member.joined),
            read_position: member.read_position.0,
            delivered_position: member.delivered_position.0,
            online: member.user.online && !member.user.presence_hidden,
        }
    }

    pub(in crate::chat) fn words(&self) -> String {
        let online = if self.online { ", online" } else { "" };
        format!(
            "{:<32}  {}  ({}, since {}, has read #{}{online})",
            self.username,
            printable_name(&self.display_name),
            self.role,
            self.joined_at,
            self.read_position
        )
    }
}

/// What somebody has of a message.
#[derive(Debug, Serialize)]
pub(in crate::chat) struct ReceiptShape {
    username: String,
    display_name: String,
    /// Null where that is not told.
    delivered: Option<bool>,
    /// Null where that is not told.
    read: Option<bool>,
}

impl ReceiptShape {
    /// Of the message at `position`, in a conversation of so many.
    pub(in crate::chat) fn of(member: &MemberView, position: Position, member_count: usize) -> Self {
        let told = !member.user.receipts_off && member_count <= RECEIPT_MEMBERS_MAX;
        let read = member.read_position >= position;
        Self {
            username: member.user.username.to_string(),
            display_name: member.user.display_name.clone(),
            // Who has read it has received it.
            delivered: told.then_some(read || member.delivered_position >= position),
            read: told.then_some(read),
        }
    }

    pub(in crate::chat) fn words(&self) -> String {
        let state = match (self.delivered, self.read) {
            (_, Some(true)) => "has read it",
            (Some(true), _) => "has received it",
            (Some(false), _) => "has not received it",
            (None, _) => "does not tell",
        };
        format!("{:<32}  {}  {state}", self.username, printable_name(&self.display_name))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use raftchat_schema::payload::Payload;
    use raftchat_schema::view::Counts;
    use raftchat_schema::wire::encode_payload;
    use serde_json::{json, to_value};

    use super::super::examples::{direct, member, person};
    use super::*;

    #[test]
    fn a_direct_conversation_is_called_after_the_other() {
        let mut conversation = direct();
        conversation.place.counts = Counts { unread: 2, mentions: 1, ..Counts::default() };
        let expected = json!({
            "conversation": "c7", "kind": "direct", "title": "Alice", "members": ["alice", "bob"], "unread": 2,
            "mentions": 1, "marked_unread": false, "muted_until": null, "pinned": false, "pinned_messages": [],
            "draft": null, "last_position": 42,
        });
        assert_eq!(to_value(ConversationShape::of(&conversation, UserId(2002))).unwrap(), expected);
        assert_eq!(ConversationShape::of(&conversation, UserId(1001)).title, "bob");
    }

    #[test]
    fn a_group_tells_ones_own_place_in_it() {
        let mut group = direct();
        group.kind = ConversationKind::Group;
        group.profile.title = "Harbour".to_owned();
        group.members.push(member(person(3003, "carol", "Carol"), MemberRole::Owner));
        group.pinned_messages = vec![Position(3)];
        group.place.muted_until = Stamp(42);
        group.place.draft = encode_payload(&Payload::text("not yet"));
        let shape = to_value(ConversationShape::of(&group, UserId(3003))).unwrap();
        let told: Vec<_> =
            ["title", "role", "muted_until", "pinned_messages", "draft"].map(|key| shape[key].clone()).into();
        assert_eq!(
            told,
            [json!("Harbour"), json!("owner"), json!("1970-01-01T00:00:00.042Z"), json!([3]), json!("not yet")]
        );
        let words = ConversationShape::of(&group, UserId(3003)).words();
        assert!(words.contains("(alice, bob, carol; 42 messages, a draft, muted until"), "{words}");
        group.place.muted_until = Stamp(u64::MAX);
        let words = ConversationShape::of(&group, UserId(3003)).words();
        assert!(words.ends_with("a draft, muted)"), "{words}");
    }

    #[test]
    fn a_member_is_told_with_role_and_marks() {
        let expected = json!({"username": "carol", "display_name": "Carol", "role": "admin",
                              "joined_at": "1970-01-01T00:00:00.042Z", "read_position": 40,
                              "delivered_position": 41, "online": true});
        let carol = member(person(3003, "carol", "Carol"), MemberRole::Admin);
        assert_eq!(to_value(MemberShape::of(&carol)).unwrap(), expected);
    }

    #[test]
    fn receipts_are_told_by_who_tells_them() {
        let mut bob = member(person(2002, "bob", "Bob"), MemberRole::Member);
        let of = |member: &MemberView, position, count| {
            let shape = ReceiptShape::of(member, Position(position), count);
            (shape.delivered, shape.read)
        };
        assert_eq!(of(&bob, 40, 2), (Some(true), Some(true)));
        assert_eq!(of(&bob, 41, 2), (Some(true), Some(false)));
        assert_eq!(of(&bob, 42, 2), (Some(false), Some(false)));
        assert_eq!(of(&bob, 40, RECEIPT_MEMBERS_MAX + 1), (None, None));
        bob.user.receipts_off = true;
        assert_eq!(of(&bob, 40, 2), (None, None));
    }
}
