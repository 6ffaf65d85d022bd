//! The issuance and renewal log: attempts with their steps, the CA's words and what to do.

use std::collections::HashMap;

use evercert_api::orders::{OrderDetail, OrderEntry, OrderOutcome, OrderStep};
use evercert_api::{Page, Problem, ProblemCode};
use evercert_db::events::Event;
use evercert_db::order_log::{LoggedOrder, OrderFilter, Outcome};
use evercert_types::{OrderId, OrderState, VendorId};

use super::LifecycleError;
use super::certificates::parse_error;
use super::list::{instant_before, vendor_names};
use super::policy::in_words;
use super::request::vendor_named;
use crate::state::Console;

/// Which attempts a list is to hold; absent parts do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    /// Those of the certificate of this name.
    pub certificate: Option<String>,
    /// Those at the vendor of this name.
    pub vendor: Option<String>,
    /// Those asked for by an operation of this kind: `issue`, `renew`, `revoke`.
    pub kind: Option<String>,
    /// Those made for this reason.
    pub reason: Option<String>,
    /// How they ended, or that they have not.
    pub outcome: Option<OrderOutcome>,
    /// Those made at or after: an instant (RFC 3339), or a span before now such as `24h`.
    pub since: Option<String>,
    /// Those made before.
    pub until: Option<String>,
    /// Those of whose steps or errors one contains this text.
    pub search: Option<String>,
    /// The `next` of the page before.
    pub cursor: Option<String>,
    /// How many at most; 1 to 500.
    pub limit: u32,
}

/// Attempts, newest first, a page at a time.
///
/// # Errors
/// When the vendor does not exist, a part of the filter cannot be read, or the database fails.
pub async fn list(
    console: &Console,
    filter: &LogFilter,
) -> Result<Page<OrderEntry>, LifecycleError> {
    let vendor_id = match &filter.vendor {
        Some(name) => Some(vendor_named(console, name).await?.id),
        None => None,
    };
    let limit = filter.limit.clamp(1, 500);
    let now = console.now();
    let time = |text: &Option<String>, pointer: &str| {
        text.as_deref()
            .map(|text| instant_before(text, now))
            .transpose()
            .map_err(|why| Problem::new(ProblemCode::Invalid, why).at(pointer))
    };
    let wanted = OrderFilter {
        certificate: filter.certificate.as_deref(),
        vendor_id,
        kind: filter.kind.as_deref(),
        reason: filter.reason.as_deref(),
        outcome: filter.outcome.map(|outcome| match outcome {
            OrderOutcome::Running => Outcome::Running,
            OrderOutcome::Succeeded => Outcome::Succeeded,
            OrderOutcome::Failed => Outcome::Failed,
        }),
        since: time(&filter.since, "/since")?,
        until: time(&filter.until, "/until")?,
        search: filter.search.as_deref(),
        before: filter.cursor.as_deref().map(parse_cursor).transpose()?,
        limit: limit + 1,
    };
    let mut found = console.db.order_log(&wanted).await?;
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found
        .last()
        .filter(|_| more)
        .map(|last| last.order.id.to_string());
    let vendors = vendor_names(console).await?;
    let items = found
        .into_iter()
        .map(|logged| entry(logged, &vendors))
        .collect();
    Ok(Page { items, next })
}

/// One attempt with its steps.
///
/// # Errors
/// When there is no such attempt.
pub async fn show(console: &Console, id: &str) -> Result<OrderDetail, LifecycleError> {
    let missing = || {
        Problem::new(ProblemCode::NotFound, format!("there is no order \"{id}\""))
            .with_remedy("List them with `evercert order list`.")
    };
    let id: OrderId = id.parse().map_err(|_| missing())?;
    let logged = console.db.logged_order(id).await?.ok_or_else(missing)?;
    let events = console.db.events_of_order(id).await?;
    let version = console.db.version_of_order(id).await?;
    let vendors = vendor_names(console).await?;
    let order = &logged.order;
    Ok(OrderDetail {
        domains: order.names.clone(),
        profile: order.profile.clone(),
        replaces: order.replaces.clone(),
        order_url: order.order_url.clone(),
        certificate_url: order.certificate_url.clone(),
        generation: version.map(|version| version.generation),
        steps: steps(events),
        entry: entry(logged, &vendors),
    })
}

fn parse_cursor(cursor: &str) -> Result<OrderId, LifecycleError> {
    cursor.parse().map_err(|_| {
        Problem::new(ProblemCode::Invalid, "this cursor is none of the log")
            .with_remedy("Begin again without a cursor.")
            .at("/cursor")
            .into()
    })
}

fn entry(logged: LoggedOrder, vendors: &HashMap<VendorId, String>) -> OrderEntry {
    let order = logged.order;
    OrderEntry {
        id: order.id,
        certificate: logged.certificate,
        algorithm: order.algorithm,
        vendor: vendors.get(&order.vendor_id).cloned(),
        kind: logged.kind,
        because: in_words(&order.reason).to_owned(),
        reason: order.reason,
        actor: logged.actor,
        operation: order.operation_id,
        outcome: match order.state {
            OrderState::Done => OrderOutcome::Succeeded,
            OrderState::Failed => OrderOutcome::Failed,
            _ => OrderOutcome::Running,
        },
        state: order.state,
        started: order.created_at,
        finished: order.finished_at,
        duration_secs: order
            .finished_at
            .map(|end| order.created_at.duration_until(end).as_secs()),
        error: parse_error(order.error.as_ref()),
    }
}

/// Events as steps, each with the time since the one before.
fn steps(events: Vec<Event>) -> Vec<OrderStep> {
    let mut before = None;
    events
        .into_iter()
        .map(|event| {
            let since = before.replace(event.at).unwrap_or(event.at);
            let error = &event.detail["error"];
            OrderStep {
                at: event.at,
                step: event.kind,
                level: event.level.as_str().to_owned(),
                message: event.message,
                took_ms: i64::try_from(since.duration_until(event.at).as_millis())
                    .unwrap_or(i64::MAX),
                problem: error.get("problem").filter(|it| !it.is_null()).cloned(),
                remedy: error["remedy"].as_str().map(str::to_owned),
                detail: event.detail,
            }
        })
        .collect()
}
