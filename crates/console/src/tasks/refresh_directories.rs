//! Reads CAs' directories anew each day, and shows what has vanished.

use evercert_db::DbError;

use crate::lifecycle::vendors;
use crate::state::Console;

pub(super) async fn run(console: &Console) -> Result<(), DbError> {
    vendors::refresh_directories(console).await
}
