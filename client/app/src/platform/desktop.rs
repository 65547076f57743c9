//! A desktop that follows the freedesktop specifications. Knows nothing of conversations.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::mpsc;

use super::Platform;

/// The services of the desktop that the program runs on. What is missing there is left out without a word.
pub struct Desktop {
    clipboard: RefCell<Option<arboard::Clipboard>>,
    notices: mpsc::Sender<Notice>,
}

enum Notice {
    Show { group: String, title: String, text: String },
    Clear { group: String },
}

impl Default for Desktop {
    fn default() -> Self {
        let (notices, wanted) = mpsc::channel();
        // The session bus may be slow or absent: never wait for it where the window is drawn.
        let spawned = std::thread::Builder::new().name("notifications".to_owned()).spawn(move || show_all(&wanted));
        if let Err(error) = spawned {
            tracing::warn!(%error, "no notifications");
        }
        Self { clipboard: RefCell::new(None), notices }
    }
}

impl Platform for Desktop {
    fn notify(&self, group: &str, title: &str, text: &str) {
        let notice = Notice::Show { group: group.to_owned(), title: title.to_owned(), text: text.to_owned() };
        drop(self.notices.send(notice));
    }

    fn clear_notification(&self, group: &str) {
        drop(self.notices.send(Notice::Clear { group: group.to_owned() }));
    }

    fn copy(&self, text: &str) {
        let mut clipboard = self.clipboard.borrow_mut();
        if clipboard.is_none() {
            *clipboard = arboard::Clipboard::new().inspect_err(|error| tracing::warn!(%error, "no clipboard")).ok();
        }
        if let Some(clipboard) = clipboard.as_mut()
            && let Err(error) = clipboard.set_text(text)
        {
            tracing::warn!(%error, "not copied");
        }
    }

    fn open_link(&self, target: &str) {
        let opened = std::process::Command::new("xdg-open").arg(target).spawn();
        match opened {
            // Somebody has to wait for it, or it stays as a zombie.
            Ok(mut child) => drop(std::thread::spawn(move || child.wait())),
            Err(error) => tracing::warn!(%error, "no program opens links"),
        }
    }
}

/// The notification server of the session bus.
struct Server<'a> {
    proxy: zbus::blocking::Proxy<'a>,
    shown: HashMap<String, u32>,
}

fn show_all(wanted: &mpsc::Receiver<Notice>) {
    let mut server: Option<Server<'_>> = None;
    for notice in wanted {
        if server.is_none() {
            server = Server::connect().inspect_err(|error| tracing::debug!(%error, "no notification server")).ok();
        }
        let Some(known) = server.as_mut() else { continue };
        if let Err(error) = known.handle(notice) {
            tracing::debug!(%error, "notification not shown");
            server = None;
        }
    }
}

impl Server<'_> {
    fn connect() -> zbus::Result<Self> {
        let bus = zbus::blocking::Connection::session()?;
        let name = "org.freedesktop.Notifications";
        let proxy = zbus::blocking::Proxy::new(&bus, name, "/org/freedesktop/Notifications", name)?;
        Ok(Self { proxy, shown: HashMap::new() })
    }

    fn handle(&mut self, notice: Notice) -> zbus::Result<()> {
        match notice {
            Notice::Show { group, title, text } => {
                let replaces = self.shown.get(&group).copied().unwrap_or(0);
                let hints = HashMap::from([
                    ("desktop-entry", zbus::zvariant::Value::from("raftchat")),
                    ("category", zbus::zvariant::Value::from("im.received")),
                ]);
                let actions: [&str; 0] = [];
                // The text may be read as markup by the server.
                let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
                let body = ("raftchat", replaces, "raftchat", title, text, actions.as_slice(), hints, -1_i32);
                let id: u32 = self.proxy.call("Notify", &body)?;
                self.shown.insert(group, id);
            }
            Notice::Clear { group } => {
                if let Some(id) = self.shown.remove(&group) {
                    self.proxy.call::<_, _, ()>("CloseNotification", &(id,))?;
                }
            }
        }
        Ok(())
    }
}
