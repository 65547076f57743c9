//! One thing in a timeline as the window draws it. Knows nothing of the rows around it but the one before.

use std::collections::BTreeMap;

use raftchat_model::text::{markup, safe};
use raftchat_model::{Body, Bubble, Delivery, Item, Original, Quote};
use raftchat_schema::id::{Position, Stamp, UserId};
use slint::{ModelRc, SharedString, VecModel};

use super::phrases::Phrases;
use super::{face, ids, markup as drawn};
use crate::fonts;
use crate::ui::{DeliveryState, QuoteView, ReactionChip, RowKind, TimelineRow};

/// A day line is drawn after so long a silence too.
const SILENCE_MS: u64 = 3 * 3600 * 1000;

/// So many links of a message can be opened from its menu.
const LINKS_MAX: usize = 3;

/// A row's surroundings, as far as they change how it is drawn.
pub(crate) struct Place<'a> {
    /// The sentences of the window's language.
    pub(crate) phrases: &'a Phrases,
    /// The item above it.
    pub(crate) previous: Option<&'a Item>,
    /// The users by their usernames, for mentions.
    pub(crate) usernames: &'a BTreeMap<String, UserId>,
    /// The usernames of those whose name can be taken for somebody else's.
    pub(crate) imitators: &'a BTreeMap<UserId, String>,
    /// The message above which the line of the unread goes.
    pub(crate) unread_line: Option<Position>,
}

/// The row of the timeline that draws the item.
pub(crate) fn row(item: &Item, place: &Place<'_>) -> TimelineRow {
    let mut row = match item {
        Item::Bubble(bubble) => said(bubble, place),
        Item::Notice(notice) => {
            let notice = place.phrases.notice(notice);
            TimelineRow { kind: RowKind::Notice, readout: notice.clone(), notice, ..TimelineRow::default() }
        }
    };
    row.key = ids::item(item.key()).into();
    row.day = day_line(item, place);
    row
}

/// The row as it will be once its message is deleted.
pub(crate) fn as_deleted(row: TimelineRow, phrases: &Phrases) -> TimelineRow {
    let plain = phrases.say(|words| words.invoke_deleted(row.mine));
    TimelineRow {
        deleted: true,
        edited: false,
        plain,
        large: SharedString::default(),
        reactions: ModelRc::default(),
        ..row
    }
}

/// The time when it was said or happened.
pub(crate) fn at(item: &Item) -> Stamp {
    match item {
        Item::Bubble(bubble) => bubble.at,
        Item::Notice(notice) => notice.at,
    }
}

/// The text of a message, in one line.
pub(crate) fn one_line(body: &Body, own: bool, phrases: &Phrases) -> SharedString {
    match body {
        Body::Text(text) => drawn::line(&markup::parse(text).plain(), 160).into(),
        Body::Deleted => phrases.say(|words| words.invoke_deleted(own)),
        Body::Newer => phrases.say(|words| words.invoke_newer()),
    }
}

/// The stage of a message, as the window draws it.
pub(crate) fn delivery(delivery: Option<&Delivery>) -> DeliveryState {
    match delivery {
        None => DeliveryState::None,
        Some(Delivery::Sending) => DeliveryState::Sending,
        Some(Delivery::Failed(_)) => DeliveryState::Failed,
        Some(Delivery::Sent) => DeliveryState::Sent,
        Some(Delivery::Delivered) => DeliveryState::Delivered,
        Some(Delivery::Read) => DeliveryState::Read,
    }
}

/// A quoted message.
pub(crate) fn quote(quote: Option<&Quote>, phrases: &Phrases) -> QuoteView {
    let Some(quote) = quote else { return QuoteView::default() };
    let position = number(quote.position.0);
    match &quote.original {
        Original::Loading => QuoteView {
            present: true,
            text: phrases.say(|words| words.invoke_quote_loading()),
            position,
            ..QuoteView::default()
        },
        Original::Gone => QuoteView {
            present: true,
            gone: true,
            text: phrases.say(|words| words.invoke_quote_gone()),
            position,
            ..QuoteView::default()
        },
        Original::Said { sender_name, body, .. } => QuoteView {
            present: true,
            gone: *body == Body::Deleted,
            name: phrases.name(sender_name, 64).into(),
            text: one_line(body, false, phrases),
            position,
        },
    }
}

fn said(bubble: &Bubble, place: &Place<'_>) -> TimelineRow {
    let phrases = place.phrases;
    let mut name = phrases.name(&bubble.sender_name, 64);
    // Who can be taken for somebody else is called by both names.
    if let Some(username) = place.imitators.get(&bubble.sender) {
        name = format!("{name} (@{username})");
    }
    let plain = match &bubble.body {
        Body::Text(text) => safe::body(text).into(),
        other => one_line(other, bubble.own, phrases),
    };
    let blocks = match &bubble.body {
        Body::Text(text) => drawn::blocks(text, |name| place.usernames.get(name).copied()),
        Body::Deleted | Body::Newer => ModelRc::default(),
    };
    let large = match &bubble.body {
        Body::Text(text) => drawn::large(text).unwrap_or_default(),
        Body::Deleted | Body::Newer => "",
    };
    TimelineRow {
        kind: RowKind::Bubble,
        position: bubble.position.map_or(0, |position| number(position.0)),
        unread_line: bubble.position.is_some() && bubble.position == place.unread_line,
        mine: bubble.own,
        first: bubble.run.first,
        last: bubble.run.last,
        face: face::person(bubble.sender, &name, false),
        large: fonts::visible(large).as_ref().into(),
        time: phrases.clock.time(bubble.at).into(),
        quote: quote(bubble.reply.as_ref(), phrases),
        forwarded: bubble
            .forwarded_from
            .as_ref()
            .map_or_else(SharedString::default, |by| phrases.say(|words| words.invoke_forwarded(by.as_str().into()))),
        edited: bubble.edited && bubble.body != Body::Deleted,
        // What this program cannot read is drawn like a tombstone: there is nothing else to draw.
        deleted: !matches!(bubble.body, Body::Text(_)),
        hidden: bubble.hidden_blocked,
        mentions_me: bubble.mentions_me,
        pinned: bubble.pinned,
        links: links(&bubble.body),
        delivery: delivery(bubble.delivery.as_ref()),
        delivery_text: bubble
            .delivery
            .as_ref()
            .map_or_else(SharedString::default, |delivery| phrases.delivery(delivery)),
        reactions: reactions(bubble, phrases),
        readout: readout(bubble, &name, phrases).into(),
        name: name.into(),
        blocks,
        plain,
        ..TimelineRow::default()
    }
}

fn links(body: &Body) -> ModelRc<SharedString> {
    let Body::Text(text) = body else { return ModelRc::default() };
    let links: Vec<SharedString> = drawn::links(text, LINKS_MAX).into_iter().map(SharedString::from).collect();
    // Most have none, and an empty model costs nothing.
    if links.is_empty() { ModelRc::default() } else { ModelRc::new(VecModel::from(links)) }
}

fn reactions(bubble: &Bubble, phrases: &Phrases) -> ModelRc<ReactionChip> {
    let chips = bubble.reactions.iter().map(|reaction| ReactionChip {
        shown: drawn::line(&reaction.emoji, 16).into(),
        emoji: safe::one_line(&reaction.emoji, 16).into(),
        count: i32::try_from(reaction.count).unwrap_or(i32::MAX),
        mine: reaction.mine,
        names: reaction.names.iter().map(|name| phrases.name(name, 64)).collect::<Vec<_>>().join(", ").into(),
    });
    ModelRc::new(VecModel::from(chips.collect::<Vec<_>>()))
}

/// "Bob, in reply to Alice: see you there, 18:55, edited".
fn readout(bubble: &Bubble, name: &str, phrases: &Phrases) -> String {
    let mut who: String = if bubble.own { phrases.say(|words| words.invoke_you()).into() } else { name.to_owned() };
    if let Some(Quote { original: Original::Said { sender_name, .. }, .. }) = &bubble.reply {
        let reply = phrases.say(|words| words.invoke_in_reply(phrases.name(sender_name, 64).into()));
        who = format!("{who}, {reply}");
    }
    let said = one_line(&bubble.body, bubble.own, phrases);
    let mut parts = vec![format!("{who}: {said}"), phrases.clock.time(bubble.at)];
    if bubble.edited {
        parts.push(phrases.say(|words| words.invoke_edited()).into());
    }
    parts.extend(bubble.reactions.iter().map(|reaction| format!("{} {}", reaction.emoji, reaction.count)));
    parts.extend(bubble.delivery.as_ref().map(|delivery| phrases.delivery(delivery).into()));
    parts.join(", ")
}

fn day_line(item: &Item, place: &Place<'_>) -> SharedString {
    let (now, before) = (at(item), place.previous.map(at));
    let needed = before
        .is_none_or(|before| !place.phrases.clock.same_day(before, now) || now.0.saturating_sub(before.0) > SILENCE_MS);
    if needed { place.phrases.moment(now) } else { SharedString::default() }
}

/// Positions as the window's numbers; they never come near the limit in practice.
pub(crate) fn number(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
