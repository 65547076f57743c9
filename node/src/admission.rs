//! What is decided before anything is proposed: whether a password is right, and who has to wait. Never knows the log.

pub(crate) mod login_throttle;
pub(crate) mod password_rules;
pub(crate) mod passwords;
pub(crate) mod rate_limiter;
