//! The journal of TXT values for people: which stand at a provider, why one is not removed, and another try.

use evercert_api::txt_journal::{JournalRetry, JournalValue, JournalValueState};
use evercert_db::txt_journal::JournalEntry;
use evercert_db::txt_journal_list::JournalState;

use super::dns::named;
use super::{Actor, LifecycleError};
use crate::state::Console;

/// Values shown in one go.
const MOST: u32 = 1_000;

/// The values that were written through a provider and are not removed, oldest first; a thousand at most.
///
/// # Errors
/// When there is no such provider, or the database fails.
pub async fn list(console: &Console, provider: &str) -> Result<Vec<JournalValue>, LifecycleError> {
    let provider = named(console, provider).await?;
    let entries = console.db.journal_list(provider.id, MOST).await?;
    Ok(entries.into_iter().map(view).collect())
}

/// Tries at once to remove the provider's values whose removal failed.
///
/// # Errors
/// When there is no such provider, or the database fails.
pub async fn retry(
    console: &Console,
    actor: &Actor,
    provider: &str,
) -> Result<JournalRetry, LifecycleError> {
    let provider = named(console, provider).await?;
    let values = console.db.retry_journal_of(provider.id).await?;
    console.bells.sweep.notify_one();
    tracing::info!(
        dns.provider = provider.name,
        values,
        actor = actor.as_str(),
        "TXT values are tried to be removed again"
    );
    Ok(JournalRetry { values })
}

fn view((state, entry): (JournalState, JournalEntry)) -> JournalValue {
    JournalValue {
        name: entry.fqdn,
        value: entry.value,
        state: match state {
            JournalState::Intended => JournalValueState::Intended,
            JournalState::Written => JournalValueState::Written,
            JournalState::Dirty => JournalValueState::NotRemoved,
        },
        order: entry.order_id,
        created_at: entry.created_at,
        attempts: entry.attempts,
        next_try_at: entry.next_try_at,
        last_error: entry.last_error,
    }
}
