//! Text as people write it: what of it nobody sees, and what of it is an emoji. By Unicode's own tables; knows no message.

pub mod blank;
pub mod emoji;
