//! What keeps the sources from being looked at. Knows nothing of what is looked for.

/// Any reason: it is printed, and nothing is decided by it.
pub(crate) type Trouble = Box<dyn std::error::Error>;
