//! Times as people and scripts read them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use raftchat_schema::id::Stamp;

/// RFC 3339 in UTC with milliseconds, for scripts.
pub(crate) fn rfc3339(stamp: Stamp) -> String {
    format!("{:.3}", moment(stamp))
}

/// Hour and minute where this machine is, with the day where it is another than `now`'s.
pub(crate) fn for_a_person(stamp: Stamp, now: Timestamp, zone: &TimeZone) -> String {
    let (then, now) = (moment(stamp).to_zoned(zone.clone()), now.to_zoned(zone.clone()));
    let form = if then.date() == now.date() { "%H:%M" } else { "%Y-%m-%d %H:%M" };
    then.strftime(form).to_string()
}

/// A stamp beyond the year 9999, which no clock gives, becomes the last moment there is.
fn moment(stamp: Stamp) -> Timestamp {
    i64::try_from(stamp.0).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_get_utc_with_milliseconds() {
        assert_eq!(rfc3339(Stamp(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(Stamp(1_767_225_600_042)), "2026-01-01T00:00:00.042Z");
        assert!(rfc3339(Stamp(u64::MAX)).starts_with("9999-12-"));
    }

    #[test]
    fn people_get_the_day_only_where_it_is_another() {
        let noon = Timestamp::from_second(12 * 3600).unwrap_or_default();
        assert_eq!(for_a_person(Stamp(60_000), noon, &TimeZone::UTC), "00:01");
        assert_eq!(for_a_person(Stamp(86_400_000 + 60_000), noon, &TimeZone::UTC), "1970-01-02 00:01");
    }
}
