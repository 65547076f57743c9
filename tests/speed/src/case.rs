//! What a measured case is: something to be done, prepared each time anew. Never knows what is done.

/// Something to be measured, once.
pub type Work = Box<dyn FnOnce()>;
/// Prepares the work, each time anew, which is not measured.
pub type Source = Box<dyn FnMut() -> Work>;

/// One thing that is measured.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What is done, and to how much.
    pub name: &'static str,
    pub(crate) source: fn() -> Source,
}

impl Case {
    /// Makes what the work is done to.
    pub fn source(&self) -> Source {
        (self.source)()
    }
}
