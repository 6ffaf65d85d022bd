//! Renewals as people look at them: why one is due, which come next, a calendar, and the settings of all.

use evercert_api::renewals::{
    Block, Bucket, Calendar, CalendarBucket, PlannedRenewal, Renewal, RenewalInfo, RenewalSettings,
};
use evercert_api::{Page, Problem, ProblemCode};
use evercert_db::DbError;
use evercert_db::plans::{self, RenewalFilter};
use evercert_db::slots::Slot;
use evercert_types::{CertificateId, KeyAlgorithm, VendorId, parse_span};
use jiff::{SignedDuration, Timestamp};

use super::policy::maintenance::Maintenance;
use super::policy::{in_words, shown};
use super::replan::{self, SETTINGS};
use super::request::vendor_named;
use super::{Actor, LifecycleError};
use crate::state::Console;

/// More hours or days are not shown at once.
const MOST_BUCKETS: i64 = 2_400;
/// How far a calendar reaches where nothing is said.
const REACH: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Which planned renewals a list is to hold; absent parts do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RenewalQuery {
    /// Those due at this time or later.
    pub from: Option<Timestamp>,
    /// Those due before this time.
    pub to: Option<Timestamp>,
    /// Those of the vendor of this name.
    pub vendor: Option<String>,
    /// The `next` of the page before.
    pub cursor: Option<String>,
    /// How many at most.
    pub limit: u32,
}

/// What a calendar is to show.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CalendarQuery {
    /// Its begin; now.
    pub from: Option<Timestamp>,
    /// Its end; 30 days after its begin.
    pub to: Option<Timestamp>,
    /// How it is divided.
    pub bucket: Bucket,
    /// Those of the vendor of this name.
    pub vendor: Option<String>,
    /// How many names each part shows.
    pub names: u32,
}

/// Why and when a key of a certificate is renewed, and what keeps that from happening now.
pub(crate) async fn explain(
    console: &Console,
    id: CertificateId,
    algorithm: KeyAlgorithm,
) -> Result<Option<Renewal>, DbError> {
    let Some(slot) = console.db.slot(id, algorithm).await? else {
        return Ok(None);
    };
    let planned = slot.plan.clone().map(serde_json::from_value::<Renewal>);
    let mut renewal = match planned {
        Some(Ok(renewal)) => renewal,
        _ => Renewal {
            reason: slot
                .due
                .as_ref()
                .map_or("not_planned", |due| due.reason.as_str())
                .to_owned(),
            words: "the planner has not looked at it since it was changed; it does within a minute"
                .to_owned(),
            ..Renewal::default()
        },
    };
    renewal.due_at = slot.due.as_ref().map(|due| due.at);
    renewal.retry_at = slot.retry_at;
    renewal.renewal_info = renewal_info(&slot);
    renewal.blocked_by = blocked_by(console, &slot, &renewal).await?;
    Ok(Some(renewal))
}

fn renewal_info(slot: &Slot) -> Option<RenewalInfo> {
    let ari = slot.ari.as_ref();
    (ari.is_some() || slot.ari_poll_at.is_some()).then(|| RenewalInfo {
        start: ari.map(|ari| ari.start),
        end: ari.map(|ari| ari.end),
        chosen: ari.map(|ari| ari.chosen),
        explanation_url: ari.and_then(|ari| ari.explanation.clone()),
        next_question: slot.ari_poll_at,
        failures: slot.ari_failures,
    })
}

/// What keeps a renewal from being ordered now: a rule, a running order, a failure that waits, the queue.
async fn blocked_by(
    console: &Console,
    slot: &Slot,
    renewal: &Renewal,
) -> Result<Option<Block>, DbError> {
    let block = |reason: &str, words: String| {
        Some(Block {
            reason: reason.to_owned(),
            words,
        })
    };
    let Some(due) = &slot.due else {
        let stops = ["no_vendor", "paused", "manual"].contains(&renewal.reason.as_str());
        return Ok(match stops {
            true => block(&renewal.reason, renewal.words.clone()),
            false => None,
        });
    };
    let orders = console
        .db
        .orders_of_certificate(slot.certificate_id, 8)
        .await?;
    let running = orders
        .iter()
        .find(|order| order.algorithm == slot.algorithm && order.finished_at.is_none());
    if let Some(order) = running {
        let since = shown(order.created_at);
        return Ok(block(
            "order_running",
            format!("an order is running since {since}"),
        ));
    }
    let now = console.now();
    if let Some(at) = slot.retry_at.filter(|at| *at > now) {
        let words = format!(
            "the last attempt failed ({} in a row); the next comes at {}",
            slot.failures,
            shown(at)
        );
        return Ok(block("back_off", words));
    }
    Ok(match due.at <= now {
        true => block("queue", "it is due, and waits for its turn".to_owned()),
        false => None,
    })
}

/// Planned renewals, the next first, a page at a time.
///
/// # Errors
/// When the vendor does not exist, or the database fails.
pub async fn list(
    console: &Console,
    query: &RenewalQuery,
) -> Result<Page<PlannedRenewal>, LifecycleError> {
    let filter = RenewalFilter {
        from: query.from,
        to: query.to,
        vendor: vendor_id(console, query.vendor.as_deref()).await?,
        after: query.cursor.as_deref(),
        limit: query.limit.saturating_add(1),
    };
    let mut found = console.db.planned_renewals(&filter).await?;
    let more = found.len() > query.limit as usize;
    found.truncate(query.limit as usize);
    let next = found.last().filter(|_| more).map(|last| last.place.clone());
    let items = found.into_iter().map(planned_view).collect();
    Ok(Page { items, next })
}

fn planned_view(renewal: plans::PlannedRenewal) -> PlannedRenewal {
    PlannedRenewal {
        certificate: renewal.certificate,
        algorithm: renewal.algorithm,
        vendor: renewal.vendor,
        due_at: renewal.due.at,
        words: in_words(&renewal.due.reason).to_owned(),
        reason: renewal.due.reason,
        retry_at: renewal.retry_at,
        not_after: renewal.not_after,
    }
}

/// Planned renewals by hours or days, UTC.
///
/// # Errors
/// When the vendor does not exist, the span is empty or too long, or the database fails.
pub async fn calendar(
    console: &Console,
    query: &CalendarQuery,
) -> Result<Calendar, LifecycleError> {
    let (from, to, every) = span_of(console, query)?;
    let vendor = vendor_id(console, query.vendor.as_deref()).await?;
    let filter = RenewalFilter {
        from: Some(from),
        to: Some(to),
        vendor,
        ..RenewalFilter::default()
    };
    let step = SignedDuration::from_secs(every);
    let counts = console.db.planned_by(&filter, step).await?;
    let mut names = console.db.planned_names(&filter, step, query.names).await?;
    let late = RenewalFilter {
        from: None,
        to: Some(console.now()),
        vendor,
        ..RenewalFilter::default()
    };
    let overdue = console.db.planned_by(&late, step).await?.values().sum();
    let load = console.db.planned_load(vendor).await?;
    let starts =
        (from.as_second()..to.as_second()).step_by(usize::try_from(every).unwrap_or(3_600));
    let buckets = starts.filter_map(|start| Timestamp::from_second(start).ok());
    Ok(Calendar {
        from,
        to,
        bucket: query.bucket,
        overdue,
        total: counts.values().sum(),
        level_per_hour: load as f64 / 1e6,
        buckets: buckets
            .map(|start| CalendarBucket {
                start,
                count: counts.get(&start).copied().unwrap_or(0),
                names: names.remove(&start).unwrap_or_default(),
            })
            .collect(),
    })
}

/// Begin and end at full hours or days, and the seconds of one.
fn span_of(
    console: &Console,
    query: &CalendarQuery,
) -> Result<(Timestamp, Timestamp, i64), LifecycleError> {
    let every = match query.bucket {
        Bucket::Hour => 3_600,
        Bucket::Day => 86_400,
    };
    let invalid = |detail: String| -> LifecycleError {
        Problem::new(ProblemCode::Invalid, detail).at("/to").into()
    };
    let from = query.from.unwrap_or_else(|| console.now());
    let to = query
        .to
        .unwrap_or_else(|| from.checked_add(REACH).unwrap_or(Timestamp::MAX));
    if to <= from {
        return Err(invalid("the calendar ends before it begins".to_owned()));
    }
    let first = from.as_second().div_euclid(every);
    let last = (to.as_second() - 1).div_euclid(every) + 1;
    if last - first > MOST_BUCKETS {
        let detail = format!("a calendar has {MOST_BUCKETS} hours or days at most");
        return Err(invalid(detail));
    }
    let at = |number: i64| Timestamp::from_second(number * every).unwrap_or(to);
    Ok((at(first), at(last), every))
}

/// The settings of renewals.
///
/// # Errors
/// When the database fails.
pub async fn settings(console: &Console) -> Result<RenewalSettings, LifecycleError> {
    let saved = console.db.setting(SETTINGS).await?;
    Ok(replan::read_settings(saved.as_deref()))
}

/// Replaces the settings of renewals; everything is planned anew by them.
///
/// # Errors
/// A problem that points at the setting that cannot be read.
pub async fn save_settings(
    console: &Console,
    actor: &Actor,
    settings: RenewalSettings,
) -> Result<RenewalSettings, LifecycleError> {
    let maintenance = check_maintenance(settings.maintenance.as_deref())?;
    let safety_limit = settings.safety_limit.filter(|text| !text.trim().is_empty());
    if let Some(text) = &safety_limit {
        parse_span(text).map_err(|error| {
            Problem::new(ProblemCode::Invalid, error.to_string()).at("/safety_limit")
        })?;
    }
    let saved = RenewalSettings {
        maintenance,
        safety_limit,
    };
    let text = serde_json::to_string(&saved)
        .map_err(|error| LifecycleError::new(ProblemCode::Internal, error.to_string()))?;
    let mut tx = console.db.begin_write().await?;
    tx.set_setting(SETTINGS, &text).await?;
    tx.plan_all_anew().await?;
    tx.commit().await?;
    console.bells.renewals.notify_one();
    tracing::info!(
        actor = actor.as_str(),
        settings = text,
        "the settings of renewals were changed"
    );
    Ok(saved)
}

/// A maintenance window that can be read, as it is kept; an empty text is none.
pub(crate) fn check_maintenance(text: Option<&str>) -> Result<Option<String>, LifecycleError> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let read = text.parse::<Maintenance>().map_err(|error| {
        Problem::new(ProblemCode::Invalid, error.to_string()).at("/maintenance")
    })?;
    Ok(Some(read.to_string()))
}

async fn vendor_id(
    console: &Console,
    name: Option<&str>,
) -> Result<Option<VendorId>, LifecycleError> {
    match name {
        Some(name) => Ok(Some(vendor_named(console, name).await?.id)),
        None => Ok(None),
    }
}
