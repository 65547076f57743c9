//! What a device is told: looked up, written and read.

use std::hint::black_box;
use std::rc::Rc;

use raftchat_schema::generated::client_capnp::receiver;
use raftchat_schema::id::{ChangeNumber, UserId};
use raftchat_schema::view::Change;
use raftchat_schema::wire;
use raftchat_state::{MemoryTables, PageLimits, feed_page};

use crate::case::{Case, Source};
use crate::town::populated;

/// Somebody who was told nothing yet.
const WHO: UserId = UserId(2);

pub(crate) const CASES: [Case; 5] = [
    Case { name: "look up 64 changes", source: looking_up },
    Case { name: "write a push of 1 change", source: || writing(1) },
    Case { name: "write a push of 64 changes", source: || writing(64) },
    Case { name: "read a push of 1 change", source: || reading(1) },
    Case { name: "read a push of 64 changes", source: || reading(64) },
];

fn page(tables: &MemoryTables, most: usize) -> Vec<Change> {
    feed_page(tables, WHO, ChangeNumber(0), PageLimits { changes: most, bytes: 1 << 20 }).unwrap().changes
}

fn looking_up() -> Source {
    let tables = Rc::new(populated());
    Box::new(move || {
        let tables = tables.clone();
        Box::new(move || {
            black_box(page(&tables, 64));
        })
    })
}

/// The last of what there is: messages come after the people who say them.
fn newest(count: usize) -> Vec<Change> {
    let mut all = page(&populated(), usize::MAX);
    all.split_off(all.len() - count)
}

fn write(changes: &[Change]) -> Vec<u8> {
    let mut message = capnp::message::Builder::new_default();
    let params = message.init_root::<receiver::changes_params::Builder<'_>>();
    let mut list = params.init_changes(u32::try_from(changes.len()).unwrap());
    for (at, change) in (0..).zip(changes) {
        wire::write_change(list.reborrow().get(at), change);
    }
    capnp::serialize::write_message_to_words(&message)
}

fn read(bytes: &[u8]) -> Vec<Change> {
    let message = capnp::serialize::read_message(bytes, capnp::message::ReaderOptions::new()).unwrap();
    let params = message.get_root::<receiver::changes_params::Reader<'_>>().unwrap();
    params.get_changes().unwrap().iter().map(|change| wire::read_change(change).unwrap()).collect()
}

fn writing(count: usize) -> Source {
    let changes: Rc<[Change]> = newest(count).into();
    Box::new(move || {
        let changes = changes.clone();
        Box::new(move || {
            black_box(write(&changes));
        })
    })
}

fn reading(count: usize) -> Source {
    let bytes: Rc<[u8]> = write(&newest(count)).into();
    Box::new(move || {
        let bytes = bytes.clone();
        Box::new(move || {
            black_box(read(&bytes));
        })
    })
}
