//! How a timeline gets its messages: from the store first, and what is missing there from the nodes. Knows nothing of how
//! they are drawn.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use raftchat_schema::id::{ConversationId, Position};
use raftchat_schema::view::MessageView;

use super::Timeline;
use super::load::{Load, PAGE, Purpose, Stage, is_seen};
use crate::interface::effect::{Effect, PageRange, PageRequest, Write};
use crate::interface::rows::ChatId;
use crate::interface::shown::{Failure, FailureReason, Shown, Undone};
use crate::model::Model;
use crate::turn::Turn;

impl Timeline {
    /// True if what is shown will change as soon as the store has answered.
    pub(super) fn is_asking_the_store(&self) -> bool {
        self.loads.values().any(|load| is_seen(load) && load.stage == Stage::Store)
    }

    pub(super) fn forget_loads_of_end(&mut self) {
        self.loads.retain(|_, load| load.purpose != Purpose::End);
    }

    fn loads_like(&self, wanted: impl Fn(Purpose) -> bool) -> bool {
        self.loads.values().any(|load| wanted(load.purpose))
    }

    /// Takes the messages of a page in and gives the part of it that is still missing.
    fn absorb(&mut self, load: Load, messages: Vec<MessageView>, last: Position) -> Option<PageRange> {
        if load.purpose == Purpose::Quote {
            let found = messages.into_iter().find(|message| message.position == load.range.first);
            let missing = found.is_none().then_some(load.range);
            if found.is_some() || load.stage == Stage::Nodes {
                self.quotes.put(load.range.first, found);
            }
            return missing;
        }
        for message in messages.into_iter().filter(|message| load.range.covers(message.position)) {
            self.hold(message);
        }
        let missing: BTreeSet<Position> = (load.range.first.0..=load.range.last.0)
            .map(Position)
            .filter(|position| !self.held.contains_key(position))
            .collect();
        if !matches!(load.purpose, Purpose::Jump(_)) {
            self.grow(last);
        }
        Some(PageRange { first: *missing.first()?, last: *missing.last()? })
    }

    /// A page is as complete as it will be.
    fn conclude(&mut self, load: Load, last: Position) {
        if self.loads.is_empty() {
            self.late_reactions.clear();
        }
        match load.purpose {
            Purpose::Jump(to) if self.held.contains_key(&to) => {
                if !self.span.is_some_and(|span| span.covers(to)) {
                    self.show_around(to, load.range, last);
                }
                self.follow_reader(to);
                self.jumped_to = Some(to);
            }
            Purpose::End if !self.following => {
                self.following = true;
                self.show_around(last, load.range, last);
                self.following = true;
                self.follow_reader_to_end();
            }
            // Neither store nor nodes have the very last: what there is before it is shown.
            Purpose::End if self.span.is_none() => {
                self.show_around(last, load.range, last);
                self.following = true;
            }
            _ => {}
        }
    }
}

impl Model {
    fn load(&mut self, turn: &mut Turn, purpose: Purpose, range: PageRange) {
        let request = self.next_page_request();
        let Some(timeline) = &mut self.timeline else { return };
        let ChatId::Known(conversation) = timeline.chat else { return };
        timeline.loads.insert(request, Load { range, purpose, stage: Stage::Store });
        turn.touch(timeline.chat);
        turn.effect(Effect::LoadStored { request, conversation, range });
    }

    /// The positions that the person may see of the open conversation: the first, the last.
    fn visible(&self) -> Option<PageRange> {
        let ChatId::Known(conversation) = self.timeline.as_ref()?.chat else { return None };
        let chat = self.chats.get(&conversation)?;
        let range = chat.visible(self.me);
        (range.first <= range.last).then_some(range)
    }

    /// Loads the end of the open conversation, or what is missing before it.
    pub(crate) fn load_end(&mut self, turn: &mut Turn) {
        let (Some(visible), Some(timeline)) = (self.visible(), &self.timeline) else { return };
        if timeline.loads_like(|purpose| purpose == Purpose::End) {
            return;
        }
        let first = Position(visible.last.0.saturating_sub(PAGE - 1)).max(visible.first);
        self.load(turn, Purpose::End, PageRange { first, last: visible.last });
    }

    /// Loads what is missing between what is shown and the end, if the end is to be shown.
    pub(crate) fn load_gap(&mut self, turn: &mut Turn) {
        let (Some(visible), Some(timeline)) = (self.visible(), &self.timeline) else { return };
        if !timeline.following || timeline.loads_like(|purpose| purpose == Purpose::End) {
            return;
        }
        let Some(span) = timeline.span else { return self.load_end(turn) };
        if span.last >= visible.last {
            return;
        }
        if visible.last.0 - span.last.0 > PAGE {
            // Too far to be filled at once: the end is shown instead.
            if let Some(timeline) = &mut self.timeline {
                timeline.following = false;
            }
            return self.load_end(turn);
        }
        self.load(turn, Purpose::End, PageRange { first: span.last.next(), last: visible.last });
    }

    pub(crate) fn load_older(&mut self, turn: &mut Turn) {
        let (Some(visible), Some(timeline)) = (self.visible(), &self.timeline) else { return };
        let Some(span) = timeline.span else { return self.load_end(turn) };
        if span.first <= visible.first || timeline.loads_like(|purpose| purpose == Purpose::Older) {
            return;
        }
        let last = Position(span.first.0.saturating_sub(1));
        let first = Position(span.first.0.saturating_sub(PAGE)).max(visible.first);
        self.load(turn, Purpose::Older, PageRange { first, last });
    }

    pub(crate) fn load_newer(&mut self, turn: &mut Turn) {
        let (Some(visible), Some(timeline)) = (self.visible(), &self.timeline) else { return };
        let Some(span) = timeline.span else { return self.load_end(turn) };
        if span.last >= visible.last || timeline.loads_like(|purpose| purpose == Purpose::Newer) {
            return;
        }
        let last = Position(span.last.0.saturating_add(PAGE)).min(visible.last);
        self.load(turn, Purpose::Newer, PageRange { first: span.last.next(), last });
    }

    pub(crate) fn jump_to(&mut self, turn: &mut Turn, position: Position) {
        let (Some(visible), Some(timeline)) = (self.visible(), &mut self.timeline) else { return };
        timeline.jumped_to = None;
        if position > visible.last {
            return self.jump_to_end(turn);
        }
        let position = position.max(visible.first);
        turn.touch(timeline.chat);
        if timeline.span.is_some_and(|span| span.covers(position)) {
            timeline.jumped_to = Some(position);
            timeline.follow_reader(position);
            return;
        }
        timeline.loads.retain(|_, load| !matches!(load.purpose, Purpose::Jump(_)));
        let first = Position(position.0.saturating_sub(PAGE / 2)).max(visible.first);
        let last = Position(position.0.saturating_add(PAGE / 2)).min(visible.last);
        self.load(turn, Purpose::Jump(position), PageRange { first, last });
    }

    /// Shows the end of the open conversation, if it is not shown.
    pub(crate) fn jump_to_end(&mut self, turn: &mut Turn) {
        let Some(timeline) = &mut self.timeline else { return };
        if timeline.following {
            return timeline.follow_reader_to_end();
        }
        timeline.loads.retain(|_, load| !matches!(load.purpose, Purpose::Jump(_)));
        self.load_end(turn);
    }

    /// Looks for the messages that are quoted and not here.
    pub(crate) fn load_quotes(&mut self, turn: &mut Turn) {
        let Some(timeline) = &mut self.timeline else { return };
        for position in timeline.quotes.take_wanted() {
            let range = PageRange { first: position, last: position };
            let is_loading = |timeline: &Timeline| {
                timeline.loads.values().any(|load| load.purpose == Purpose::Quote && load.range == range)
            };
            if !self.timeline.as_ref().is_none_or(is_loading) {
                self.load(turn, Purpose::Quote, range);
            }
        }
    }

    /// The store has answered.
    pub(crate) fn stored_page(&mut self, turn: &mut Turn, request: PageRequest, messages: Vec<MessageView>) {
        let Some((conversation, last, load)) = self.loading(request) else { return };
        let Some(timeline) = &mut self.timeline else { return };
        turn.touch(timeline.chat);
        timeline.page_put_in = turn.now;
        match timeline.absorb(load, messages, last) {
            Some(missing) if self.sync.is_connected() => self.fetch(turn, request, conversation, missing),
            Some(_) => self.fetch_failed(turn, request),
            None => self.loaded(turn, request),
        }
    }

    fn fetch(&mut self, turn: &mut Turn, request: PageRequest, conversation: ConversationId, range: PageRange) {
        if let Some(load) = self.timeline.as_mut().and_then(|timeline| timeline.loads.get_mut(&request)) {
            load.stage = Stage::Nodes;
        }
        turn.effect(Effect::FetchHistory { request, conversation, range });
    }

    /// The nodes have answered, perhaps with the newest part only.
    pub(crate) fn fetched_page(&mut self, turn: &mut Turn, request: PageRequest, messages: Vec<MessageView>) {
        for message in messages.iter().filter(|message| self.chats.contains_key(&message.conversation)) {
            turn.write(Write::Message(message.clone()));
        }
        let Some((conversation, last, load)) = self.loading(request) else { return };
        let got_any = !messages.is_empty();
        let Some(timeline) = &mut self.timeline else { return };
        turn.touch(timeline.chat);
        timeline.page_put_in = turn.now;
        let missing_before = timeline.missing(load);
        match timeline.absorb(load, messages, last) {
            Some(missing) if got_any && missing_before > timeline.missing(load) => {
                self.fetch(turn, request, conversation, missing);
            }
            _ => self.loaded(turn, request),
        }
    }

    /// The nodes could not be asked: what the store had is all there is for now.
    pub(crate) fn fetch_failed(&mut self, turn: &mut Turn, request: PageRequest) {
        let Some((_, _, load)) = self.loading(request) else { return };
        let Some(timeline) = &mut self.timeline else { return };
        turn.touch(timeline.chat);
        if matches!(load.purpose, Purpose::Older | Purpose::Newer | Purpose::Jump(_)) {
            let why = FailureReason::Unreachable;
            turn.show(Shown::Failed(Failure { chat: Some(timeline.chat), what: Undone::Load, why }));
        }
        if load.purpose == Purpose::Quote {
            timeline.loads.remove(&request);
            return;
        }
        self.loaded(turn, request);
    }

    fn loaded(&mut self, turn: &mut Turn, request: PageRequest) {
        let Some((_, last, load)) = self.loading(request) else { return };
        let Some(timeline) = &mut self.timeline else { return };
        turn.touch(timeline.chat);
        timeline.loads.remove(&request);
        timeline.conclude(load, last);
    }

    /// The purpose of a request, if it is still of use: the conversation, its last position and the page.
    fn loading(&self, request: PageRequest) -> Option<(ConversationId, Position, Load)> {
        let timeline = self.timeline.as_ref()?;
        let ChatId::Known(conversation) = timeline.chat else { return None };
        let load = *timeline.loads.get(&request)?;
        let last = self.chats.get(&conversation)?.row.last_position;
        Some((conversation, last, load))
    }
}

impl Timeline {
    /// The number of messages of a page that are not here.
    fn missing(&self, load: Load) -> usize {
        (load.range.first.0..=load.range.last.0)
            .filter(|position| !self.held.contains_key(&Position(*position)))
            .count()
    }
}
