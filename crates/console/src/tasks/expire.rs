//! Marks expired versions, removes superseded ones beyond those kept, and old lines of the log.

use evercert_db::DbError;
use jiff::SignedDuration;

use crate::state::Console;

pub(super) async fn run(console: &Console) -> Result<(), DbError> {
    let db = &console.db;
    let expired = db.expire_versions().await?;
    let pruned = db.prune_versions(console.config.keep_versions).await?;
    let keep = SignedDuration::try_from(console.config.keep_events).unwrap_or(SignedDuration::MAX);
    let oldest = console
        .now()
        .checked_sub(keep)
        .unwrap_or(jiff::Timestamp::MIN);
    let forgotten = db.expire_events(oldest).await?;
    let ended = db.expire_orders(oldest).await?;
    if expired + pruned + forgotten + ended > 0 {
        tracing::info!(
            versions.expired = expired,
            versions.removed = pruned,
            events.removed = forgotten,
            orders.removed = ended,
            "what is over was tidied up"
        );
    }
    Ok(())
}
