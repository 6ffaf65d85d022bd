//! Accounts (RFC 8555 §7.3): make, find, update, deactivate, list their orders.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use evercert_types::DomainName;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::jwk::Jwk;
use crate::jws::{Jws, Signer};
use crate::nonce::random_token;
use crate::post::{Post, SelfSigned};
use crate::problem::{Kind, Problem};
use crate::shared::Shared;
use crate::store::{Account, OrderStatus, Record};

/// Most contacts an account may have.
const MAX_CONTACTS: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewAccount {
    #[serde(default)]
    contact: Vec<String>,
    #[serde(default)]
    terms_of_service_agreed: bool,
    #[serde(default)]
    only_return_existing: bool,
    external_account_binding: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    contact: Option<Vec<String>>,
    status: Option<String>,
    terms_of_service_agreed: Option<bool>,
}

/// Where a page of an order list begins.
#[derive(Deserialize)]
pub(crate) struct Page {
    #[serde(default)]
    cursor: usize,
}

/// `POST /new-account`.
pub(crate) async fn create(
    State(shared): State<Arc<Shared>>,
    post: Post,
) -> Result<Response, Problem> {
    let signed = post.by_key(&shared)?;
    let request: NewAccount = signed.payload.json()?;
    let thumbprint = signed.key.thumbprint();
    if let Some(found) = shared.store().account_of_key(&thumbprint) {
        return existing(&shared, found);
    }
    if request.only_return_existing {
        return Err(Problem::new(
            Kind::AccountDoesNotExist,
            "no account has this key",
        ));
    }
    check_terms(request.terms_of_service_agreed, &shared)?;
    check_contacts(&request.contact)?;
    let external = check_binding(&request, &signed, post.url(), &shared)?;
    let account = Account {
        id: random_token(),
        key: signed.key.to_json(),
        thumbprint: thumbprint.clone(),
        deactivated: false,
        contact: request.contact,
        terms_agreed: request.terms_of_service_agreed,
        external,
    };
    let mut store = shared.store();
    // Two requests with one new key: the second finds the account of the first.
    if let Some(found) = store.account_of_key(&thumbprint) {
        return existing(&shared, found);
    }
    let answer = respond(&shared, &account, StatusCode::CREATED);
    tracing::info!(ca.account = %account.id, "account made");
    shared.commit(&mut store, vec![Record::Account(account)])?;
    Ok(answer)
}

/// `POST /account/{id}`: read, update or deactivate.
pub(crate) async fn read_or_update(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    post: Post,
) -> Result<Response, Problem> {
    let signed = post.by_account(&shared)?;
    own(&signed.account, &id)?;
    if signed.payload.is_empty() {
        return Ok(respond(&shared, &signed.account, StatusCode::OK));
    }
    let update: Update = signed.payload.json()?;
    let mut store = shared.store();
    let Some(mut account) = store.account(&id).cloned() else {
        return Err(Problem::not_found("account"));
    };
    match update.status.as_deref() {
        Some("deactivated") => account.deactivated = true,
        None | Some("valid") => {}
        Some(other) => {
            return Err(Problem::malformed(format!(
                "an account's status can be set to deactivated only, not to {other}"
            )));
        }
    }
    if let Some(contact) = update.contact {
        check_contacts(&contact)?;
        account.contact = contact;
    }
    account.terms_agreed |= update.terms_of_service_agreed.unwrap_or(false);
    let answer = respond(&shared, &account, StatusCode::OK);
    shared.commit(&mut store, vec![Record::Account(account)])?;
    Ok(answer)
}

/// `POST /account/{id}/orders`: a page of order URLs, newest last.
pub(crate) async fn orders(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    Query(page): Query<Page>,
    post: Post,
) -> Result<Response, Problem> {
    let signed = post.by_account(&shared)?;
    signed.payload.must_be_empty()?;
    own(&signed.account, &id)?;
    let now = shared.now();
    let store = shared.store();
    // The cursor counts all orders, so that those that became invalid between pages skip none.
    let all = store.orders_of(&id);
    let size = shared.config.orders_per_page.max(1);
    let mut urls = Vec::new();
    let mut next = page.cursor;
    while next < all.len() && urls.len() < size {
        let order = store.order(&all[next]);
        if order.is_some_and(|order| store.order_status(order, now) != OrderStatus::Invalid) {
            urls.push(shared.url(&format!("/order/{}", all[next])));
        }
        next += 1;
    }
    let mut headers = HeaderMap::new();
    if next < all.len() {
        let link = shared.url(&format!("/account/{id}/orders?cursor={next}"));
        append_link(&mut headers, &link, "next");
    }
    Ok((headers, Json(json!({ "orders": urls }))).into_response())
}

/// Checks that an account asks about itself.
pub(crate) fn own(account: &Account, id: &str) -> Result<(), Problem> {
    if account.id == id {
        Ok(())
    } else {
        Err(Problem::unauthorized("this belongs to another account"))
    }
}

/// Adds a `Link` header.
pub(crate) fn append_link(headers: &mut HeaderMap, url: &str, rel: &str) {
    append(headers, header::LINK, &format!("<{url}>;rel=\"{rel}\""));
}

/// Adds a header whose value is made of our own URLs and numbers.
pub(crate) fn append(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.append(name, value);
    }
}

fn existing(shared: &Shared, account: &Account) -> Result<Response, Problem> {
    if account.deactivated {
        return Err(
            Problem::unauthorized("the account of this key is deactivated")
                .with_status(StatusCode::UNAUTHORIZED),
        );
    }
    Ok(respond(shared, account, StatusCode::OK))
}

fn respond(shared: &Shared, account: &Account, status: StatusCode) -> Response {
    let url = shared.url(&format!("/account/{}", account.id));
    let mut object = json!({
        "status": if account.deactivated { "deactivated" } else { "valid" },
        "contact": account.contact,
        "termsOfServiceAgreed": account.terms_agreed,
        "orders": format!("{url}/orders"),
    });
    if let Some(binding) = &account.external {
        object["externalAccountBinding"] = binding.clone();
    }
    let mut headers = HeaderMap::new();
    append(&mut headers, header::LOCATION, &url);
    (status, headers, Json(object)).into_response()
}

fn check_terms(agreed: bool, shared: &Shared) -> Result<(), Problem> {
    match &shared.config.terms_of_service {
        Some(url) if !agreed => Err(Problem::malformed(format!(
            "the terms of service at {url} must be agreed to"
        ))),
        _ => Ok(()),
    }
}

fn check_contacts(contacts: &[String]) -> Result<(), Problem> {
    if contacts.len() > MAX_CONTACTS {
        return Err(Problem::new(
            Kind::InvalidContact,
            format!("an account may have at most {MAX_CONTACTS} contacts"),
        ));
    }
    contacts
        .iter()
        .try_for_each(|contact| check_contact(contact))
}

/// RFC 8555 §7.3: mailto without header fields and with one address only.
fn check_contact(contact: &str) -> Result<(), Problem> {
    let invalid = |why: &str| {
        Problem::new(
            Kind::InvalidContact,
            format!("the contact \"{contact}\" {why}"),
        )
    };
    let Some((scheme, address)) = contact.split_once(':') else {
        return Err(invalid("is no URL, such as mailto:admin@example.org"));
    };
    if !scheme.eq_ignore_ascii_case("mailto") {
        return Err(Problem::new(
            Kind::UnsupportedContact,
            format!("contacts of scheme {scheme} are not supported; use mailto"),
        ));
    }
    if address.contains('?') || address.contains(',') {
        return Err(invalid("must be one address without header fields"));
    }
    if !address.is_ascii() || address.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(invalid("has characters an address cannot have"));
    }
    match address.rsplit_once('@') {
        Some((local, domain)) if !local.is_empty() && !local.contains('@') => {
            let domain = DomainName::new(domain);
            match domain {
                Ok(domain) if !domain.is_wildcard() => Ok(()),
                _ => Err(invalid("has no valid domain")),
            }
        }
        _ => Err(invalid("is no e-mail address")),
    }
}

/// RFC 8555 §7.3.4.
fn check_binding(
    request: &NewAccount,
    signed: &SelfSigned,
    url: &str,
    shared: &Shared,
) -> Result<Option<Value>, Problem> {
    let policy = &shared.config.external_accounts;
    let Some(binding) = &request.external_account_binding else {
        if policy.is_required() {
            return Err(Problem::new(
                Kind::ExternalAccountRequired,
                "an account here must be bound to an external one; give its key id and MAC key",
            ));
        }
        return Ok(None);
    };
    if matches!(policy, crate::ExternalAccounts::None) {
        return Ok(None);
    }
    let jws = Jws::from_value(binding)?;
    let Signer::Kid(kid) = &jws.header.signer else {
        return Err(Problem::malformed(
            "the external account binding has no kid",
        ));
    };
    if jws.header.algorithm != "HS256" {
        return Err(Problem::new(
            Kind::BadSignatureAlgorithm,
            "the external account binding must be signed with HS256",
        )
        .with_algorithms(&["HS256"]));
    }
    if jws.header.nonce.is_some() || jws.header.url.as_deref() != Some(url) {
        return Err(Problem::malformed(
            "the external account binding must have the newAccount URL and no nonce",
        ));
    }
    let verified = policy
        .key(kid)
        .is_some_and(|key| jws.verify_mac(key.expose()));
    if !verified {
        return Err(Problem::unauthorized(format!(
            "the external account key id \"{kid}\" is unknown or its MAC key another"
        )));
    }
    let bound: Value = serde_json::from_slice(&jws.payload)
        .map_err(|_| Problem::malformed("the external account binding's payload is no JWK"))?;
    if Jwk::from_json(&bound)? != signed.key {
        return Err(Problem::malformed(
            "the external account binding is for another account key",
        ));
    }
    Ok(Some(binding.clone()))
}
