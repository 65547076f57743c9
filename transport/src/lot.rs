//! Chance, where nothing depends on it but that not all do the same at the same moment.

/// Drawn evenly. Where the system has no randomness it is always the same.
pub fn lot() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}
