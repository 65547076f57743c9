//! How a message looks: what the nodes hold of it, with what the person did to it since. Knows nothing of its neighbours.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use raftchat_schema::command::{Act, SendMessage};
use raftchat_schema::id::{Position, UserId};
use raftchat_schema::view::{MessageState, MessageView, ReactionView};

use crate::interface::codec::Content;
use crate::interface::rows::{EntryState, OutboxEntry};
use crate::interface::shown::{Body, Bubble, Delivery, Item, Quote, ReactionSummary, Run};
use crate::rules::{Drawn, MessageChange, rules};
use crate::state::scene::Scene;

const ALONE: Run = Run { first: true, last: true };

/// A message with all that is done to it done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Effective {
    pub(crate) content: Option<Content>,
    pub(crate) edited: bool,
    pub(crate) reactions: Vec<ReactionView>,
}

impl Effective {
    pub(crate) fn of(scene: &Scene<'_>, message: &MessageView) -> Self {
        let mut payload = (message.state != MessageState::Deleted).then_some(message.payload.as_slice());
        let mut edited = message.state == MessageState::Edited;
        let mut reactions = message.reactions.clone();
        for act in scene.acts() {
            let Some(Drawn::Message(position, change)) = rules(act).drawn else { continue };
            if position != message.position {
                continue;
            }
            match change {
                MessageChange::Said(new) => {
                    edited = edited || payload.is_some();
                    payload = payload.map(|_| new);
                }
                MessageChange::Deleted => {
                    payload = None;
                    edited = false;
                    reactions.clear();
                }
                MessageChange::Reaction(emoji, switch) => react(&mut reactions, scene.me, emoji, switch.is_on()),
            }
        }
        Self { content: payload.map(|bytes| (scene.codec.decode)(bytes)), edited, reactions }
    }

    pub(crate) fn body(&self) -> Body {
        match &self.content {
            None => Body::Deleted,
            Some(Content::Newer) => Body::Newer,
            Some(Content::Said(payload)) => Body::Text(payload.text.clone()),
        }
    }

    pub(crate) fn reply_to(&self) -> Option<Position> {
        match &self.content {
            Some(Content::Said(payload)) => payload.reply_to,
            _ => None,
        }
    }
}

/// Whether a message, as the nodes hold it, shows an act on it as done.
pub(crate) fn shows(me: UserId, message: &MessageView, act: &Act) -> bool {
    let Some(Drawn::Message(_, MessageChange::Reaction(emoji, switch))) = rules(act).drawn else { return false };
    let mine = |reaction: &ReactionView| reaction.emoji == emoji && reaction.users.contains(&me);
    message.reactions.iter().any(mine) == switch.is_on()
}

fn react(reactions: &mut Vec<ReactionView>, me: UserId, emoji: &str, on: bool) {
    match reactions.iter_mut().find(|reaction| reaction.emoji == emoji) {
        Some(reaction) => {
            let at = reaction.users.binary_search(&me);
            match (on, at) {
                (true, Err(at)) => reaction.users.insert(at, me),
                (false, Ok(at)) => {
                    reaction.users.remove(at);
                }
                _ => {}
            }
        }
        None if on => reactions.push(ReactionView { emoji: emoji.to_owned(), users: vec![me] }),
        None => {}
    }
    reactions.retain(|reaction| !reaction.users.is_empty());
}

/// A message that the nodes hold.
pub(crate) fn committed(
    scene: &Scene<'_>,
    message: &MessageView,
    quote: impl FnOnce(Position) -> Quote,
    delivery: Option<Delivery>,
    pins: &[Position],
) -> Item {
    let effective = Effective::of(scene, message);
    let forwarded_from = match &effective.content {
        Some(Content::Said(payload)) => payload.forwarded_from.clone(),
        _ => None,
    };
    Item::Bubble(Box::new(Bubble {
        message_id: message.message_id,
        position: Some(message.position),
        sender: message.sender,
        sender_name: sender_name(scene, message),
        own: message.sender == scene.me,
        at: message.sent_at,
        body: effective.body(),
        reply: effective.reply_to().map(quote),
        forwarded_from,
        edited: effective.edited,
        reactions: summaries(scene, &effective.reactions),
        mentions_me: message.mentions.contains(&scene.me),
        pinned: pins.contains(&message.position),
        delivery,
        hidden_blocked: scene.hides(message.sender),
        run: ALONE,
        outbox: None,
    }))
}

/// The name of a message's sender: by the message's own word if nothing more is known.
pub(crate) fn sender_name(scene: &Scene<'_>, message: &MessageView) -> String {
    scene.people.name_or(message.sender, &message.sender_name)
}

fn summaries(scene: &Scene<'_>, reactions: &[ReactionView]) -> Vec<ReactionSummary> {
    reactions
        .iter()
        .map(|reaction| ReactionSummary {
            emoji: reaction.emoji.clone(),
            count: reaction.users.len(),
            mine: reaction.users.contains(&scene.me),
            names: reaction.users.iter().map(|user| scene.people.name(*user)).collect(),
        })
        .collect()
}

/// A message that is on its way.
pub(crate) fn pending(
    scene: &Scene<'_>,
    entry: &OutboxEntry,
    send: &SendMessage,
    delivery: Delivery,
    quote: impl FnOnce(Position) -> Quote,
) -> Item {
    let content = (scene.codec.decode)(&send.payload);
    let (text, reply_to, forwarded_from) = match content {
        Content::Said(payload) => (Body::Text(payload.text), payload.reply_to, payload.forwarded_from),
        Content::Newer => (Body::Newer, None, None),
    };
    Item::Bubble(Box::new(Bubble {
        message_id: send.message_id,
        position: None,
        sender: scene.me,
        sender_name: scene.people.name(scene.me),
        own: true,
        at: entry.entered,
        body: text,
        reply: reply_to.map(quote),
        forwarded_from,
        edited: false,
        reactions: Vec::new(),
        mentions_me: false,
        pinned: false,
        outbox: (delivery != Delivery::Sent).then_some(entry.id),
        delivery: Some(delivery),
        hidden_blocked: false,
        run: ALONE,
    }))
}

/// The stage of a message in the outbox.
pub(crate) fn delivery_of(entry: &OutboxEntry) -> Delivery {
    match &entry.state {
        EntryState::Waiting => Delivery::Sending,
        EntryState::Failed(refusal) => Delivery::Failed(refusal.clone()),
    }
}
