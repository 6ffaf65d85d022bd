//! Reads the directories of all vendors daily: what a CA offers changes, and nobody tells.

use evercert_db::DbError;
use jiff::SignedDuration;

use crate::lifecycle::acme_clients;
use crate::state::Console;

/// How old what is known of a directory may grow.
const LIFE: SignedDuration = SignedDuration::from_hours(24);

/// Reads anew the directories that were not read for a day; one that cannot be read is tried again next time.
pub(crate) async fn refresh_directories(console: &Console) -> Result<(), DbError> {
    for vendor in console.db.vendors().await? {
        let known = acme_clients::known_capabilities(&vendor);
        let fresh = known
            .read_at
            .is_some_and(|at| at.duration_until(console.now()) < LIFE);
        if fresh {
            continue;
        }
        match acme_clients::connect(console, &vendor).await {
            Ok(client) => acme_clients::save_capabilities(console, &vendor, &client).await?,
            Err(error) => tracing::warn!(
                vendor.name = vendor.name,
                error = &error as &dyn std::error::Error,
                "the CA's directory could not be read"
            ),
        }
    }
    Ok(())
}
