//! What a measured case is: something to be done, prepared each time anew. Never knows what is done.

use std::hint::black_box;
use std::rc::Rc;

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

/// The same work each time, done to something that it does not change.
pub(crate) fn repeated<T: 'static, R: 'static>(to: T, work: fn(&T) -> R) -> Source {
    let to = Rc::new(to);
    Box::new(move || {
        let to = to.clone();
        Box::new(move || {
            black_box(work(&to));
        })
    })
}
