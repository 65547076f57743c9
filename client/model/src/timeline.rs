//! The open conversation: an unbroken stretch of its messages, what is being sent, and the items drawn from them. Knows
//! nothing of where messages come from.

pub(crate) mod bubble;
mod draw;
mod items;
mod load;
mod notices;
mod paging;
mod pins;
mod quotes;
mod trim;
mod unread;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use raftchat_schema::id::{ChangeNumber, Position, Stamp, UserId};
use raftchat_schema::payload::Payload;
use raftchat_schema::view::{MessageState, MessageView, ReactionView};

use crate::interface::effect::{PageRange, PageRequest};
use crate::interface::rows::ChatId;
use crate::interface::shown::{ItemKey, TimelineState};
use crate::state::merge;
use items::Items;
use load::{Load, PAGE};
use pins::Pins;
use quotes::Quotes;
use unread::UnreadLine;

/// The open conversation.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Timeline {
    pub(crate) chat: ChatId,
    me: UserId,
    /// Messages in the span, and others on their way into it.
    held: BTreeMap<Position, MessageView>,
    /// The stretch that is shown; none while nothing is.
    span: Option<PageRange>,
    /// The end is shown: what is said joins the span.
    following: bool,
    unread_line: UnreadLine,
    jumped_to: Option<Position>,
    loads: BTreeMap<PageRequest, Load>,
    /// Reactions that came while their message was being loaded.
    late_reactions: BTreeMap<Position, (Vec<ReactionView>, ChangeNumber)>,
    quotes: Quotes,
    /// The last of the person's own that was in the span, also after it was dropped from its end.
    newest_own: Option<Position>,
    /// In the span since the last drawing.
    fresh: BTreeSet<Position>,
    /// The span reaches further than at the last drawing, not only by what was said.
    stretched: bool,
    /// The span reaches less far than at the last drawing.
    shrunk: bool,
    /// The message that the person reads, as far as the window tells.
    reading: Option<Position>,
    /// The time when a page was last put in.
    page_put_in: Stamp,
    /// Nothing of what was drawn is to stay.
    anew: bool,
    /// The items that are drawn as being sent.
    pending: BTreeSet<ItemKey>,
    items: Items,
    pins: Pins,
    /// The contents of the entry field.
    pub(crate) draft: Payload,
    state: Option<TimelineState>,
}

impl Timeline {
    /// Nothing of a conversation yet, of which the person has `unread` to read.
    pub(crate) fn new(chat: ChatId, me: UserId, unread: Option<PageRange>) -> Self {
        Self {
            chat,
            me,
            held: BTreeMap::new(),
            span: None,
            following: true,
            unread_line: UnreadLine::new(unread),
            jumped_to: None,
            loads: BTreeMap::new(),
            late_reactions: BTreeMap::new(),
            quotes: Quotes::default(),
            newest_own: None,
            fresh: BTreeSet::new(),
            stretched: false,
            shrunk: false,
            reading: None,
            page_put_in: Stamp(0),
            anew: true,
            pending: BTreeSet::new(),
            items: Items::default(),
            pins: Pins::default(),
            draft: Payload::default(),
            state: None,
        }
    }

    /// Takes a message in that came by itself, if it belongs to what is shown or is being loaded.
    pub(crate) fn take(&mut self, message: &MessageView, visible: PageRange) {
        self.quotes.take(message);
        let position = message.position;
        if self.span.is_some_and(|span| position > span.last) {
            self.leave_untended_end();
        }
        let joins = match self.span {
            None => self.following,
            Some(span) => {
                let just_above = position < span.first && span.first.0 - position.0 <= PAGE;
                just_above || (self.following && position > span.last)
            }
        };
        if !joins && !self.held.contains_key(&position) && !self.is_being_loaded(position) {
            return;
        }
        self.hold(message.clone());
        // What was just sent may be ahead of what was said before it: only the feed has no holes in it.
        let begins = position == visible.first || message.changed > ChangeNumber(0);
        if self.span.is_some() || begins {
            self.grow(visible.last);
        }
    }

    /// Takes the reactions to a message in, if that is here or is being loaded.
    pub(crate) fn take_reactions(&mut self, position: Position, all: &[ReactionView], changed: ChangeNumber) {
        if let Some(held) = self.held.get_mut(&position) {
            merge::reactions(held, all.to_vec(), changed);
        } else if self.is_being_loaded(position) {
            self.late_reactions.insert(position, (all.to_vec(), changed));
        }
    }

    /// The message at a position, as far as it is here.
    pub(crate) fn message(&self, position: Position) -> Option<&MessageView> {
        self.held.get(&position)
    }

    fn is_being_loaded(&self, position: Position) -> bool {
        self.loads.values().any(|load| load.covers(position))
    }

    /// Holds a message: joined with what is known of it.
    fn hold(&mut self, message: MessageView) {
        let position = message.position;
        let held = match self.held.entry(position) {
            alloc::collections::btree_map::Entry::Occupied(held) => {
                let held = held.into_mut();
                merge::message(held, message);
                held
            }
            alloc::collections::btree_map::Entry::Vacant(place) => place.insert(message),
        };
        if let Some((all, changed)) = self.late_reactions.remove(&position) {
            merge::reactions(held, all, changed);
        }
        let erased = held.state == MessageState::Deleted;
        if self.span.is_some_and(|span| span.covers(position)) {
            self.fresh.insert(position);
            if erased && self.newest_own == Some(position) {
                self.newest_own = self.find_newest_own();
                self.fresh.extend(self.newest_own);
            }
        }
    }

    /// Lets the span take in whatever is held next to it. Where there is none it begins at the end of the conversation.
    fn grow(&mut self, last: Position) {
        let mut span = match self.span {
            Some(span) => span,
            None if self.held.contains_key(&last) => {
                PageRange { first: last, last: Position(last.0.saturating_sub(1)) }
            }
            None => return,
        };
        let had_own = self.newest_own.is_some();
        while self.held.contains_key(&span.last.next()) && span.last < Position(u64::MAX) {
            span.last = span.last.next();
            self.enter(span.last);
        }
        while let Some(below) = span.first.0.checked_sub(1).map(Position).filter(|below| self.held.contains_key(below))
        {
            span.first = below;
            self.enter(below);
        }
        let appended_only = self.following && self.span.is_some_and(|before| before.first == span.first);
        self.stretched = self.stretched || (!appended_only && self.span != Some(span));
        self.span = Some(span);
        self.following = self.following || span.last >= last;
        if had_own && self.newest_own.is_none() {
            self.newest_own = self.find_newest_own();
            self.fresh.extend(self.newest_own);
        }
    }

    fn enter(&mut self, position: Position) {
        self.fresh.insert(position);
        let own = self
            .held
            .get(&position)
            .is_some_and(|message| message.sender == self.me && message.state != MessageState::Deleted);
        if own && self.newest_own.is_none_or(|newest| newest < position) {
            self.fresh.extend(self.newest_own);
            self.newest_own = Some(position);
        } else if !own && self.newest_own == Some(position) {
            // It was deleted while it was not here.
            self.newest_own = None;
        }
    }

    fn find_newest_own(&self) -> Option<Position> {
        let span = self.span?;
        self.held
            .range(span.first..=span.last)
            .rev()
            .find(|(_, message)| message.sender == self.me && message.state != MessageState::Deleted)
            .map(|(position, _)| *position)
    }

    /// Shows the stretch around `to` out of what is held in `range`, and nothing else.
    fn show_around(&mut self, to: Position, range: PageRange, last: Position) {
        self.held.retain(|position, _| range.covers(*position));
        let Some((start, _)) = self.held.range(..=to).next_back().or_else(|| self.held.iter().next()) else { return };
        let start = *start;
        self.span = Some(PageRange { first: start, last: Position(start.0.saturating_sub(1)) });
        self.following = false;
        self.newest_own = None;
        self.fresh.clear();
        self.anew = true;
        self.grow(last);
    }
}

impl PageRange {
    /// True if the position is in it.
    pub fn covers(&self, position: Position) -> bool {
        self.first <= position && position <= self.last
    }
}
