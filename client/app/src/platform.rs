//! What the window asks of the system it runs on. Knows nothing of conversations.

#[cfg(any(feature = "desktop", feature = "desktop-lean"))]
pub mod desktop;

/// The services of a desktop, of which a bare panel has none.
pub trait Platform {
    /// Shows a notification in place of the last with the same `group`.
    fn notify(&self, group: &str, title: &str, text: &str);
    /// Takes the notification of a group back.
    fn clear_notification(&self, group: &str);
    /// Puts a text where other programs can get it.
    fn copy(&self, text: &str);
    /// Opens a web or mail address.
    fn open_link(&self, target: &str);
}

/// A system without any of that: text is copied within the program only, as the window system does by itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bare;

impl Platform for Bare {
    fn notify(&self, _group: &str, _title: &str, _text: &str) {}
    fn clear_notification(&self, _group: &str) {}
    fn copy(&self, _text: &str) {}
    fn open_link(&self, _target: &str) {}
}
