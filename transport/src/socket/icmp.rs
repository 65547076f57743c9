//! What the system has to say of packets that did not arrive: ICMP, from a socket's error queue. Anybody on the way can forge
//! it: it is a hint and no proof.

#[cfg(not(target_os = "linux"))]
use std::io;
#[cfg(not(target_os = "linux"))]
use std::net::SocketAddr;

#[cfg(not(target_os = "linux"))]
use tokio::net::UdpSocket;

/// An entry of the error queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "other systems have no error queue"))]
pub(crate) enum SocketError {
    /// Nobody listens there.
    Closed,
    /// No way leads there.
    Unreachable,
    /// Anything else, such as a packet too large.
    Other,
}

#[cfg(target_os = "linux")]
mod queue {
    use std::io::{self, IoSliceMut};
    use std::net::{SocketAddr, SocketAddrV4};
    use std::os::fd::AsRawFd as _;

    use nix::cmsg_space;
    use nix::errno::Errno;
    use nix::libc::{SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6, sock_extended_err, sockaddr_in6};
    use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr};
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};
    use tokio::net::UdpSocket;

    use super::SocketError;

    pub(crate) fn ask_for_errors(socket: &std::net::UdpSocket) {
        let asked = match socket.local_addr() {
            Ok(address) if address.is_ipv6() => setsockopt(socket, Ipv6RecvErr, &true),
            _ => setsockopt(socket, Ipv4RecvErr, &true),
        };
        if let Err(error) = asked {
            tracing::debug!(%error, "the socket will not tell of unreachable nodes");
        }
    }

    pub(crate) fn next_error(socket: &UdpSocket, remote: SocketAddr) -> io::Result<SocketError> {
        // The head of the packet that it is about comes along.
        let mut head = [0; 64];
        let mut control = cmsg_space!(sock_extended_err, sockaddr_in6, [u8; 256]);
        let mut buffers = [IoSliceMut::new(&mut head)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let message = recvmsg::<SockaddrStorage>(socket.as_raw_fd(), &mut buffers, Some(&mut control), flags)?;
        let found = message.cmsgs()?.find_map(|part| match part {
            ControlMessageOwned::Ipv4RecvErr(error, _) | ControlMessageOwned::Ipv6RecvErr(error, _) => Some(error),
            _ => None,
        });
        // Whom the packet was for that did not arrive.
        let meant = message.address.is_some_and(|address| is_same(&address, remote));
        Ok(found.filter(|_| meant).map_or(SocketError::Other, |error| meaning(&error)))
    }

    fn is_same(address: &SockaddrStorage, remote: SocketAddr) -> bool {
        match remote {
            SocketAddr::V4(remote) => {
                address.as_sockaddr_in().is_some_and(|address| SocketAddrV4::from(*address) == remote)
            }
            SocketAddr::V6(remote) => {
                let found = address.as_sockaddr_in6().map(|address| (address.ip(), address.port()));
                found == Some((*remote.ip(), remote.port()))
            }
        }
    }

    fn meaning(error: &sock_extended_err) -> SocketError {
        let by_icmp = [SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6].contains(&error.ee_origin);
        let errno = i32::try_from(error.ee_errno).map_or(Errno::UnknownErrno, Errno::from_raw);
        match errno {
            Errno::ECONNREFUSED if by_icmp => SocketError::Closed,
            Errno::EHOSTUNREACH | Errno::ENETUNREACH if by_icmp => SocketError::Unreachable,
            _ => SocketError::Other,
        }
    }
}

#[cfg(target_os = "linux")]
pub(crate) use queue::{ask_for_errors, next_error};

#[cfg(not(target_os = "linux"))]
pub(crate) fn ask_for_errors(_socket: &std::net::UdpSocket) {}

#[cfg(not(target_os = "linux"))]
pub(crate) fn next_error(_socket: &UdpSocket, _remote: SocketAddr) -> io::Result<SocketError> {
    Err(io::ErrorKind::WouldBlock.into())
}
