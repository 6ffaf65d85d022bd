//! Withdraws TXT values and responses to challenges that no running order is in charge of: left by a crash, a failed removal, a deletion.

use evercert_db::DbError;

use crate::lifecycle::withdraw::withdraw;
use crate::state::Console;

/// Values withdrawn in one go.
const BATCH: u32 = 100;

pub(super) async fn run(console: &Console) -> Result<(), DbError> {
    let entries = console.db.journal_to_sweep(BATCH).await?;
    if !entries.is_empty() {
        tracing::info!(values = entries.len(), "withdrawing left-over TXT values");
        withdraw(console, entries).await;
    }
    if !console.db.challenge_responses().await?.is_empty() {
        let mut tx = console.db.begin_write().await?;
        let gone = tx.sweep_challenges().await?;
        tx.commit().await?;
        if gone > 0 {
            tracing::info!(
                responses = gone,
                "withdrew left-over responses to challenges"
            );
            console.bells.challenges.notify_one();
        }
    }
    Ok(())
}
