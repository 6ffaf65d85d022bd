//! Free loopback ports for programs that cannot be told to take port 0.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the range from which the kernel takes outgoing ports, so that no client grabs one meanwhile.
const FIRST: u32 = 12_000;
const COUNT: u32 = 20_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A loopback address whose port was free for TCP and UDP a moment ago.
///
/// Each process begins at another place, so that tests running side by side rarely meet; starters
/// try again with fresh ports when they do.
///
/// # Panics
/// When no port at all is free.
pub fn free_addr() -> SocketAddr {
    let start = std::process::id().wrapping_mul(101);
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + start.wrapping_add(step) % COUNT;
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).unwrap_or(0)));
        if TcpListener::bind(addr).is_ok() && UdpSocket::bind(addr).is_ok() {
            return addr;
        }
    }
    panic!(
        "no free port on 127.0.0.1 between {FIRST} and {}",
        FIRST + COUNT
    );
}

/// The port of [`free_addr`].
///
/// # Panics
/// When no port at all is free.
pub fn free_port() -> u16 {
    free_addr().port()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_handed_out_differ() {
        let ports: std::collections::BTreeSet<u16> = (0..50).map(|_| free_port()).collect();

        assert_eq!(ports.len(), 50);
    }
}
