//! Lets revocations go that waited for their replacement, and sees that each has a job.

use evercert_db::DbError;

use crate::lifecycle::revoke_job;
use crate::state::Console;

pub(super) async fn run(console: &Console) -> Result<(), DbError> {
    revoke_job::release(console).await
}
