//! What goes in and out: inputs and effects, the rows that are kept, what is drawn, and how texts are packed. Decides nothing.

pub(crate) mod codec;
pub(crate) mod effect;
pub(crate) mod input;
pub(crate) mod rows;
pub(crate) mod shown;
