//! Long-running requests: how far their orders are.

use evercert_api::operations::{Operation, OperationState, OrderProgress};
use evercert_api::{Problem, ProblemCode};
use evercert_db::orders::Order;
use evercert_types::{OperationId, OrderState};

use super::LifecycleError;
use super::certificates::{log_entry, parse_error};
use crate::state::Console;

/// One operation with its orders and what happened so far.
///
/// # Errors
/// When there is no such operation.
pub async fn operation(console: &Console, id: OperationId) -> Result<Operation, LifecycleError> {
    let db = &console.db;
    let operation = db.operation(id).await?.ok_or_else(|| {
        Problem::new(ProblemCode::NotFound, format!("there is no operation {id}"))
    })?;
    let orders = db.orders_of_operation(id).await?;
    let steps = db.events_of_operation(id).await?;
    let certificate = match operation.certificate_id {
        Some(id) => db
            .certificate(id)
            .await?
            .map(|certificate| certificate.name),
        None => None,
    };
    let certificate =
        certificate.or_else(|| steps.first().map(|step| step.certificate_name.clone()));
    Ok(Operation {
        id,
        kind: operation.kind,
        certificate,
        state: state_of(&orders),
        created_at: operation.created_at,
        orders: orders.iter().map(progress).collect(),
        steps: steps.into_iter().map(log_entry).collect(),
    })
}

/// Orders go with a deleted certificate: an operation without any did not reach its end.
fn state_of(orders: &[Order]) -> OperationState {
    let failed = |order: &Order| order.state == OrderState::Failed;
    if orders.iter().any(|order| !order.state.is_finished()) {
        OperationState::Running
    } else if orders.is_empty() || orders.iter().any(failed) {
        OperationState::Failed
    } else {
        OperationState::Succeeded
    }
}

fn progress(order: &Order) -> OrderProgress {
    OrderProgress {
        algorithm: order.algorithm,
        state: order.state,
        error: parse_error(order.error.as_ref()),
    }
}
