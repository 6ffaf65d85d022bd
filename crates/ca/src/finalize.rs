//! Finalization (RFC 8555 §7.4): the CSR is judged, the certificate issued.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evercert_types::DomainName;
use evercert_x509::{Csr, ari_certificate_id};
use http::StatusCode;
use serde::Deserialize;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer, X509CertificationRequest};
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::identifier::{Identifier, Subject};
use crate::jwk::{Jwk, judge_rsa, without_zeros};
use crate::order;
use crate::post::Post;
use crate::problem::{Kind, Problem};
use crate::shared::Shared;
use crate::store::{Issued, Order, OrderStatus, Record};

/// How long after a failure to record an outcome it is tried again: the disk was full.
const AGAIN: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Finalize {
    csr: String,
}

/// `POST /order/{id}/finalize`.
pub(crate) async fn finalize(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    post: Post,
) -> Result<Response, Problem> {
    let signed = post.by_account(&shared)?;
    let request: Finalize = signed.payload.json()?;
    let now = shared.now();
    let found = order::find(&shared.store(), &id, &signed.account)?.clone();
    must_be_ready(shared.store().order_status(&found, now))?;
    let der = URL_SAFE_NO_PAD
        .decode(&request.csr)
        .map_err(|_| bad_csr("the csr is not base64url without padding"))?;
    let csr = check_csr(&der, &found.identifiers)?;
    if Jwk::from_spki(csr.spki_der()).is_some_and(|key| key.to_json() == signed.account.key) {
        return Err(bad_csr(
            "the certificate must have another key than the account",
        ));
    }
    {
        let mut store = shared.store();
        let mut current = order::find(&store, &id, &signed.account)?.clone();
        // Two finalizations at once: the first to come here wins.
        must_be_ready(store.order_status(&current, now))?;
        current.csr = Some(request.csr);
        shared.commit(&mut store, vec![Record::Order(current)])?;
    }
    let at_once = shared.config.issuance_delay.is_zero();
    if !at_once || complete(&shared, &id).is_err() {
        spawn(&shared, id.clone());
    }
    let store = shared.store();
    let current = order::find(&store, &id, &signed.account)?;
    Ok(order::respond(&shared, &store, current, StatusCode::OK))
}

/// Issues the order's certificate after the configured delay, trying until it is recorded.
pub(crate) fn spawn(shared: &Arc<Shared>, id: String) {
    let task = shared.clone();
    shared.tasks.spawn(async move {
        let mut wait = task.config.issuance_delay;
        loop {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                // The order stays in processing and is taken up at the next start.
                () = task.stop.cancelled() => return,
            }
            match complete(&task, &id) {
                Ok(()) => return,
                Err(problem) => {
                    tracing::error!(ca.order = %id, error = %problem.detail(), "order not completed");
                }
            }
            wait = AGAIN;
        }
    });
}

/// Issues the certificate of an order in processing, if it still is.
fn complete(shared: &Shared, id: &str) -> Result<(), Problem> {
    let Some(order) = shared.store().order(id).cloned() else {
        return Ok(());
    };
    let outcome = issue(shared, &order);
    let mut store = shared.store();
    let Some(mut order) = store.order(id).cloned() else {
        return Ok(());
    };
    let mut change = Vec::new();
    match outcome {
        Ok(issued) => {
            tracing::info!(ca.order = %id, ca.certificate = %issued.id, "certificate issued");
            order.certificate = Some(issued.id.clone());
            change.push(Record::Certificate(issued));
        }
        Err(problem) => order.error = Some(problem),
    }
    change.push(Record::Order(order));
    shared.commit(&mut store, change)
}

fn issue(shared: &Shared, order: &Order) -> Result<Issued, Problem> {
    let der = order
        .csr
        .as_deref()
        .and_then(|csr| URL_SAFE_NO_PAD.decode(csr).ok())
        .ok_or_else(|| bad_csr("the order has no CSR"))?;
    let csr = check_csr(&der, &order.identifiers)?;
    let profile = shared
        .profiles
        .iter()
        .find(|profile| profile.name == order.profile)
        .or(shared.profiles.first())
        .ok_or_else(|| Problem::new(Kind::InvalidProfile, "the order's profile is gone"))?;
    let certificate = shared
        .hierarchy
        .issue(&csr, order, profile, shared.now())
        .map_err(|error| Problem::internal("issuing the certificate", &error))?;
    Ok(Issued {
        id: certificate.serial_hex(),
        account: order.account.clone(),
        pem: certificate.to_pem(),
        fingerprint: certificate.fingerprint().to_string(),
        ari: ari_certificate_id(&certificate).unwrap_or_default(),
        identifiers: order.identifiers.clone(),
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
        revoked: None,
        replaced_by: None,
        window: None,
    })
}

fn must_be_ready(status: OrderStatus) -> Result<(), Problem> {
    let why = match status {
        OrderStatus::Ready => return Ok(()),
        OrderStatus::Pending => "its authorizations are not all valid yet",
        OrderStatus::Processing => "it is being processed already",
        OrderStatus::Valid => "it was finalized already",
        OrderStatus::Invalid => "it is invalid",
    };
    Err(Problem::new(
        Kind::OrderNotReady,
        format!("the order cannot be finalized: {why}"),
    ))
}

/// Everything a CSR must fulfil but for the account's key.
fn check_csr(der: &[u8], identifiers: &[Identifier]) -> Result<Csr, Problem> {
    let csr = Csr::from_der(der).map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        bad_csr(match cause {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        })
    })?;
    check_key(csr.spki_der())?;
    csr.verify_signature()
        .map_err(|error| bad_csr(error.to_string()))?;
    check_extensions(der)?;
    check_names(&csr, identifiers)?;
    Ok(csr)
}

fn check_names(csr: &Csr, identifiers: &[Identifier]) -> Result<(), Problem> {
    let wanted: Vec<Subject> = identifiers.iter().filter_map(Identifier::subject).collect();
    let mut asked: Vec<Subject> = csr.names().into_iter().map(Subject::Dns).collect();
    asked.extend(csr.ips().into_iter().map(Subject::Ip));
    let same = asked.len() == wanted.len() && asked.iter().all(|one| wanted.contains(one));
    if !same {
        let list = |subjects: &[Subject]| {
            let texts: Vec<String> = subjects.iter().map(|s| s.identifier().value).collect();
            texts.join(", ")
        };
        return Err(bad_csr(format!(
            "the CSR asks for {}, the order is for {}",
            list(&asked),
            list(&wanted)
        )));
    }
    match csr.common_name() {
        Some(name) if !DomainName::new(&name).is_ok_and(|n| asked.contains(&Subject::Dns(n))) => {
            Err(bad_csr(format!(
                "the CSR's common name \"{name}\" is not among the order's names"
            )))
        }
        _ => Ok(()),
    }
}

fn check_key(spki: &[u8]) -> Result<(), Problem> {
    let unsupported = || bad_csr("the key must be ECDSA on P-256 or P-384, or RSA");
    let (_, parsed) = SubjectPublicKeyInfo::from_der(spki).map_err(|_| unsupported())?;
    match parsed.parsed().map_err(|_| unsupported())? {
        PublicKey::RSA(key) => {
            judge_rsa(&without_zeros(key.modulus), &without_zeros(key.exponent)).map_err(bad_csr)
        }
        PublicKey::EC(_) if Jwk::from_spki(spki).is_some() => Ok(()),
        _ => Err(unsupported()),
    }
}

fn check_extensions(der: &[u8]) -> Result<(), Problem> {
    let (_, request) = X509CertificationRequest::from_der(der)
        .map_err(|error| bad_csr(format!("it cannot be read: {error}")))?;
    for extension in request.requested_extensions().into_iter().flatten() {
        if let ParsedExtension::BasicConstraints(constraints) = extension
            && constraints.ca
        {
            return Err(bad_csr("the CSR asks for a CA certificate"));
        }
    }
    Ok(())
}

fn bad_csr(detail: impl Into<String>) -> Problem {
    Problem::new(Kind::BadCsr, detail)
}
