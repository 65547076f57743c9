//! What is said beside the RPC streams, in datagrams that may be lost: see `client.capnp`.

use bytes::Bytes;

use crate::failure::LinkFailure;

const BEAT: u8 = 1;
const ACTIVATE: u8 = 2;

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datagram {
    /// The path and the process live.
    Beat,
    /// To a node: push from this cursor on, which is opaque here.
    Activate(Bytes),
}

impl Datagram {
    /// None for a kind that this version does not know, which is passed over.
    pub fn read(mut bytes: Bytes) -> Option<Self> {
        let kind = bytes.first().copied()?;
        match kind {
            BEAT => Some(Self::Beat),
            ACTIVATE => Some(Self::Activate(bytes.split_off(1))),
            _ => None,
        }
    }

    /// A beat of so many bytes, of which all but the first say nothing.
    pub(crate) fn wide_beat(length: usize) -> Bytes {
        let mut bytes = vec![0; length.max(1)];
        if let Some(kind) = bytes.first_mut() {
            *kind = BEAT;
        }
        bytes.into()
    }

    pub(crate) fn write(&self) -> Bytes {
        match self {
            Self::Beat => Bytes::from_static(&[BEAT]),
            Self::Activate(cursor) => [&[ACTIVATE], &cursor[..]].concat().into(),
        }
    }
}

/// The next datagram on a connection of a kind that this version knows.
pub(crate) async fn next_datagram(connection: &quinn::Connection) -> Result<Datagram, LinkFailure> {
    loop {
        let bytes = connection.read_datagram().await.map_err(|e| LinkFailure::from_quic(&e))?;
        if let Some(datagram) = Datagram::read(bytes) {
            return Ok(datagram);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_come_back_and_those_of_another_time_are_passed_over() {
        for datagram in [Datagram::Beat, Datagram::Activate(Bytes::new()), Datagram::Activate(Bytes::from("cursor"))] {
            assert_eq!(Datagram::read(datagram.write()), Some(datagram));
        }
        assert_eq!(Datagram::read(Bytes::from_static(&[1, 9, 9])), Some(Datagram::Beat));
        assert_eq!(Datagram::read(Datagram::wide_beat(1000)), Some(Datagram::Beat));
        assert_eq!(Datagram::wide_beat(1000).len(), 1000);
        assert_eq!(Datagram::read(Bytes::new()), None);
        assert_eq!(Datagram::read(Bytes::from_static(&[3])), None);
    }
}
