//! What a device is told: looked up, written and read.

use raftchat_schema::generated::client_capnp::receiver;
use raftchat_schema::id::{ChangeNumber, UserId};
use raftchat_schema::view::Change;
use raftchat_schema::wire;
use raftchat_state::{MemoryTables, PageLimits, feed_page};

use crate::case::{Case, repeated};
use crate::town::populated;

/// Somebody who was told nothing yet.
const WHO: UserId = UserId(2);

pub(crate) const CASES: [Case; 5] = [
    Case { name: "look up 64 changes", source: || repeated(populated(), |tables| page(tables, 64)) },
    Case { name: "write a push of 1 change", source: || repeated(newest(1), |changes| write(changes)) },
    Case { name: "write a push of 64 changes", source: || repeated(newest(64), |changes| write(changes)) },
    Case { name: "read a push of 1 change", source: || repeated(write(&newest(1)), |bytes| read(bytes)) },
    Case { name: "read a push of 64 changes", source: || repeated(write(&newest(64)), |bytes| read(bytes)) },
];

fn page(tables: &MemoryTables, most: usize) -> Vec<Change> {
    feed_page(tables, WHO, ChangeNumber(0), PageLimits { changes: most, bytes: 1 << 20 }).unwrap().changes
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
