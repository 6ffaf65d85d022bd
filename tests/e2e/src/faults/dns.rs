//! A DNS relay that answers SERVFAIL now and then.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use super::Dice;

/// Longer than any answer to a look-up of a TXT value.
const LONGEST: usize = 4_096;
const LIMIT: Duration = Duration::from_secs(5);

/// Relays UDP queries to a name server and spoils some.
#[derive(Debug)]
pub struct DnsFaults {
    addr: SocketAddr,
    spoilt: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl DnsFaults {
    /// Starts it; so many of a thousand queries are answered with SERVFAIL.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn start(server: SocketAddr, per_mille: u64, dice: Dice) -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").await;
        let socket = Arc::new(socket.context("opening a UDP socket")?);
        let addr = socket.local_addr().context("opening a UDP socket")?;
        let spoilt = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&spoilt);
        let task = tokio::spawn(async move {
            let mut buffer = [0; LONGEST];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let query = buffer[..length].to_vec();
                if dice.happens(per_mille) {
                    count.fetch_add(1, Ordering::SeqCst);
                    drop(socket.send_to(&servfail(query), from).await);
                    continue;
                }
                let socket = Arc::clone(&socket);
                tokio::spawn(async move {
                    if let Ok(answer) = relay(server, &query).await {
                        drop(socket.send_to(&answer, from).await);
                    }
                });
            }
        });
        Ok(Self { addr, spoilt, task })
    }

    /// Where it listens.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many queries it spoilt.
    pub fn spoilt(&self) -> usize {
        self.spoilt.load(Ordering::SeqCst)
    }
}

impl Drop for DnsFaults {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The query as its own answer: QR set, RCODE 2 (RFC 1035 §4.1.1).
fn servfail(mut query: Vec<u8>) -> Vec<u8> {
    if let [_, _, flags, code, ..] = query.as_mut_slice() {
        *flags |= 0x80;
        *code = (*code & 0xf0) | 2;
    }
    query
}

async fn relay(server: SocketAddr, query: &[u8]) -> Result<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").await?;
    socket.connect(server).await?;
    socket.send(query).await?;
    let mut buffer = vec![0; LONGEST];
    let length = tokio::time::timeout(LIMIT, socket.recv(&mut buffer)).await??;
    buffer.truncate(length);
    Ok(buffer)
}
