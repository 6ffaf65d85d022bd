//! `WebSockets`: an upgrade at the client joined to an upgrade at the service.
//!
//! Over HTTP/2 the client opens by extended CONNECT (RFC 8441) and is answered with 200; the service always sees
//! HTTP/1.1 (RFC 6455).

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Response, StatusCode, Version};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::admission::Admitted;
use super::body::ReplyBody;
use super::http::{Exchange, HttpConnection, is_extended_connect, reply};
use super::pool::Lease;
use super::relay::relay;

/// Joins the two sides when the service switches protocols; else passes its answer on.
pub(crate) fn answer(
    connection: &Arc<HttpConnection>,
    admitted: &Admitted,
    mut exchange: Exchange,
    client: OnUpgrade,
) -> Response<ReplyBody> {
    let version = match is_extended_connect(admitted) {
        true => Version::HTTP_2,
        false => Version::HTTP_11,
    };
    if exchange.response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return reply(exchange, version, connection.shared.limits.body_idle);
    }
    let service = hyper::upgrade::on(&mut exchange.response);
    connection.wire.upgraded();
    let carried = carry(connection.clone(), exchange.lease, client, service);
    connection.shared.connections.spawn(carried);
    switched(exchange.response.headers(), version)
}

fn switched(service: &HeaderMap, version: Version) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::Text(Bytes::new()));
    *response.version_mut() = version;
    let headers = response.headers_mut();
    for (name, value) in service {
        let own = [header::CONNECTION, header::UPGRADE, header::CONTENT_LENGTH];
        if !own.contains(name) && *name != header::TRANSFER_ENCODING {
            headers.append(name, value.clone());
        }
    }
    if version == Version::HTTP_2 {
        headers.remove(header::SEC_WEBSOCKET_ACCEPT);
        return response;
    }
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response
}

/// Carries frames until either side ends; the instance's shutdown waits for it, then cuts it.
async fn carry(
    connection: Arc<HttpConnection>,
    lease: Lease,
    client: OnUpgrade,
    service: OnUpgrade,
) {
    let idle = connection.shared.limits.tunnel_idle;
    let carrying = async {
        let (client, service) = tokio::try_join!(client, service)?;
        let outcome = relay(TokioIo::new(client), TokioIo::new(service), idle).await;
        if let Err(error) = outcome {
            tracing::debug!(vserver.name = %connection.vserver.name, %error, "WebSocket ended");
        }
        Ok::<(), hyper::Error>(())
    };
    tokio::select! {
        outcome = carrying => if let Err(error) = outcome {
            tracing::debug!(vserver.name = %connection.vserver.name, %error, "upgrade failed");
        },
        () = connection.shared.cut.cancelled() => {}
    }
    drop(lease);
}
