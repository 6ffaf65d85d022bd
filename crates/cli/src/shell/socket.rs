//! NITRO over the status socket of an ADC on this machine; its owner is `nsroot` without a password.

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use evercert_adc::admin::SOCKET;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::shell::wire::{Exchange, LIMIT, Raw, WARNING};

/// A local ADC, by its socket.
#[derive(Debug)]
pub(crate) struct Socket {
    path: PathBuf,
}

impl Socket {
    /// The ADC whose state directory this is.
    pub(crate) fn of(state_dir: &Path) -> Self {
        Self {
            path: state_dir.join(SOCKET),
        }
    }

    /// Asks over a connection of its own.
    pub(super) async fn exchange(&self, exchange: &Exchange) -> Result<Raw> {
        let stream = UnixStream::connect(&self.path).await.with_context(|| {
            format!(
                "no ADC answers at {}; start `evercert adc`, or give its --state-dir as the same user",
                self.path.display()
            )
        })?;
        match tokio::time::timeout(LIMIT, ask(stream, exchange)).await {
            Ok(answered) => answered.context("asking the ADC"),
            Err(_) => bail!("the ADC did not answer within {} seconds", LIMIT.as_secs()),
        }
    }
}

impl fmt::Display for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

async fn ask(stream: UnixStream, exchange: &Exchange) -> Result<Raw> {
    let body = exchange.body.clone().unwrap_or_default();
    let request = Request::builder()
        .method(exchange.method)
        .uri(&exchange.target)
        .header(hyper::header::HOST, "adc")
        .header(hyper::header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .context("preparing the request")?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let conversation = async {
        let response = sender.send_request(request).await?;
        let warnings = response.headers().get_all(WARNING).iter();
        let warnings = warnings
            .filter_map(|value| value.to_str().ok().map(str::to_owned))
            .collect();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes().to_vec();
        Ok(Raw {
            status,
            warnings,
            body,
        })
    };
    tokio::select! {
        answered = conversation => answered,
        ended = connection => match ended {
            Ok(()) => bail!("it hung up"),
            Err(error) => Err(error.into()),
        },
    }
}
