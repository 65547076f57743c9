//! Plain UDP sockets as both sides want them: bound, with room for a burst. Never knows what goes over them.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use quinn::udp::{UdpSockRef, UdpSocketState};

use crate::limits::SOCKET_BUFFER;

/// Asks for socket buffers that hold a burst; less than asked for is fine.
pub(crate) fn grow_buffers(socket: &UdpSocket) {
    let grown = UdpSocketState::new(UdpSockRef::from(socket)).and_then(|state| {
        state.set_recv_buffer_size(UdpSockRef::from(socket), SOCKET_BUFFER)?;
        state.set_send_buffer_size(UdpSockRef::from(socket), SOCKET_BUFFER)
    });
    if let Err(error) = grown {
        tracing::debug!(%error, "the UDP socket keeps its buffer sizes");
    }
}

/// A socket bound to no address in particular: the system then picks the way
/// out anew when an interface is lost, and the link lives on.
pub(crate) fn wildcard_socket(remote: SocketAddr) -> std::io::Result<UdpSocket> {
    let socket = match remote {
        SocketAddr::V4(_) => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)),
    }?;
    grow_buffers(&socket);
    Ok(socket)
}
