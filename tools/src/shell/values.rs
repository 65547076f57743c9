//! Values that a person types, read as what they are. Never knows what they are for.

use std::time::Duration;

use raftchat_schema::error::ErrorCode;
use raftchat_schema::id::Username;

use crate::failure::Failure;

/// What cannot be a username is refused as the service refuses it.
pub(crate) fn username(text: &str) -> Result<Username, Failure> {
    text.parse().map_err(|_| ErrorCode::MalformedUsername.into())
}

/// A time limit, in seconds.
pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: Option<f64> = text.parse().ok().filter(|seconds| *seconds > 0.0);
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .filter(|duration| *duration <= Duration::from_hours(24))
        .ok_or_else(|| "a number of seconds above 0 and up to a day, such as 10 or 0.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_a_positive_number_of_seconds() {
        assert_eq!(seconds("0.5"), Ok(Duration::from_millis(500)));
        assert_eq!(seconds("10"), Ok(Duration::from_secs(10)));
        for bad in ["0", "-1", "NaN", "inf", "1e300", "soon"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_malformed_name_is_refused_like_the_service_does() {
        let failure = username("Alice").err().map(|failure| (failure.code(), failure.exit_status()));
        assert_eq!(failure, Some(("malformed-username", 1)));
    }
}
