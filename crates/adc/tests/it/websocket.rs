//! `WebSockets` over HTTP/1.1 and HTTP/2.

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::Full;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::authority::{ItemSpec, TestCa};
use crate::backend::Backend;
use crate::client::{Tls, TlsOptions};
use crate::console::FakeConsole;
use crate::world::{Setup, within};

fn upgrade(path: &str) -> Request<Full<Bytes>> {
    Request::get(path)
        .header("Host", "a.example")
        .header("Connection", "keep-alive, Upgrade")
        .header("Upgrade", "websocket")
        .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("Sec-WebSocket-Version", "13")
        .body(Full::default())
        .unwrap()
}

async fn echoes(upgraded: hyper::upgrade::Upgraded) {
    let mut stream = TokioIo::new(upgraded);
    for size in [1usize, 1000, 100_000] {
        let sent = vec![b'w'; size];
        let mut got = vec![0; size];
        let (mut read, mut write) = tokio::io::split(&mut stream);
        let (written, read) = tokio::join!(write.write_all(&sent), read.read_exact(&mut got));
        written.unwrap();
        read.unwrap();
        assert_eq!(sent, got);
    }
    stream.shutdown().await.unwrap();
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
}

#[tokio::test]
async fn websockets_are_carried_both_ways_and_outlive_a_certificate_change() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca, backend) = (
            FakeConsole::start().await,
            TestCa::new(),
            Backend::start().await,
        );
        let spec = ItemSpec::new("a.example");
        console.put([ca.item(&spec)], ca.chains());
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[backend.addr])
            .console(&console)
            .start()
            .await;
        adc.active(1).await;
        let mut client = Tls::plain().http1(adc.addr("v"), "a.example").await;

        let response = client
            .sender
            .send_request(upgrade("/ws?room=1"))
            .await
            .unwrap();
        assert_eq!(response.status(), 101);
        assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
        assert_eq!(response.headers()["upgrade"], "websocket");
        let upgraded = hyper::upgrade::on(response).await.unwrap();
        let revision = console.put([ca.item(&spec.next())], ca.chains());
        adc.at_revision(revision).await;
        echoes(upgraded).await;

        let seen = &backend.requests()[0];
        assert!(
            seen.contains("upgrade: websocket") && seen.contains("connection: upgrade"),
            "{seen}"
        );
        let mut other = Tls::plain().http1(adc.addr("v"), "a.example").await;
        let refused = other.sender.send_request(upgrade("/who")).await.unwrap();
        assert_eq!(refused.status(), 200);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_http_2_client_opens_one_by_extended_connect() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca, backend) = (
            FakeConsole::start().await,
            TestCa::new(),
            Backend::start().await,
        );
        console.put([ca.item(&ItemSpec::new("a.example"))], ca.chains());
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[backend.addr])
            .console(&console)
            .start()
            .await;
        adc.active(1).await;
        let tls = Tls::new(TlsOptions {
            alpn: &[b"h2"],
            ..TlsOptions::default()
        });
        let mut sender = tls.http2(adc.addr("v"), "a.example").await;
        // The server's settings, which allow extended CONNECT, come with the first exchange.
        let first = Request::get("https://a.example/")
            .body(Full::<Bytes>::default())
            .unwrap();
        sender.send_request(first).await.unwrap();

        let request = Request::builder()
            .method(Method::CONNECT)
            .uri("https://a.example/ws")
            .header("sec-websocket-version", "13")
            .extension(hyper::ext::Protocol::from_static("websocket"))
            .body(Full::<Bytes>::default())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), 200);
        echoes(hyper::upgrade::on(response).await.unwrap()).await;

        let seen = backend.requests().pop().unwrap();
        assert!(
            seen.starts_with("GET /ws HTTP/1.1") && seen.contains("sec-websocket-key"),
            "{seen}"
        );
        adc.stop().await;
    })
    .await;
}
