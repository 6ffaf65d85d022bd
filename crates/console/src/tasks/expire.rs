//! Marks expired versions, removes superseded ones beyond those kept, and old lines of the log.

use evercert_db::DbError;
use jiff::SignedDuration;

use crate::state::Console;

/// So long a set of names is remembered as issued: Let's Encrypt's renewals of it are exempt from limits.
const SAME_NAMES: SignedDuration = SignedDuration::from_hours(24 * 120);

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
    let same_names = console.now().checked_sub(SAME_NAMES);
    let counted = db
        .prune_ledger(same_names.unwrap_or(jiff::Timestamp::MIN))
        .await?;
    if expired + pruned + forgotten + ended + counted > 0 {
        tracing::info!(
            versions.expired = expired,
            versions.removed = pruned,
            events.removed = forgotten,
            orders.removed = ended,
            limits.removed = counted,
            "what is over was tidied up"
        );
    }
    Ok(())
}
