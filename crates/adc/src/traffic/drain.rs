//! Stopping: no new connections, requests under way are finished, what remains is cut.

use std::time::Duration;

use super::Shared;

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every connection ended by itself.
    Completely,
    /// The time was up: so many connections were cut.
    Cut(usize),
}

/// Ends all connections: HTTP/2 gets GOAWAY, HTTP/1 `Connection: close`; `WebSockets` and raw connections may go on
/// until the limit.
pub(crate) async fn drain(shared: &Shared, limit: Duration) -> Drained {
    shared.drain.cancel();
    shared.connections.close();
    if tokio::time::timeout(limit, shared.connections.wait())
        .await
        .is_ok()
    {
        return Drained::Completely;
    }
    let cut = shared.connections.len();
    shared.cut.cancel();
    shared.connections.wait().await;
    Drained::Cut(cut)
}
