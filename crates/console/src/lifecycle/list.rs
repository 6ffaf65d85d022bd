//! Lists of certificates: filtered, sorted, counted, a page at a time; and those that are there twice.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use evercert_api::certificate_lists::{
    CertificateFilter, CertificateSummary, Duplicate, DuplicateGroup,
};
use evercert_api::certificates::Certificate;
use evercert_api::{Page, Problem, ProblemCode};
use evercert_db::DbError;
use evercert_db::listing::{ListOrder, Listed, Listing, Place};
use evercert_types::{CertificateState, RenewalMode, Selector, StoreKind, VendorId, parse_span};
use jiff::Timestamp;

use super::LifecycleError;
use super::certificates::listed_view;
use super::request::vendor_named;
use super::standing::standing;
use crate::state::Console;

/// Rows read at once where a state is looked for, which the database does not know.
const SCAN: u32 = 2_000;
/// The orders that a list can have.
const ORDERS: [(&str, ListOrder); 5] = [
    ("name", ListOrder::Name),
    ("not_after", ListOrder::NotAfter),
    ("-not_after", ListOrder::NotAfterDescending),
    ("due_at", ListOrder::DueAt),
    ("-due_at", ListOrder::DueAtDescending),
];

/// Which certificates a list is to hold, and how; absent parts do not restrict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// What they have in common.
    pub filter: CertificateFilter,
    /// `name`, `not_after`, `-not_after`, `due_at` or `-due_at`; default by name.
    pub sort: Option<String>,
    /// The `next` of the page before.
    pub cursor: Option<String>,
    /// How many at most; 0: 100.
    pub limit: u32,
}

/// A filter that was read: what the database decides, and what is decided here.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    store: Option<StoreKind>,
    vendor_id: Option<VendorId>,
    mode: Option<RenewalMode>,
    search: Option<String>,
    issuer: Option<String>,
    labels: Option<Selector>,
    expires_before: Option<Timestamp>,
    due_before: Option<Timestamp>,
    states: Option<BTreeSet<CertificateState>>,
}

/// Certificates, a page at a time.
///
/// A page begins where the one before ended, whatever was added or removed meanwhile; what moved in the list's own
/// order between two pages may be seen twice or not at all.
///
/// # Errors
/// When the vendor does not exist, a part of the filter cannot be read, or the database fails.
pub async fn list(
    console: &Console,
    wanted: &ListFilter,
) -> Result<Page<Certificate>, LifecycleError> {
    let filter = parse(console, &wanted.filter).await?;
    let order = parse_order(wanted.sort.as_deref())?;
    let after = wanted
        .cursor
        .as_deref()
        .map(|cursor| parse_cursor(order, cursor))
        .transpose()?;
    let limit = match wanted.limit {
        0 => 100,
        limit => limit as usize,
    };
    let mut found = matching(console, &filter, order, after, limit + 1).await?;
    let next = found
        .get(limit.saturating_sub(1))
        .filter(|_| found.len() > limit)
        .map(|last| cursor(order, last));
    found.truncate(limit);
    let vendors = vendor_names(console).await?;
    let mut items = Vec::with_capacity(found.len());
    for listed in found {
        let vendor = listed.certificate.vendor_id;
        let vendor = vendor.and_then(|id| vendors.get(&id).cloned());
        items.push(listed_view(console, listed, vendor).await?);
    }
    Ok(Page { items, next })
}

/// How many certificates there are of each kind.
///
/// # Errors
/// As [`list`].
pub async fn summary(
    console: &Console,
    filter: &CertificateFilter,
) -> Result<CertificateSummary, LifecycleError> {
    let filter = parse(console, filter).await?;
    let vendors = vendor_names(console).await?;
    let all = matching(console, &filter, ListOrder::Name, None, usize::MAX).await?;
    let mut summary = CertificateSummary {
        by_state: zeros(CertificateState::ALL),
        by_renewal_mode: zeros(RenewalMode::ALL),
        by_store: zeros(&[StoreKind::Certificate, StoreKind::ZeroTouch]),
        ..CertificateSummary::default()
    };
    for listed in &all {
        let certificate = &listed.certificate;
        let state = standing(certificate, &listed.keys, console.now());
        let vendor = certificate.vendor_id.and_then(|id| vendors.get(&id));
        summary.total += 1;
        *summary.by_state.entry(state).or_default() += 1;
        *summary.by_store.entry(certificate.store).or_default() += 1;
        let mode = summary.by_renewal_mode.entry(certificate.renewal_mode);
        *mode.or_default() += 1;
        let vendor = summary.by_vendor.entry(vendor.cloned().unwrap_or_default());
        *vendor.or_default() += 1;
        summary.duplicates += u64::from(listed.is_duplicate);
    }
    Ok(summary)
}

/// Certificates that have all their names in common, of both stores.
///
/// # Errors
/// When the database fails.
pub async fn duplicates(console: &Console) -> Result<Vec<DuplicateGroup>, LifecycleError> {
    let vendors = vendor_names(console).await?;
    let groups = console.db.duplicates().await?;
    let group = |group: evercert_db::listing::Duplicates| DuplicateGroup {
        domains: group
            .certificates
            .first()
            .map(|first| first.names.clone())
            .unwrap_or_default(),
        certificates: group
            .certificates
            .into_iter()
            .map(|one| Duplicate {
                vendor: one.vendor_id.and_then(|id| vendors.get(&id).cloned()),
                name: one.name,
                store: one.store,
                renewal_mode: one.renewal_mode,
            })
            .collect(),
    };
    Ok(groups.into_iter().map(group).collect())
}

/// Certificates that a filter lets through, in an order, at most `most` of those after a place.
pub(crate) async fn matching(
    console: &Console,
    filter: &Parsed,
    order: ListOrder,
    after: Option<(i64, String)>,
    most: usize,
) -> Result<Vec<Listed>, DbError> {
    let step = match &filter.states {
        Some(_) => SCAN,
        None => u32::try_from(most).unwrap_or(SCAN).min(SCAN),
    };
    let (now, mut place, mut found) = (console.now(), after, Vec::new());
    loop {
        let listing = Listing {
            after: place.as_ref().map(|(sort_key, name)| Place {
                sort_key: *sort_key,
                name,
            }),
            order,
            limit: step,
            ..filter.listing()
        };
        let rows = console.db.list_certificates(&listing).await?;
        let is_last = rows.len() < step as usize;
        place = rows
            .last()
            .map(|last| (last.sort_key, last.certificate.name.clone()));
        found.extend(rows.into_iter().filter(|row| filter.admits(row, now)));
        if is_last || found.len() >= most {
            found.truncate(most);
            return Ok(found);
        }
    }
}

impl Parsed {
    fn listing(&self) -> Listing<'_> {
        Listing {
            store: self.store,
            vendor_id: self.vendor_id,
            mode: self.mode,
            search: self.search.as_deref(),
            issuer: self.issuer.as_deref(),
            labels: self.labels.as_ref(),
            expires_before: self.expires_before,
            due_before: self.due_before,
            ..Listing::default()
        }
    }

    fn admits(&self, listed: &Listed, now: Timestamp) -> bool {
        self.states
            .as_ref()
            .is_none_or(|states| states.contains(&standing(&listed.certificate, &listed.keys, now)))
    }
}

/// Reads a filter.
pub(crate) async fn parse(
    console: &Console,
    filter: &CertificateFilter,
) -> Result<Parsed, LifecycleError> {
    let vendor_id = match &filter.vendor {
        Some(name) => Some(vendor_named(console, name).await?.id),
        None => None,
    };
    let now = console.now();
    Ok(Parsed {
        store: filter.store,
        vendor_id,
        mode: filter.renewal_mode,
        search: filter.search.clone(),
        issuer: filter.issuer.clone(),
        labels: read(&filter.selector, "/selector", |text| {
            text.parse::<Selector>().map_err(|error| error.to_string())
        })?,
        expires_before: read(&filter.expires_before, "/expires_before", |text| {
            instant(text, now)
        })?,
        due_before: read(&filter.due_before, "/due_before", |text| instant(text, now))?,
        states: read(&filter.state, "/state", parse_states)?,
    })
}

fn read<T>(
    text: &Option<String>,
    pointer: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, LifecycleError> {
    text.as_deref()
        .map(parse)
        .transpose()
        .map_err(|why| Problem::new(ProblemCode::Invalid, why).at(pointer).into())
}

fn parse_states(text: &str) -> Result<BTreeSet<CertificateState>, String> {
    text.split(',')
        .map(|state| state.trim().parse::<CertificateState>())
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())
}

/// An instant (RFC 3339), or a span from now.
pub(crate) fn instant(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let span = parse_span(text).map_err(|_| {
        format!(
            "\"{text}\" is neither an instant such as 2027-01-31T00:00:00Z nor a span such as 30d"
        )
    })?;
    now.checked_add(span).map_err(|error| error.to_string())
}

/// An instant (RFC 3339), or a span before now.
pub(crate) fn instant_before(text: &str, now: Timestamp) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let span = parse_span(text).map_err(|_| {
        format!(
            "\"{text}\" is neither an instant such as 2027-01-31T00:00:00Z nor a span such as 24h"
        )
    })?;
    now.checked_sub(span).map_err(|error| error.to_string())
}

fn parse_order(text: Option<&str>) -> Result<ListOrder, LifecycleError> {
    let Some(text) = text else {
        return Ok(ListOrder::Name);
    };
    let known = ORDERS.iter().find(|(name, _)| *name == text);
    known.map(|(_, order)| *order).ok_or_else(|| {
        let detail = format!("\"{text}\" is no order of this list");
        let names: Vec<_> = ORDERS.iter().map(|(name, _)| *name).collect();
        Problem::new(ProblemCode::Invalid, detail)
            .with_remedy(format!("Use one of {}.", names.join(", ")))
            .at("/sort")
            .into()
    })
}

fn cursor(order: ListOrder, last: &Listed) -> String {
    match order {
        ListOrder::Name => last.certificate.name.clone(),
        _ => format!("{}:{}", last.sort_key, last.certificate.name),
    }
}

fn parse_cursor(order: ListOrder, cursor: &str) -> Result<(i64, String), LifecycleError> {
    if order == ListOrder::Name {
        return Ok((0, cursor.to_owned()));
    }
    let parsed = cursor
        .split_once(':')
        .and_then(|(key, name)| Some((key.parse().ok()?, name.to_owned())));
    parsed.ok_or_else(|| {
        Problem::new(
            ProblemCode::Invalid,
            "this cursor is none of a list in this order",
        )
        .with_remedy("Begin again without a cursor.")
        .at("/cursor")
        .into()
    })
}

pub(crate) async fn vendor_names(console: &Console) -> Result<HashMap<VendorId, String>, DbError> {
    let vendors = console.db.vendors().await?;
    Ok(vendors
        .into_iter()
        .map(|vendor| (vendor.id, vendor.name))
        .collect())
}

fn zeros<K: Ord + Copy>(keys: &[K]) -> BTreeMap<K, u64> {
    keys.iter().map(|key| (*key, 0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_instants_or_spans_from_now() {
        let now = Timestamp::from_second(1_000_000).unwrap();

        assert_eq!(instant("1d", now).unwrap().as_second(), 1_086_400);
        assert_eq!(
            instant("2027-01-31T00:00:00Z", now).unwrap().as_second(),
            1_801_353_600
        );
        assert!(instant("soon", now).unwrap_err().contains("30d"));
    }

    #[test]
    fn states_are_listed_with_commas() {
        let states = parse_states("failing, blocked").unwrap();

        assert_eq!(
            states,
            [CertificateState::Blocked, CertificateState::Failing].into()
        );
        assert!(parse_states("well").unwrap_err().contains("failing"));
    }
}
