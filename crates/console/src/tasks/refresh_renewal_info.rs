//! Asks CAs when they want their certificates renewed (RFC 9773), at the pace they set.

use evercert_db::DbError;

use crate::lifecycle::ari;
use crate::state::Console;

pub(super) async fn run(console: &Console) -> Result<(), DbError> {
    ari::refresh(console).await
}
