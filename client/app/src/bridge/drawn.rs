//! How single things look: one value of the model in, one of the window's out. Holds nothing.

pub(crate) mod bubble;
pub(crate) mod face;
pub(crate) mod ids;
pub(crate) mod markup;
pub(crate) mod phrases;
