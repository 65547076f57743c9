//! A desktop's notifications, for windows to tell of news: a bus of its own and who listens on it. Knows nothing of what is
//! told.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use raftchat_tests::until;
use zbus::blocking::{Connection, MessageIterator, connection};
use zbus::message::{Message, Type};
use zbus::zvariant::OwnedValue;

const NAME: &str = "org.freedesktop.Notifications";

/// As the specification has it: program, which it replaces, picture, title, text, actions, hints, for how long.
type Notify = (String, u32, String, String, String, Vec<String>, HashMap<String, OwnedValue>, i32);

type Shown = Arc<Mutex<BTreeMap<u32, (String, String)>>>;

/// A desktop on which notifications can be seen.
pub(crate) struct Desktop {
    bus: Child,
    /// Where programs find its bus.
    pub(crate) address: String,
    shown: Shown,
}

impl Desktop {
    /// Starts one; none, with the reason printed, where there is no `dbus-daemon`.
    pub(crate) fn start() -> Option<Self> {
        let started = Command::new("dbus-daemon")
            .args(["--session", "--nofork", "--nopidfile", "--print-address=1"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut bus = match started {
            Ok(bus) => bus,
            Err(error) => {
                println!("notifications are not tested: dbus-daemon: {error}");
                return None;
            }
        };
        let mut address = String::new();
        BufReader::new(bus.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let address = address.trim().to_owned();
        let shown = Shown::default();
        let (theirs, listener) = (shown.clone(), connection::Builder::address(address.as_str()).unwrap());
        let listener = listener.name(NAME).unwrap().build().unwrap();
        // Ends with the bus.
        std::thread::spawn(move || {
            MessageIterator::from(&listener).map_while(Result::ok).for_each(|call| handle(&listener, &call, &theirs));
        });
        Some(Self { bus, address, shown })
    }

    /// Waits until what is to be seen is exactly this: titles and texts.
    pub(crate) async fn shows(&self, wanted: &[(&str, &str)]) {
        let what = format!("the desktop shows {wanted:?}");
        until(&what, async || {
            let shown: Vec<_> = self.shown.lock().unwrap().values().cloned().collect();
            let shown: Vec<_> = shown.iter().map(|(title, text)| (title.as_str(), text.as_str())).collect();
            (shown == wanted).then_some(())
        })
        .await;
    }
}

impl Drop for Desktop {
    fn drop(&mut self) {
        // Fails only where it has ended already.
        let _ = self.bus.kill();
        let _ = self.bus.wait();
    }
}

fn handle(listener: &Connection, call: &Message, shown: &Shown) {
    let header = call.header();
    if header.message_type() != Type::MethodCall {
        return;
    }
    let mut shown = shown.lock().unwrap();
    match header.member().map(zbus::names::MemberName::as_str) {
        Some("Notify") => {
            let (_, replaces, _, title, text, ..) = call.body().deserialize::<Notify>().unwrap();
            let id = if replaces == 0 { shown.last_key_value().map_or(1, |(last, _)| last + 1) } else { replaces };
            shown.insert(id, (title, text));
            listener.reply(&header, &id).unwrap();
        }
        Some("CloseNotification") => {
            shown.remove(&call.body().deserialize::<u32>().unwrap());
            listener.reply(&header, &()).unwrap();
        }
        _ => {}
    }
}
