//! Plans what waits for it, makes an order for everything that is due, and sees that every unfinished order has a job.

use evercert_db::DbError;

use crate::lifecycle::plan::{self, ORDER_JOB};
use crate::lifecycle::replan;
use crate::state::Console;

pub(super) async fn run(console: &Console) -> Result<(), DbError> {
    for id in console.db.orders_without_job(ORDER_JOB).await? {
        tracing::warn!(order.id = %id, "an unfinished order had no job; it has one again");
        let mut tx = console.db.begin_write().await?;
        tx.enqueue_job(ORDER_JOB, &id.to_string(), tx.now()).await?;
        tx.commit().await?;
        console.bells.orders.notify_one();
    }
    replan::replan_waiting(console).await?;
    while plan::order_due(console).await? > 0 {}
    Ok(())
}
