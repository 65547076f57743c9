//! Chance, where nothing depends on it but that not all do the same at the same moment.

/// Drawn evenly. Where the system has no randomness it is always the same.
pub fn lot() -> u32 {
    getrandom::u32().unwrap_or(u32::MAX)
}

/// The same, from 0 to 1.
pub fn lot_share() -> f64 {
    f64::from(lot()) / f64::from(u32::MAX)
}
