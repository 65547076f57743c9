//! Who hears of what: the waiting, the subscribed, and whoever is online. Never knows what is decided, nor how it is sent.

pub(crate) mod applied;
pub(crate) mod fanout;
pub(crate) mod gossip;
pub(crate) mod live;
pub(crate) mod presence;
pub(crate) mod typing;
pub(crate) mod typing_news;
