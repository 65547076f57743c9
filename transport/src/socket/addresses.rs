//! Tells when the system's addresses, routes or interfaces change. Never says how: whoever asks makes its links anew either
//! way.

use std::io;

/// Hears of changes of the system's addresses, routes and interfaces. On systems other than Linux it hears of none.
#[derive(Debug)]
pub struct AddressWatch {
    source: source::Source,
}

impl AddressWatch {
    /// Listens from now on. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// The system does not tell.
    pub fn new() -> io::Result<Self> {
        Ok(Self { source: source::Source::open()? })
    }

    /// Waits for the next change; several that come together are one.
    ///
    /// # Errors
    /// The system tells no more.
    pub async fn changed(&mut self) -> io::Result<()> {
        self.source.changed().await
    }
}

#[cfg(target_os = "linux")]
mod source {
    use std::io;
    use std::os::fd::{AsRawFd as _, OwnedFd};

    use nix::errno::Errno;
    use nix::libc;
    use nix::sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
    };
    use tokio::io::unix::AsyncFd;

    const GROUPS: [libc::c_int; 5] = [
        libc::RTMGRP_LINK,
        libc::RTMGRP_IPV4_IFADDR,
        libc::RTMGRP_IPV6_IFADDR,
        libc::RTMGRP_IPV4_ROUTE,
        libc::RTMGRP_IPV6_ROUTE,
    ];

    #[derive(Debug)]
    pub(super) struct Source(AsyncFd<OwnedFd>);

    impl Source {
        pub(super) fn open() -> io::Result<Self> {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute)?;
            let groups = GROUPS.into_iter().fold(0, |all, group| all | group.cast_unsigned());
            bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups))?;
            #[expect(
                deprecated,
                reason = "its heir is unsafe; of an `OwnedFd` that is never replaced it asks nothing more"
            )]
            let socket = AsyncFd::new(socket)?;
            Ok(Self(socket))
        }

        pub(super) async fn changed(&mut self) -> io::Result<()> {
            let mut ready = self.0.readable().await?;
            let mut message = [0; 8192];
            loop {
                match recv(self.0.as_raw_fd(), &mut message, MsgFlags::empty()) {
                    // More came than there was room for: that is a change as well.
                    Ok(_) | Err(Errno::EINTR | Errno::ENOBUFS) => {}
                    Err(Errno::EAGAIN) => {
                        ready.clear_ready();
                        return Ok(());
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod source {
    use std::io;

    #[derive(Debug)]
    pub(super) struct Source;

    impl Source {
        pub(super) fn open() -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) async fn changed(&mut self) -> io::Result<()> {
            std::future::pending().await
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_system_that_stays_as_it_is_is_not_said_to_change() {
        let mut watch = AddressWatch::new().unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(50), watch.changed()).await.is_err());
    }
}
