//! Which of the certificates that somebody needs ends first, and what to say of it in time. Knows no files and no clock.

use std::iter;
use std::time::SystemTime;

use crate::describe::Description;
use crate::verify::EXPIRY_WARNING_DAYS;

/// The end of the first of several certificates to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// Whose certificate it is.
    pub who: String,
    /// Its last second.
    pub at: SystemTime,
    on: String,
}

impl Ending {
    /// Of those certificates, or of `own` alone.
    pub(crate) fn of<'a>(own: &'a Description, others: impl IntoIterator<Item = &'a Description>) -> Self {
        let first = iter::once(own).chain(others).min_by_key(|one| one.expires_at()).unwrap_or(own);
        Self { who: first.who(), at: first.expires_at(), on: first.valid_until() }
    }

    /// Whole days from `now` until then; negative once it is over.
    pub fn days_left(&self, now: SystemTime) -> i64 {
        let day = |seconds: u64| i64::try_from(seconds / (24 * 60 * 60)).unwrap_or(i64::MAX);
        match self.at.duration_since(now) {
            Ok(left) => day(left.as_secs()),
            Err(over) => -1 - day(over.duration().as_secs()),
        }
    }

    /// A sentence for who can renew it, from [`EXPIRY_WARNING_DAYS`] before the end on; none earlier.
    pub fn warning(&self, now: SystemTime) -> Option<String> {
        let days_left = self.days_left(now);
        match days_left {
            EXPIRY_WARNING_DAYS.. => None,
            0.. => Some(format!(
                "the certificate of {} ends on {}, in {days_left} days: issue a new one before then",
                self.who, self.on
            )),
            _ => Some(format!("the certificate of {} ended on {}: issue a new one", self.who, self.on)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::time::Duration;

    use super::*;
    use crate::{AUTHORITY_DAYS, Authorities, LEAF_DAYS, describe};

    const DAY: Duration = Duration::from_hours(24);
    const HOUR: Duration = Duration::from_hours(1);

    fn days(days: u64) -> Duration {
        DAY * u32::try_from(days).unwrap()
    }

    #[test]
    fn what_ends_first_is_told_sixty_days_before_and_after_it_is_over() {
        let now = SystemTime::now();
        let authorities = Authorities::create(now).unwrap();
        let node = describe(authorities.issue_node(1, now).unwrap().certificate()).unwrap();
        let ending = Ending::of(&node, []);
        // An hour before, as a certificate's times are whole seconds.
        let at = |days_on: u64| now + days(days_on) - HOUR;
        let left = |days_on: u64| ending.days_left(at(days_on));
        assert_eq!(left(LEAF_DAYS - 60), 60);
        assert_eq!(ending.warning(at(LEAF_DAYS - 60)), None);
        let told = ending.warning(at(LEAF_DAYS - 59)).unwrap();
        assert!(told.contains("node 1") && told.contains("in 59 days"), "{told}");
        let told = ending.warning(now + days(LEAF_DAYS + 1)).unwrap();
        assert!(told.contains("ended on"), "{told}");
        assert!(left(LEAF_DAYS + 1) < 0);
    }

    #[test]
    fn an_authority_that_ends_before_what_it_signed_is_the_one_that_is_told() {
        let now = SystemTime::now();
        let later = now + days(AUTHORITY_DAYS - 10);
        let old = Authorities::create(now).unwrap();
        let young = Authorities::create(later).unwrap();
        let node = describe(young.issue_node(1, later).unwrap().certificate()).unwrap();
        let subject = crate::Subject::node(1).unwrap();
        let authority = describe(&old.anchors_for(&subject).nodes).unwrap();
        let ending = Ending::of(&node, [&authority]);
        assert_eq!(ending.days_left(later - HOUR), 10);
        assert!(ending.warning(later).unwrap().contains("authority"), "{ending:?}");
    }
}
