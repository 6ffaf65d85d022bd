//! HTTP/1.1 clients: what services get, what comes back, and what happens when services fail.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::authority::{ItemSpec, TestCa};
use crate::backend::{Backend, ScriptedBackend};
use crate::client::{Http1, Tls, exchange_raw, text};
use crate::console::FakeConsole;
use crate::world::{SOON, Setup, TestAdc, eventually, within};

async fn plain(dir: &std::path::Path, services: &[SocketAddr]) -> TestAdc {
    Setup::new(dir)
        .vserver("v", "HTTP", services)
        .limits(|limits| {
            limits.body_idle = Duration::from_millis(500);
            limits.connect_timeout = Duration::from_millis(500);
            limits.response_timeout = Duration::from_millis(500);
            limits.body_bytes = Some(1 << 20);
        })
        .start()
        .await
}

async fn connect(adc: &TestAdc) -> Http1 {
    Http1::over(TcpStream::connect(adc.addr("v")).await.unwrap()).await
}

#[tokio::test]
async fn services_see_the_request_without_its_hop_by_hop_fields() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca, backend) = (FakeConsole::start().await, TestCa::new(), Backend::start().await);
        console.put([ca.item(&ItemSpec::new("a.example"))], ca.chains());
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[backend.addr])
            .console(&console)
            .start()
            .await;
        adc.active(1).await;
        let mut client = Tls::plain().http1(adc.addr("v"), "a.example").await;

        let request = Request::get("/hop?q=1")
            .header("Host", "A.example")
            .header("Connection", "keep-alive, X-Private")
            .header("X-Private", "1")
            .header("X-Forwarded-For", "198.51.100.9")
            .header("X-Forwarded-Proto", "http")
            .body(Full::<Bytes>::default())
            .unwrap();
        let response = client.sender.send_request(request).await.unwrap();

        let headers = response.headers();
        assert!(headers.contains_key("x-kept"));
        for gone in ["keep-alive", "x-internal", "connection"] {
            assert!(!headers.contains_key(gone), "{gone}");
        }
        assert_eq!(text(response).await, (200, "hop".into()));
        assert_eq!(
            backend.requests(),
            ["GET /hop?q=1 HTTP/1.1\nhost: A.example\nx-forwarded-for: 198.51.100.9, 127.0.0.1\nx-forwarded-proto: https"]
        );
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn connections_are_kept_on_both_sides() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::start().await;
        let adc = plain(dir.path(), &[backend.addr]).await;
        let mut client = connect(&adc).await;

        for path in ["/", "/who", "/none", "/stream", "/", "/"] {
            let (status, _) = client.get("a", path).await;
            assert!(status == 200 || status == 204);
        }
        let head = Request::head("/who")
            .header("Host", "a")
            .body(Full::default())
            .unwrap();
        let response = client.sender.send_request(head).await.unwrap();
        assert_eq!(response.headers()["content-length"], "7");
        assert_eq!(text(response).await, (200, String::new()));
        assert_eq!(client.get("a", "/").await.1, "hello");

        assert_eq!(backend.connections(), 1);
        let old = exchange_raw(adc.addr("v"), b"GET /who HTTP/1.0\r\n\r\n").await;
        assert!(
            old.starts_with("HTTP/1.0 200") || old.starts_with("HTTP/1.1 200"),
            "{old}"
        );
        assert!(
            backend
                .requests()
                .last()
                .unwrap()
                .contains(&format!("host: {}", backend.addr))
        );
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn bodies_are_streamed_with_trailers_both_ways() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::start().await;
        let adc = plain(dir.path(), &[backend.addr]).await;
        let mut client = connect(&adc).await;

        let request = Request::get("/trailers").header("Host", "a").header("TE", "trailers");
        let request = request.body(Full::default()).unwrap();
        let response = client.sender.send_request(request).await.unwrap();
        let collected = response.into_body().collect().await.unwrap();
        assert_eq!(collected.trailers().unwrap()["x-sum"], "42");

        let upload = "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\
                      Trailer: x-sum\r\n\r\n3\r\nabc\r\n0\r\nx-sum: 7\r\n\r\n";
        let answer = exchange_raw(adc.addr("v"), upload.as_bytes()).await;
        assert!(answer.contains("x-trailer-x-sum: 7") && answer.contains("abc"), "{answer}");
        let big = Full::from(vec![7u8; 900 << 10]);
        let request = Request::post("/echo").header("Host", "a").body(big).unwrap();
        let response = client.sender.send_request(request).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), 900 << 10);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_client_that_expects_100_is_told_to_continue() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::start().await;
        let adc = plain(dir.path(), &[backend.addr]).await;
        let mut stream = TcpStream::connect(adc.addr("v")).await.unwrap();
        let head = "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut interim = vec![0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
        stream.read_exact(&mut interim).await.unwrap();
        assert_eq!(String::from_utf8_lossy(&interim), "HTTP/1.1 100 Continue\r\n\r\n");

        stream.write_all(b"abc").await.unwrap();

        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("abc"), "{answer}");
        assert!(!backend.requests()[0].contains("expect"));
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn clients_that_say_nothing_are_let_go() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let adc = Setup::new(dir.path())
            .vserver("tls", "SSL", &[])
            .vserver("http", "HTTP", &[])
            .limits(|limits| {
                limits.handshake_timeout = Duration::from_millis(200);
                limits.client_idle = Duration::from_millis(200);
                limits.handshakes = 2;
            })
            .start()
            .await;
        for (vserver, beginning) in [
            ("tls", &b""[..]),
            ("tls", b"\x16\x03\x01"),
            ("tls", b"GET / HTTP/1.1\r\n\r\n"),
            ("http", b""),
            ("http", b"GET / HTTP/1.1\r\nHost: a"),
        ] {
            let waiting = (0..4).map(|_| exchange_raw(adc.addr(vserver), beginning));
            futures_util::future::join_all(waiting).await;
        }
        eventually("no connection is left", SOON, async || {
            let metrics = adc.handle.metrics_text();
            metrics
                .contains("connections{vserver=\"tls\"} 0")
                .then_some(())
        })
        .await;
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn requests_go_around_the_services_and_past_one_that_is_down() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (Backend::named("a").await, Backend::named("b").await);
        let dead = {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            listener.local_addr().unwrap()
        };
        let adc = plain(dir.path(), &[a.addr, dead, b.addr]).await;
        let mut client = connect(&adc).await;

        let mut seen = Vec::new();
        for _ in 0..6 {
            let (status, who) = client.get("x", "/who").await;
            assert_eq!(status, 200);
            seen.push(who);
        }

        assert!(
            seen.contains(&"a".to_owned()) && seen.contains(&"b".to_owned()),
            "{seen:?}"
        );
        let services = &adc.handle.status().vservers[0].services;
        assert_eq!(
            services.iter().map(|s| s.up).collect::<Vec<_>>(),
            [true, false, true]
        );
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_service_that_fails_is_answered_for_with_a_reason() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let dead = TcpListener::bind(("127.0.0.1", 0))
            .await
            .unwrap()
            .local_addr()
            .unwrap();
        let rude = ScriptedBackend::start(|_| vec!["this is no HTTP\r\n\r\n"]).await;
        let slow = Backend::start().await;
        let switch =
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n";
        let switch = ScriptedBackend::start(move |_| vec![switch]).await;
        let setup = Setup::new(dir.path())
            .vserver("none", "HTTP", &[])
            .vserver("dead", "HTTP", &[dead])
            .vserver("rude", "HTTP", &[rude.addr])
            .vserver("slow", "HTTP", &[slow.addr])
            .vserver("switch", "HTTP", &[switch.addr])
            .limits(|limits| limits.response_timeout = Duration::from_millis(300));
        let adc = setup.start().await;
        for (vserver, status, reason) in [
            ("none", "503", "no service"),
            ("dead", "502", "no connection"),
            ("rude", "502", "usable answer"),
            ("slow", "504", "in time"),
            ("switch", "502", "usable answer"),
        ] {
            let request = b"GET /slow-head HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
            let answer = exchange_raw(adc.addr(vserver), request).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status}")),
                "{vserver}: {answer}"
            );
            assert!(answer.contains(reason), "{vserver}: {answer}");
        }
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_stale_connection_is_replaced_without_the_client_noticing() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        // Every connection answers once, promises to stay, and closes when the next request comes.
        let stale =
            ScriptedBackend::start(|_| vec!["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ""])
                .await;
        let adc = plain(dir.path(), &[stale.addr]).await;
        let mut client = connect(&adc).await;

        for _ in 0..5 {
            assert_eq!(client.get("a", "/").await, (200, "ok".into()));
        }

        assert_eq!(stale.connections(), 5);
        // A request that may change something is not repeated once it was sent.
        let post = Request::post("/")
            .header("Host", "a")
            .body(Full::from("x"))
            .unwrap();
        assert_eq!(
            text(client.sender.send_request(post).await.unwrap())
                .await
                .0,
            502
        );
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn bodies_that_are_too_long_or_stop_arriving_end_the_exchange() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::start().await;
        let adc = plain(dir.path(), &[backend.addr]).await;
        let head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let chunk = format!("{:x}\r\n{}\r\n", 64 << 10, "x".repeat(64 << 10));
        let endless = format!("{head}{}", chunk.repeat(20));

        let answer = exchange_raw(adc.addr("v"), endless.as_bytes()).await;
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 413"),
            "{answer}"
        );
        let answer = exchange_raw(adc.addr("v"), format!("{head}3\r\nabc").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");

        let began = Instant::now();
        let request = b"GET /stuck-body HTTP/1.1\r\nHost: a\r\n\r\n";
        let answer = exchange_raw(adc.addr("v"), request).await;
        assert!(
            answer.contains("begin") && !answer.ends_with("0\r\n\r\n"),
            "{answer}"
        );
        assert!(began.elapsed() < Duration::from_secs(10));
        adc.stop().await;
    })
    .await;
}
