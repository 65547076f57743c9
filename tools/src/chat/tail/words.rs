//! Changes and links as lines for a person. Knows nothing of where they go.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use raftchat_client::{LinkEvent, LinkEventKind};
use raftchat_schema::id::UserId;
use raftchat_schema::view::{Change, ChangedRow, ReactionView, UserView};

use crate::chat::names::Names;
use crate::chat::shapes::{self, message_words};
use crate::shell::text::{printable, printable_name};
use crate::shell::time::rfc3339;

/// A change of the feed.
pub(super) fn change(change: &Change, me: UserId, names: &Names) -> String {
    match &change.row {
        ChangedRow::Message(message) => {
            let words = message_words(message, Timestamp::now(), &TimeZone::system());
            format!("{:<6} {words}", message.conversation.to_string())
        }
        ChangedRow::Conversation(conversation) => {
            let title = printable_name(&shapes::title(conversation, me));
            format!("-- {} is the conversation {title} --", conversation.id)
        }
        ChangedRow::ReadMark { conversation, user, position } => {
            format!("-- {} has read {conversation} up to #{position} --", names.name(*user))
        }
        ChangedRow::DeliveredMark { conversation, user, position } => {
            format!("-- {} has received {conversation} up to #{position} --", names.name(*user))
        }
        ChangedRow::User(user) => person(user),
        ChangedRow::Reactions { conversation, position, reactions } => {
            format!("-- {conversation} #{position} has {} --", reacted(reactions, names))
        }
        ChangedRow::Member { conversation, member } => {
            let role = shapes::role(member.role);
            format!("-- {} is in {conversation}, as {role} --", member.user.username)
        }
        ChangedRow::MemberLeft { conversation, user, by, .. } if user == by => {
            format!("-- {} has left {conversation} --", names.name(*user))
        }
        ChangedRow::MemberLeft { conversation, user, by, .. } => {
            format!("-- {} has removed {} from {conversation} --", names.name(*by), names.name(*user))
        }
        ChangedRow::Place(place) => {
            format!("-- your settings of {} have changed --", place.conversation)
        }
        ChangedRow::Left(conversation) => format!("-- you are no longer in {conversation} --"),
        ChangedRow::Block { user, switch } => {
            let state = if switch.is_on() { "blocked" } else { "not blocked any more" };
            format!("-- {} is {state} --", names.name(*user))
        }
    }
}

fn person(user: &UserView) -> String {
    if user.deleted {
        return format!("-- {} has deleted their account --", user.username);
    }
    if let Some(seen) = user.last_seen {
        return format!(
            "-- {} is called {}, last seen {} --",
            user.username,
            printable_name(&user.display_name),
            rfc3339(seen)
        );
    }
    format!("-- {} is called {} --", user.username, printable_name(&user.display_name))
}

fn reacted(reactions: &[ReactionView], names: &Names) -> String {
    if reactions.is_empty() {
        return "no reactions any more".to_owned();
    }
    let by = |reaction: &ReactionView| {
        let users: Vec<_> = reaction.users.iter().map(|user| names.name(*user)).collect();
        format!("{} by {}", printable(&reaction.emoji), users.join(", "))
    };
    reactions.iter().map(by).collect::<Vec<_>>().join("; ")
}

/// Something that has happened to a link.
pub(super) fn link(event: &LinkEvent) -> String {
    let node = event.node;
    let ms = event.took.map_or(0, |took| took.as_millis());
    let cause = event.cause.map_or_else(String::new, |cause| format!(" ({})", cause.name()));
    match event.kind {
        LinkEventKind::Linked => format!("-- connected to node {node} --"),
        LinkEventKind::PathChanged => format!("-- another way to node {node}{cause} --"),
        LinkEventKind::Suspected => format!("-- node {node} may be gone{cause} --"),
        LinkEventKind::Moved => format!("-- moved to node {node} in {ms} ms{cause} --"),
        LinkEventKind::Standby => format!("-- node {node} stands by --"),
        LinkEventKind::Behind => format!("-- node {node} has had no contact with a majority for {ms} ms --"),
        LinkEventKind::Fresh => format!("-- node {node} is in contact with a majority again --"),
        LinkEventKind::Drain => format!("-- node {node} is going to stop --"),
        LinkEventKind::Lost => format!("-- node {node} is gone{cause}, and no other is there yet --"),
    }
}

#[cfg(test)]
mod tests {
    use raftchat_schema::id::{ChangeNumber, ConversationId, Position, Stamp};

    use super::*;
    use crate::chat::shapes::examples::person;

    #[test]
    fn what_others_do_is_told_with_their_names() {
        let (here, alice, bob) = (ConversationId(7), UserId(1001), UserId(2002));
        let mut names = Names::default();
        names.learn(&person(1001, "alice", "Alice"));
        names.learn(&person(2002, "bob", "Bob"));
        let words = |row| change(&Change { number: ChangeNumber(9), row }, bob, &names);
        let left = |by| ChangedRow::MemberLeft { conversation: here, user: bob, by, after: Position(1), at: Stamp(0) };
        let liked = vec![ReactionView { emoji: "👍".to_owned(), users: vec![alice, bob] }];
        let reactions = |reactions| ChangedRow::Reactions { conversation: here, position: Position(3), reactions };
        let cases = [
            (left(bob), "-- bob has left c7 --"),
            (left(alice), "-- alice has removed bob from c7 --"),
            (reactions(liked), "-- c7 #3 has 👍 by alice, bob --"),
            (reactions(Vec::new()), "-- c7 #3 has no reactions any more --"),
            (ChangedRow::Left(here), "-- you are no longer in c7 --"),
        ];
        for (row, expected) in cases {
            assert_eq!(words(row), expected);
        }
    }
}
