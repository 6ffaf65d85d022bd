//! Waiting in tests: poll with a deadline instead of sleeping and hoping.

use std::time::{Duration, Instant};

/// How often a condition is looked at.
pub const POLL: Duration = Duration::from_millis(20);

/// Polls `probe` until it yields a value.
///
/// # Panics
/// When `limit` passes first; the message names `what` was awaited.
pub async fn eventually<T>(
    what: &str,
    limit: Duration,
    mut probe: impl AsyncFnMut() -> Option<T>,
) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = probe().await {
            return value;
        }
        assert!(Instant::now() < end, "{what}: still not so after {limit:?}");
        tokio::time::sleep(POLL).await;
    }
}
