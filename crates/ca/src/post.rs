//! A POST as ACME wants it (RFC 8555 §6.2 to §6.5): JWS checked, signer known, nonce used up.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use http::{StatusCode, header};
use serde::de::DeserializeOwned;

use crate::jwk::Jwk;
use crate::jws::{Jws, Signer};
use crate::nonce::chance;
use crate::problem::{Kind, Problem};
use crate::shared::Shared;
use crate::store::Account;

/// Largest body that is read.
pub(crate) const MAX_BODY: usize = 128 * 1024;

/// A request whose content type and size are right; its signature is checked by the methods.
pub(crate) struct Post {
    url: String,
    body: Bytes,
}

/// What an account sent.
#[derive(Debug)]
pub(crate) struct Signed {
    pub(crate) account: Account,
    pub(crate) payload: Payload,
}

/// What a bare key sent.
#[derive(Debug)]
pub(crate) struct SelfSigned {
    pub(crate) key: Jwk,
    pub(crate) payload: Payload,
}

/// Either of the two.
#[derive(Debug)]
pub(crate) enum Either {
    Account(Signed),
    Key(SelfSigned),
}

/// The decoded payload.
#[derive(Debug)]
pub(crate) struct Payload(Vec<u8>);

impl Post {
    /// The URL it was sent to.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Checks a request that must be signed by an account (`kid`).
    ///
    /// # Errors
    /// See RFC 8555 §6.2.
    pub(crate) fn by_account(&self, shared: &Shared) -> Result<Signed, Problem> {
        match self.by_either(shared)? {
            Either::Account(signed) => Ok(signed),
            Either::Key(_) => Err(Problem::malformed(
                "this resource wants a kid in the JWS, not a jwk",
            )),
        }
    }

    /// Checks a request that must be signed by a key (`jwk`).
    ///
    /// # Errors
    /// See RFC 8555 §6.2.
    pub(crate) fn by_key(&self, shared: &Shared) -> Result<SelfSigned, Problem> {
        match self.by_either(shared)? {
            Either::Key(signed) => Ok(signed),
            Either::Account(_) => Err(Problem::malformed(
                "this resource wants a jwk in the JWS, not a kid",
            )),
        }
    }

    /// Checks a request that may be signed by either.
    ///
    /// # Errors
    /// See RFC 8555 §6.2.
    pub(crate) fn by_either(&self, shared: &Shared) -> Result<Either, Problem> {
        let jws = Jws::parse(&self.body)?;
        if jws.header.url.as_deref() != Some(&self.url) {
            return Err(Problem::unauthorized(format!(
                "the JWS's url {} is not the requested {}",
                jws.header.url.as_deref().unwrap_or("(none)"),
                self.url
            )));
        }
        match &jws.header.signer {
            Signer::Jwk(jwk) => {
                let key = Jwk::from_json(jwk)?;
                jws.verify(&key)?;
                check_nonce(&jws, shared)?;
                Ok(Either::Key(SelfSigned {
                    key,
                    payload: Payload(jws.payload),
                }))
            }
            Signer::Kid(kid) => {
                let account = find_account(kid, shared)?;
                jws.verify(&Jwk::from_json(&account.key)?)?;
                check_nonce(&jws, shared)?;
                if account.deactivated {
                    return Err(Problem::unauthorized("the account is deactivated")
                        .with_status(StatusCode::UNAUTHORIZED));
                }
                Ok(Either::Account(Signed {
                    account,
                    payload: Payload(jws.payload),
                }))
            }
        }
    }
}

impl Payload {
    /// Whether it is empty: a POST-as-GET (RFC 8555 §6.3).
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Insists on a POST-as-GET.
    ///
    /// # Errors
    /// `malformed`.
    pub(crate) fn must_be_empty(&self) -> Result<(), Problem> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(Problem::malformed(
                "this resource is read by POST-as-GET: the payload must be empty",
            ))
        }
    }

    /// Reads it as JSON.
    ///
    /// # Errors
    /// `malformed`.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_slice(&self.0)
            .map_err(|error| Problem::malformed(format!("the payload is malformed: {error}")))
    }
}

impl FromRequest<Arc<Shared>> for Post {
    type Rejection = Problem;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let kind = parts.headers.get(header::CONTENT_TYPE);
        if kind.is_none_or(|kind| kind.as_bytes() != b"application/jose+json") {
            return Err(
                Problem::malformed("the Content-Type must be application/jose+json")
                    .with_status(StatusCode::UNSUPPORTED_MEDIA_TYPE),
            );
        }
        let body = axum::body::to_bytes(body, MAX_BODY).await.map_err(|_| {
            Problem::malformed(format!(
                "the request is longer than {MAX_BODY} octets or was cut off"
            ))
            .with_status(StatusCode::PAYLOAD_TOO_LARGE)
        })?;
        let path = parts
            .uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        Ok(Self {
            url: shared.url(path),
            body,
        })
    }
}

fn check_nonce(jws: &Jws, shared: &Shared) -> Result<(), Problem> {
    let bad = |detail: &str| Err(Problem::new(Kind::BadNonce, detail));
    match &jws.header.nonce {
        None => bad("the JWS has no nonce"),
        Some(nonce) if !shared.nonces.redeem(nonce) => {
            bad("the nonce was used before, is too old, or is not from here")
        }
        Some(_) if chance(shared.config.nonce_reject_percent) => {
            bad("the nonce was good, but some are refused on purpose")
        }
        Some(_) => Ok(()),
    }
}

fn find_account(kid: &str, shared: &Shared) -> Result<Account, Problem> {
    kid.strip_prefix(&shared.base)
        .and_then(|path| path.strip_prefix("/account/"))
        .and_then(|id| shared.store().account(id).cloned())
        .ok_or_else(|| {
            Problem::new(
                Kind::AccountDoesNotExist,
                format!("no account has the URL {kid}"),
            )
        })
}
