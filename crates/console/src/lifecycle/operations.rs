//! Long-running requests: how far their orders are.

use evercert_api::operations::{Operation, OperationState, OrderProgress};
use evercert_api::{Problem, ProblemCode};
use evercert_db::orders::Order;
use evercert_db::revocations::{Revocation, RevocationState};
use evercert_types::{OperationId, OrderState};

use super::certificates::{log_entry, parse_error};
use super::{LifecycleError, revoke};
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
    let revocations = db.revocations_of_operation(id).await?;
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
        state: state_of(&orders, &revocations),
        created_at: operation.created_at,
        orders: orders.iter().map(progress).collect(),
        revocations: revocations.iter().map(revoke::progress).collect(),
        steps: steps.into_iter().map(log_entry).collect(),
    })
}

/// Orders go with a deleted certificate: an operation without anything left did not reach its end. A revocation that
/// waits for an order that failed goes on waiting; this operation has failed.
fn state_of(orders: &[Order], revocations: &[Revocation]) -> OperationState {
    let failed = |order: &Order| order.state == OrderState::Failed;
    let is_going_on = |one: &Revocation| match one.state {
        RevocationState::Waiting => !orders.iter().any(failed),
        state => !state.is_finished(),
    };
    let is_left = !orders.is_empty() || !revocations.is_empty();
    let is_done = |one: &Revocation| one.state == RevocationState::Done;
    if orders.iter().any(|order| !order.state.is_finished()) || revocations.iter().any(is_going_on)
    {
        OperationState::Running
    } else if !is_left || orders.iter().any(failed) || !revocations.iter().all(is_done) {
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
