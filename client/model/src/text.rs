//! What is written in messages and names, as text. Knows nothing of who wrote it, or of how it is drawn.

mod chars;
pub mod markup;
pub mod mentions;
pub mod safe;
pub mod words;
