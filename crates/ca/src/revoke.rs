//! Revocation (RFC 8555 §7.6).

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evercert_x509::Certificate;
use http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;

use crate::identifier::Identifier;
use crate::jwk::Jwk;
use crate::post::{Either, Post};
use crate::problem::{Kind, Problem};
use crate::shared::Shared;
use crate::store::{AuthorizationStatus, Issued, Record, Revocation, Store};

/// Reasons a subscriber may give: unspecified, keyCompromise, affiliationChanged, superseded,
/// cessationOfOperation (RFC 5280 §5.3.1).
const REASONS: [i64; 5] = [0, 1, 3, 4, 5];

#[derive(Deserialize)]
struct Revoke {
    certificate: String,
    reason: Option<i64>,
}

/// `POST /revoke-cert`: by the account that ordered, by one that holds valid authorizations for
/// all names, or by the certificate's key.
pub(crate) async fn revoke(
    State(shared): State<Arc<Shared>>,
    post: Post,
) -> Result<Response, Problem> {
    let signed = post.by_either(&shared)?;
    let payload = match &signed {
        Either::Account(signed) => &signed.payload,
        Either::Key(signed) => &signed.payload,
    };
    let request: Revoke = payload.json()?;
    let der = URL_SAFE_NO_PAD
        .decode(&request.certificate)
        .map_err(|_| Problem::malformed("the certificate is not base64url without padding"))?;
    let certificate =
        Certificate::from_der(der).map_err(|error| Problem::malformed(error.to_string()))?;
    let reason = check_reason(request.reason)?;
    let now = shared.now();
    let mut store = shared.store();
    let issued = store
        .certificate_of_fingerprint(&certificate.fingerprint().to_string())
        .ok_or_else(|| Problem::not_found("certificate"))?;
    let allowed = match &signed {
        Either::Account(signed) => {
            issued.account == signed.account.id
                || controls_all(&store, &signed.account.id, issued, now)
        }
        Either::Key(signed) => Jwk::from_spki(certificate.spki_der()).as_ref() == Some(&signed.key),
    };
    if !allowed {
        return Err(Problem::unauthorized(
            "neither the account nor the key may revoke this certificate",
        ));
    }
    if issued.revoked.is_some() {
        return Err(Problem::new(
            Kind::AlreadyRevoked,
            "the certificate was revoked already",
        ));
    }
    let mut issued = issued.clone();
    issued.revoked = Some(Revocation { at: now, reason });
    tracing::info!(ca.certificate = %issued.id, reason, "certificate revoked");
    shared.commit(&mut store, vec![Record::Certificate(issued)])?;
    Ok(StatusCode::OK.into_response())
}

fn check_reason(reason: Option<i64>) -> Result<u8, Problem> {
    let reason = reason.unwrap_or(0);
    u8::try_from(reason)
        .ok()
        .filter(|_| REASONS.contains(&reason))
        .ok_or_else(|| {
            Problem::new(
                Kind::BadRevocationReason,
                format!("reason {reason} cannot be given; use one of 0, 1, 3, 4, 5"),
            )
        })
}

fn controls_all(store: &Store, account: &str, issued: &Issued, now: Timestamp) -> bool {
    issued
        .identifiers
        .iter()
        .filter_map(Identifier::subject)
        .all(|subject| {
            store
                .newest_authorization(account, &subject.authorized(), subject.is_wildcard())
                .is_some_and(|found| found.status_at(now) == AuthorizationStatus::Valid)
        })
}
