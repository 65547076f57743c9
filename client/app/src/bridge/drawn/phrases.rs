//! Sentences that are put together in the program, in the person's language. Knows nothing of where they are shown.

use raftchat_model::{Connection, DELETED_ACCOUNT, Delivery, FailureReason, Happening, Notice};
use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::Stamp;
use slint::{ComponentHandle, SharedString, Weak};

use super::markup;
use crate::clock::{Clock, Day};
use crate::ui::{AppWindow, Words};

/// So much of a name stands in a sentence.
const NAME_CHARS: usize = 64;

/// The window's sentences, and the time as they name it.
#[derive(Clone)]
pub(crate) struct Phrases {
    window: Weak<AppWindow>,
    /// The clock and its time zone.
    pub(crate) clock: Clock,
}

impl Phrases {
    /// Those of `window`.
    pub(crate) fn new(window: &AppWindow, clock: Clock) -> Self {
        Self { window: window.as_weak(), clock }
    }

    /// Asks the window for a sentence; an empty one once it is gone.
    pub(crate) fn say(&self, sentence: impl FnOnce(&Words<'_>) -> SharedString) -> SharedString {
        self.window.upgrade().map(|window| sentence(&window.global::<Words<'_>>())).unwrap_or_default()
    }

    /// That this device's certificate ends in so many days, 0 if it has ended; nothing if that is not soon.
    pub(crate) fn certificate(&self, days_left: Option<i32>) -> SharedString {
        days_left.map(|days| self.say(|words| words.invoke_certificate(days))).unwrap_or_default()
    }

    /// Somebody's name or a conversation's title, in one line of at most `limit` letters. What the model calls those who
    /// deleted their account is said in the person's language.
    pub(crate) fn name(&self, name: &str, limit: usize) -> String {
        if name == DELETED_ACCOUNT {
            return self.say(|words| words.invoke_deleted_account()).into();
        }
        markup::line(name, limit)
    }

    /// "Today", "Monday", "3 May".
    pub(crate) fn day(&self, at: Stamp) -> SharedString {
        self.say(|words| match self.clock.day(at) {
            Day::Today => words.invoke_today(),
            Day::Yesterday => words.invoke_yesterday(),
            Day::Weekday(number) => words.invoke_weekday(number),
            Day::ThisYear(day, month) => words.invoke_day_month(day, month),
            Day::Other(day, month, year) => words.invoke_day_month_year(day, month, year.to_string().into()),
        })
    }

    /// The time of day if it was today, else the day.
    pub(crate) fn short(&self, at: Stamp) -> SharedString {
        if self.clock.day(at) == Day::Today { self.clock.time(at).into() } else { self.day(at) }
    }

    /// Day and time of day.
    pub(crate) fn moment(&self, at: Stamp) -> SharedString {
        format!("{} {}", self.day(at), self.clock.time(at)).into()
    }

    /// Day and time of day, as they are written within a sentence.
    pub(crate) fn moment_within(&self, at: Stamp) -> SharedString {
        let moment = self.moment(at);
        match self.clock.day(at) {
            // Days that have no name of their own are not written large.
            Day::Today | Day::Yesterday => moment
                .chars()
                .take(1)
                .flat_map(char::to_lowercase)
                .chain(moment.chars().skip(1))
                .collect::<String>()
                .into(),
            _ => moment,
        }
    }

    /// The sentence for an event in a member's life.
    pub(crate) fn notice(&self, notice: &Notice) -> SharedString {
        let name: SharedString = self.name(&notice.name, NAME_CHARS).into();
        let by: SharedString = match &notice.what {
            Happening::Joined { by, .. } | Happening::Removed { by, .. } => self.name(by, NAME_CHARS).into(),
            Happening::Created | Happening::Left => SharedString::default(),
        };
        self.say(|words| match (&notice.what, notice.me) {
            (Happening::Created, me) => words.invoke_created(name, me),
            (Happening::Joined { .. }, true) if by.is_empty() => words.invoke_you_joined(),
            (Happening::Joined { .. }, true) => words.invoke_added_you(by),
            (Happening::Joined { by_me: true, .. }, false) => words.invoke_you_added(name),
            (Happening::Joined { .. }, false) if by.is_empty() => words.invoke_joined(name),
            (Happening::Joined { .. }, false) => words.invoke_added(name, by),
            (Happening::Left, _) => words.invoke_left(name),
            (Happening::Removed { by_me: true, .. }, _) => words.invoke_you_removed(name),
            (Happening::Removed { .. }, _) => words.invoke_removed(name, by),
        })
    }

    /// The word for the stage of a message.
    pub(crate) fn delivery(&self, delivery: &Delivery) -> SharedString {
        self.say(|words| match delivery {
            Delivery::Sending => words.invoke_sending(),
            Delivery::Failed(_) => words.invoke_failed(),
            Delivery::Sent => words.invoke_sent(),
            Delivery::Delivered => words.invoke_delivered(),
            Delivery::Read => words.invoke_read(),
        })
    }

    /// The sentence that names who is writing; empty if nobody is.
    pub(crate) fn typing(&self, names: &[String]) -> SharedString {
        self.say(|words| match names {
            [] => SharedString::default(),
            [one] => words.invoke_typing_one(one.as_str().into()),
            [one, other] => words.invoke_typing_two(one.as_str().into(), other.as_str().into()),
            more => words.invoke_typing_many(i32::try_from(more.len()).unwrap_or(i32::MAX)),
        })
    }

    /// The reason why the service said no.
    pub(crate) fn refusal(&self, code: ErrorCode) -> SharedString {
        self.say(|words| words.invoke_refused(i32::from(code as u16)))
    }

    /// A sentence of the client in the window's language, if it is one of the service's.
    pub(crate) fn sentence(&self, sentence: &str) -> SharedString {
        let code = ErrorCode::ALL.iter().find(|code| code.sentence() == sentence);
        code.map_or_else(|| sentence.into(), |code| self.refusal(*code))
    }

    /// The reason why something was not done.
    pub(crate) fn failure(&self, why: &FailureReason) -> SharedString {
        match why {
            FailureReason::Refused(refusal) => self.refusal(refusal.code),
            FailureReason::Left => self.say(|words| words.invoke_no_longer_in()),
            FailureReason::Unreachable => self.say(|words| words.invoke_unreachable()),
        }
    }

    /// The words for the state of the connection.
    pub(crate) fn connection(&self, connection: Connection) -> SharedString {
        self.say(|words| match connection {
            Connection::Offline => words.invoke_offline(),
            Connection::Connecting => words.invoke_connecting(),
            Connection::CatchingUp { .. } => words.invoke_catching_up(),
            Connection::Online { node, rtt_ms } => {
                words.invoke_on_node(node.to_string().into(), rtt_ms.to_string().into())
            }
            Connection::ReadOnly { .. } => words.invoke_read_only(),
        })
    }
}
