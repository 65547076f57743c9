//! Faults that tests plant in the engine, to see that its properties catch them. Without tests there are none.

/// A mistake that somebody could make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The link that was active stays so when another takes over.
    TwoActive,
    /// A suspicion closes the link of the node that is suspected.
    SuspicionCloses,
    /// Where no node is reached, only the first who waits is told.
    WaitersForgotten,
    /// Whether a standby goes to the node of the active link is not looked at.
    SameNodeTwice,
    /// The next attempt at a standby follows the last at once.
    NoPause,
    /// A link that serves again is closed when it was to have drained.
    DrainForgotten,
}

/// The faults that are planted.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Faults {
    #[cfg(test)]
    planted: Option<Fault>,
}

impl Faults {
    #[cfg(test)]
    pub(super) fn plant(fault: Fault) -> Self {
        Self { planted: Some(fault) }
    }

    #[cfg(test)]
    pub(super) fn has(self, fault: Fault) -> bool {
        self.planted == Some(fault)
    }

    #[cfg(not(test))]
    pub(super) const fn has(self, _: Fault) -> bool {
        let Self {} = self;
        false
    }
}
