//! Orders (RFC 8555 §7.4): new ones, and how they stand.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::account::{append, own};
use crate::authorization;
use crate::config::Profile;
use crate::identifier::{Identifier, Subject, accept};
use crate::nonce::random_token;
use crate::post::Post;
use crate::problem::{Kind, Problem};
use crate::shared::Shared;
use crate::store::{Authorization, AuthorizationStatus, Issued, Order, OrderStatus, Record, Store};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewOrder {
    identifiers: Vec<Identifier>,
    not_before: Option<String>,
    not_after: Option<String>,
    profile: Option<String>,
    replaces: Option<String>,
}

/// `POST /new-order`.
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    post: Post,
) -> Result<Response, Problem> {
    let signed = post.by_account(&shared)?;
    let request: NewOrder = signed.payload.json()?;
    let subjects = accept(&request.identifiers, &shared.config)?;
    let profile = find_profile(request.profile.as_deref(), &shared)?;
    let now = shared.now();
    let (not_before, not_after) = check_dates(&request, profile, now)?;
    let mut store = shared.store();
    let replaced = match &request.replaces {
        Some(ari) => Some(check_replaces(
            ari,
            &signed.account.id,
            &subjects,
            &store,
            now,
        )?),
        None => None,
    };
    let mut change = Vec::new();
    let mut authorizations = Vec::new();
    for subject in &subjects {
        let (id, new) = authorize(subject, &signed.account.id, &store, &shared, now);
        authorizations.push(id);
        change.extend(new.map(Record::Authorization));
    }
    let order = Order {
        id: random_token(),
        account: signed.account.id,
        identifiers: subjects.iter().map(Subject::identifier).collect(),
        authorizations,
        expires: later(now, shared.config.order_lifetime),
        not_before,
        not_after,
        profile: profile.name.clone(),
        replaces: request.replaces,
        csr: None,
        certificate: None,
        error: None,
    };
    if let Some(mut replaced) = replaced {
        replaced.replaced_by = Some(order.id.clone());
        change.push(Record::Certificate(replaced));
    }
    change.push(Record::Order(order.clone()));
    shared.commit(&mut store, change)?;
    tracing::info!(ca.order = %order.id, names = ?names(&order), "order made");
    Ok(respond(&shared, &store, &order, StatusCode::CREATED))
}

/// `POST /order/{id}`: POST-as-GET; held while something is in processing.
pub(crate) async fn read(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    post: Post,
) -> Result<Response, Problem> {
    let signed = post.by_account(&shared)?;
    signed.payload.must_be_empty()?;
    let now = shared.now();
    find(&shared.store(), &id, &signed.account)?;
    shared
        .hold_while(|store| {
            store
                .order(&id)
                .is_some_and(|order| is_busy(store, order, now))
        })
        .await;
    let store = shared.store();
    let order = find(&store, &id, &signed.account)?;
    Ok(respond(&shared, &store, order, StatusCode::OK))
}

/// The order, when it is the account's.
pub(crate) fn find<'a>(
    store: &'a Store,
    id: &str,
    account: &crate::store::Account,
) -> Result<&'a Order, Problem> {
    let order = store.order(id).ok_or_else(|| Problem::not_found("order"))?;
    own(account, &order.account)?;
    Ok(order)
}

/// The order as an answer, with `Location`, and `Retry-After` when it is in processing.
pub(crate) fn respond(
    shared: &Shared,
    store: &Store,
    order: &Order,
    status: StatusCode,
) -> Response {
    let now = shared.now();
    let mut headers = HeaderMap::new();
    append(&mut headers, header::LOCATION, &url(shared, order));
    if is_busy(store, order, now) {
        append(&mut headers, header::RETRY_AFTER, "1");
    }
    (status, headers, Json(document(shared, store, order, now))).into_response()
}

/// A moment so much later, or the end of time.
pub(crate) fn later(now: Timestamp, by: jiff::SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn url(shared: &Shared, order: &Order) -> String {
    shared.url(&format!("/order/{}", order.id))
}

fn names(order: &Order) -> Vec<&str> {
    order
        .identifiers
        .iter()
        .map(|identifier| identifier.value.as_str())
        .collect()
}

fn is_busy(store: &Store, order: &Order, now: Timestamp) -> bool {
    match store.order_status(order, now) {
        OrderStatus::Processing => true,
        OrderStatus::Pending => order
            .authorizations
            .iter()
            .filter_map(|id| store.authorization(id))
            .any(authorization::is_busy),
        _ => false,
    }
}

fn document(shared: &Shared, store: &Store, order: &Order, now: Timestamp) -> Value {
    let authorizations: Vec<String> = order
        .authorizations
        .iter()
        .map(|id| shared.url(&format!("/authz/{id}")))
        .collect();
    let status = store.order_status(order, now);
    let mut object = json!({
        "status": status,
        "expires": order.expires,
        "identifiers": order.identifiers,
        "authorizations": authorizations,
        "finalize": format!("{}/finalize", url(shared, order)),
        "profile": order.profile,
    });
    let optional = [
        ("notBefore", order.not_before.map(|at| json!(at))),
        ("notAfter", order.not_after.map(|at| json!(at))),
        ("replaces", order.replaces.as_ref().map(|ari| json!(ari))),
        (
            "certificate",
            order
                .certificate
                .as_ref()
                .map(|id| json!(shared.url(&format!("/cert/{id}")))),
        ),
        (
            "error",
            (status == OrderStatus::Invalid)
                .then(|| failure(store, order, now))
                .flatten()
                .map(|problem| json!(problem)),
        ),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            object[name] = value;
        }
    }
    object
}

/// Why an order is invalid: its own error, or what failed in its authorizations.
fn failure(store: &Store, order: &Order, now: Timestamp) -> Option<Problem> {
    if order.error.is_some() {
        return order.error.clone();
    }
    let ended: Vec<(&Authorization, Option<&Problem>)> = order
        .authorizations
        .iter()
        .filter_map(|id| store.authorization(id))
        .filter(|found| {
            !matches!(
                found.status_at(now),
                AuthorizationStatus::Valid | AuthorizationStatus::Pending
            )
        })
        .map(|found| {
            let error = found.challenges.iter().find_map(|c| c.error.as_ref());
            (found, error)
        })
        .collect();
    let Some((_, first)) = ended.iter().find(|(_, error)| error.is_some()) else {
        let why = if ended.is_empty() {
            "the order has expired"
        } else {
            "an authorization of the order was deactivated or has expired"
        };
        return Some(Problem::unauthorized(why));
    };
    let problem = (*first)?.retold("control of one or more identifiers could not be validated");
    Some(
        ended
            .iter()
            .fold(problem, |all, (found, error)| match error {
                Some(error) => all.with_problem_of(found.identifier.clone(), error),
                None => all,
            }),
    )
}

fn find_profile<'a>(name: Option<&str>, shared: &'a Shared) -> Result<&'a Profile, Problem> {
    let known = || {
        let names: Vec<&str> = shared.profiles.iter().map(|p| p.name.as_str()).collect();
        names.join(", ")
    };
    match name {
        None => shared.profiles.first(),
        Some(name) => shared.profiles.iter().find(|profile| profile.name == name),
    }
    .ok_or_else(|| {
        Problem::new(
            Kind::InvalidProfile,
            format!("no profile has this name; there are: {}", known()),
        )
    })
}

fn check_dates(
    request: &NewOrder,
    profile: &Profile,
    now: Timestamp,
) -> Result<(Option<Timestamp>, Option<Timestamp>), Problem> {
    let parse = |what: &str, text: &Option<String>| match text {
        None => Ok(None),
        Some(text) => text
            .parse::<Timestamp>()
            .map(Some)
            .map_err(|_| Problem::malformed(format!("{what} is not a date in RFC 3339 form"))),
    };
    let not_before = parse("notBefore", &request.not_before)?;
    let not_after = parse("notAfter", &request.not_after)?;
    let start = not_before.unwrap_or(now);
    if let Some(end) = not_after {
        if end <= start || end <= now {
            return Err(Problem::malformed(
                "notAfter must lie ahead and after notBefore",
            ));
        }
        if end > later(start, profile.validity) {
            return Err(Problem::malformed(format!(
                "the profile {} issues for at most {}",
                profile.name,
                evercert_types::format_span(profile.validity)
            )));
        }
    }
    Ok((not_before, not_after))
}

/// RFC 9773 §5: the certificate that an order says it replaces.
fn check_replaces(
    ari: &str,
    account: &str,
    subjects: &[Subject],
    store: &Store,
    now: Timestamp,
) -> Result<Issued, Problem> {
    let issued = store
        .certificate_of_ari(ari)
        .ok_or_else(|| Problem::not_found("certificate to replace"))?;
    if issued.account != account {
        return Err(Problem::unauthorized(
            "the certificate to replace belongs to another account",
        ));
    }
    let shared = subjects
        .iter()
        .any(|subject| issued.identifiers.contains(&subject.identifier()));
    if !shared {
        return Err(Problem::malformed(
            "the order shares no identifier with the certificate it replaces",
        ));
    }
    let earlier = issued.replaced_by.as_deref().and_then(|id| store.order(id));
    if earlier.is_some_and(|order| store.order_status(order, now) != OrderStatus::Invalid) {
        return Err(Problem::new(
            Kind::AlreadyReplaced,
            "another order already replaces this certificate",
        ));
    }
    Ok(issued.clone())
}

/// An authorization for one identifier: the account's valid one, or a new one.
fn authorize(
    subject: &Subject,
    account: &str,
    store: &Store,
    shared: &Shared,
    now: Timestamp,
) -> (String, Option<Authorization>) {
    let (identifier, wildcard) = (subject.authorized(), subject.is_wildcard());
    let reusable = store
        .newest_authorization(account, &identifier, wildcard)
        .filter(|found| shared.config.reuse_authorizations && found.account == account)
        .filter(|found| found.status_at(now) == AuthorizationStatus::Valid);
    if let Some(found) = reusable {
        return (found.id.clone(), None);
    }
    let new = Authorization {
        id: random_token(),
        account: account.to_owned(),
        challenges: authorization::challenges_for(subject),
        identifier,
        wildcard,
        status: AuthorizationStatus::Pending,
        expires: later(now, shared.config.order_lifetime),
    };
    (new.id.clone(), Some(new))
}
