//! Where the line of the unread goes: above the first message of another that was to be read when the conversation was
//! opened. Once it is there it stays.

use raftchat_schema::id::Position;
use raftchat_schema::view::MessageState;

use super::Timeline;
use crate::interface::effect::PageRange;

/// The line, or what is known of its place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum UnreadLine {
    /// There is none.
    None,
    /// Somewhere in here, where nothing is read yet: the person's own messages may come first.
    Within(PageRange),
    /// Above this message.
    Above(Position),
}

impl UnreadLine {
    pub(crate) fn new(unread: Option<PageRange>) -> Self {
        unread.map_or(Self::None, Self::Within)
    }
}

impl Timeline {
    /// Above which message the line goes, as soon as all from the first that is not read on to it is shown.
    pub(super) fn settle_unread_line(&mut self) -> Option<Position> {
        if let (UnreadLine::Within(unread), Some(span)) = (self.unread_line, self.span)
            && span.first <= unread.first
            && unread.first <= span.last
        {
            let to_read = PageRange { first: unread.first, last: unread.last.min(span.last) };
            match self.first_of_others(to_read) {
                Some(position) => self.unread_line = UnreadLine::Above(position),
                None if to_read == unread => self.unread_line = UnreadLine::None,
                None => {}
            }
        }
        match self.unread_line {
            UnreadLine::Above(position) => Some(position),
            UnreadLine::None | UnreadLine::Within(_) => None,
        }
    }

    fn first_of_others(&self, range: PageRange) -> Option<Position> {
        if range.first > range.last {
            return None;
        }
        let mut messages = self.held.range(range.first..=range.last);
        let found =
            messages.find(|(_, message)| message.sender != self.me && message.state != MessageState::Deleted)?;
        Some(*found.0)
    }
}
