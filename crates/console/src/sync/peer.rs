//! Who is at the other end of a connection, and which instance that is.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use evercert_api::sync::instance_from_uris;
use evercert_api::{Problem, ProblemCode};
use evercert_types::InstanceId;
use evercert_x509::Certificate;
use http::request::Parts;
use jiff::Timestamp;

use super::registry::Member;
use crate::api::app::App;
use crate::problem::ApiError;

/// The other end of a connection; the server puts it into every request's extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer {
    /// Its address.
    pub(crate) addr: SocketAddr,
    /// What its client certificate, which the TLS handshake verified, says it is.
    pub(crate) identity: Option<PeerIdentity>,
}

/// An instance, as its identity certificate names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeerIdentity {
    /// Its id.
    pub(crate) instance: InstanceId,
    /// When the certificate ends: connections may outlive it.
    pub(crate) not_after: Timestamp,
}

impl PeerIdentity {
    /// Reads the leaf that was verified in the handshake.
    pub(crate) fn from_leaf(der: &[u8]) -> Option<Self> {
        let leaf = Certificate::from_der(der).ok()?;
        let uris = leaf.san_uris();
        let instance = instance_from_uris(uris.iter().map(String::as_str))?;
        Some(Self {
            instance,
            not_after: leaf.not_after(),
        })
    }
}

/// The enrolled instance that calls; one that was removed is refused, whatever its certificate says.
#[derive(Clone, Debug)]
pub(crate) struct Instance(pub(crate) Arc<Member>);

impl FromRequestParts<App> for Instance {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let peer = parts
            .extensions
            .get::<Peer>()
            .and_then(|peer| peer.identity);
        let Some(identity) = peer else {
            return Err(refused(
                "an instance shows its identity certificate in the TLS handshake; none was shown",
            )
            .into());
        };
        if app.clock().now() >= identity.not_after {
            return Err(refused("the instance's identity certificate has expired").into());
        }
        let known = match app.store.registry.member(identity.instance) {
            Some(member) => Some(member),
            None => look_again(app, identity.instance).await?,
        };
        known
            .map(Self)
            .ok_or_else(|| refused("this instance is not enrolled, or was removed").into())
    }
}

/// Another Console may have enrolled the instance a moment ago; the counters tell in one small query.
async fn look_again(app: &App, id: InstanceId) -> Result<Option<Arc<Member>>, ApiError> {
    if app.console.db.engine() == evercert_db::Engine::Postgres {
        app.store.refresh().await?;
    }
    Ok(app.store.registry.member(id))
}

fn refused(detail: &str) -> Problem {
    Problem::new(ProblemCode::Unauthorized, detail)
        .with_remedy("Enrol the instance with a new token: `evercert instance token create`.")
}
