//! The TLS handshake of one client connection: bounded, timed, and counted when it completed.

use std::io;
use std::sync::Arc;

use rustls::HandshakeKind;
use rustls::server::Acceptor;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake};

use super::Shared;
use super::client_identity::ClientIdentity;
use crate::dc2g::identity::IdentityError;
use crate::metrics::VserverMetrics;
use crate::tls::profile::VserverTls;
use crate::tls::resolver::{Decision, NoTrace, Refusal, Served, decide};

/// A completed handshake.
pub(crate) struct Accepted {
    pub(crate) stream: TlsStream<TcpStream>,
    pub(crate) sni: Option<Box<str>>,
    pub(crate) protocol: Protocol,
    /// Who the client is, where the vserver asks.
    pub(crate) identity: ClientIdentity,
}

/// What ALPN chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// A handshake did not complete.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AcceptError {
    #[error("the handshake took too long")]
    Timeout,
    #[error("refused for server name {sni:?}: {refusal}")]
    Refused {
        sni: Option<String>,
        refusal: Refusal,
    },
    #[error("it was a CA's, for a challenge")]
    Challenge,
    #[error("the client's certificate is not accepted any more")]
    Identity(#[source] IdentityError),
    #[error("the session was of another vserver or of other client authentication")]
    Foreign,
    #[error("the handshake failed")]
    Failed(#[source] io::Error),
}

/// Performs the handshake.
///
/// # Errors
/// See [`AcceptError`]; the client has been told by an alert where one fits.
pub(crate) async fn accept(
    tls: &VserverTls,
    shared: &Shared,
    metrics: &VserverMetrics,
    tcp: TcpStream,
) -> Result<Accepted, AcceptError> {
    let limit = shared.limits.handshake_timeout;
    let handshake = async {
        // Closed only when the instance is dropped.
        let _permit = shared.handshakes.acquire().await.ok();
        perform(tls, shared, metrics, tcp).await
    };
    let outcome = tokio::time::timeout(limit, handshake)
        .await
        .unwrap_or(Err(AcceptError::Timeout));
    match &outcome {
        Ok(_) | Err(AcceptError::Challenge) => {}
        Err(AcceptError::Refused { .. }) => {
            metrics.handshakes_refused.inc();
        }
        Err(_) => {
            metrics.handshakes_failed.inc();
        }
    }
    outcome
}

async fn perform(
    tls: &VserverTls,
    shared: &Shared,
    metrics: &VserverMetrics,
    tcp: TcpStream,
) -> Result<Accepted, AcceptError> {
    let start = LazyConfigAcceptor::new(Acceptor::default(), tcp)
        .await
        .map_err(AcceptError::Failed)?;
    let start = answer_challenge(shared, start).await?;
    let start = refuse_unservable(tls, start).await?;
    let (config, resolver) = tls.for_connection();
    let stream = start
        .into_stream_with(config, |session| session.set_resumption_data(tls.scope()))
        .await
        .map_err(AcceptError::Failed)?;
    let (_, session) = stream.get_ref();
    let resumed = session.handshake_kind() == Some(HandshakeKind::Resumed);
    let identity = tls.identity(session).map_err(AcceptError::Identity)?;
    if resumed {
        // TLS 1.2 does not bring it along; there the ticket keys and the session store alone keep sessions apart.
        let scope = session.received_resumption_data();
        if scope.is_some_and(|scope| scope != tls.scope()) {
            return Err(AcceptError::Foreign);
        }
        metrics.handshakes_resumed.inc();
    } else {
        metrics.handshakes_full.inc();
        // A resumed session shows no certificate, so only full handshakes count as seen.
        if let Some(Served::ZeroTouch(record)) = resolver.served() {
            shared.observations.completed(record);
        }
    }
    let protocol = match session.alpn_protocol() {
        Some(b"h2") => Protocol::Http2,
        _ => Protocol::Http1,
    };
    let sni = session.server_name().map(Box::from);
    let identity = ClientIdentity::new(identity.map(Arc::new));
    Ok(Accepted {
        stream,
        sni,
        protocol,
        identity,
    })
}

/// Performs a CA's handshake for tls-alpn-01 and closes it (RFC 8737 §3); any other is left as it is.
async fn answer_challenge(
    shared: &Shared,
    start: StartHandshake<TcpStream>,
) -> Result<StartHandshake<TcpStream>, AcceptError> {
    if shared.challenges.is_idle() {
        return Ok(start);
    }
    let Some(config) = shared.challenges.tls(&start.client_hello()) else {
        return Ok(start);
    };
    let mut stream = start
        .into_stream(config)
        .await
        .map_err(AcceptError::Failed)?;
    let name = stream.get_ref().1.server_name().map(str::to_owned);
    tracing::info!(challenge.server_name = name, "answered tls-alpn-01 of a CA");
    // The CA may have hung up already.
    stream.shutdown().await.unwrap_or_default();
    Err(AcceptError::Challenge)
}

/// Answers `unrecognized_name` or `handshake_failure` where rustls would say `access_denied`.
async fn refuse_unservable(
    tls: &VserverTls,
    mut start: StartHandshake<TcpStream>,
) -> Result<StartHandshake<TcpStream>, AcceptError> {
    let hello = start.client_hello();
    let sni = hello.server_name();
    let decision = decide(&tls.policy, sni, hello.signature_schemes(), &mut NoTrace);
    let Decision::Refuse(refusal) = decision else {
        return Ok(start);
    };
    let sni = sni.map(str::to_owned);
    // A TLS record: alert, version 1.2, two bytes, fatal (RFC 8446 §6).
    let alert = [21, 3, 3, 0, 2, 2, refusal.alert()];
    let told = start.io.write_all(&alert).await;
    if told.is_ok() {
        start.io.shutdown().await.unwrap_or_default();
    }
    Err(AcceptError::Refused { sni, refusal })
}
