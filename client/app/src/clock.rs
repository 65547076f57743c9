//! The time of day as people write it. Knows nothing of messages.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use raftchat_schema::id::Stamp;

/// The time, and the time zone.
#[derive(Clone)]
pub struct Clock {
    now: fn() -> Stamp,
    zone: TimeZone,
}

/// A day, seen from today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// The day that it is now.
    Today,
    /// The day before.
    Yesterday,
    /// One of the six before: 0 is Monday.
    Weekday(i32),
    /// Another of this year: day and month.
    ThisYear(i32, i32),
    /// Of another year: day, month and year.
    Other(i32, i32, i32),
}

impl Clock {
    /// The system's clock in the system's time zone.
    pub fn system() -> Self {
        Self::fixed(|| Stamp(u64::try_from(Timestamp::now().as_millisecond()).unwrap_or(0)), TimeZone::system())
    }

    /// Another clock, for tests.
    pub fn fixed(now: fn() -> Stamp, zone: TimeZone) -> Self {
        Self { now, zone }
    }

    /// The time that the clock shows.
    pub fn now(&self) -> Stamp {
        (self.now)()
    }

    /// Hours and minutes.
    pub fn time(&self, at: Stamp) -> String {
        let at = self.zoned(at);
        format!("{:02}:{:02}", at.hour(), at.minute())
    }

    /// True if two moments fall on the same day here.
    pub fn same_day(&self, one: Stamp, other: Stamp) -> bool {
        self.date(one) == self.date(other)
    }

    /// The day of a moment, in the clock's time zone.
    pub fn day(&self, at: Stamp) -> Day {
        let (date, today) = (self.date(at), self.date(self.now()));
        let ago = date.until(today).map_or(i32::MAX, |span| span.get_days());
        match ago {
            0 => Day::Today,
            1 => Day::Yesterday,
            2..=6 => Day::Weekday(i32::from(date.weekday().to_monday_zero_offset())),
            _ if date.year() == today.year() => Day::ThisYear(i32::from(date.day()), i32::from(date.month())),
            _ => Day::Other(i32::from(date.day()), i32::from(date.month()), i32::from(date.year())),
        }
    }

    fn date(&self, at: Stamp) -> Date {
        self.zoned(at).date()
    }

    fn zoned(&self, at: Stamp) -> Zoned {
        let milliseconds = i64::try_from(at.0).unwrap_or(i64::MAX);
        Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::MAX).to_zoned(self.zone.clone())
    }
}
