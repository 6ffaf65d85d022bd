//! Content inspection against a scripted ICAP server: what comes through, and what happens when it does not work.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use evercert_types::KeyAlgorithm;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::authority::TestCa;
use crate::backend::Backend;
use crate::client::{Tls, TlsOptions, exchange_raw, text};
use crate::icap_server::IcapServer;
use crate::world::{Setup, TestAdc, eventually, within};

/// Lines for one policy with a profile and an action of its own.
pub(crate) fn policy(name: &str, server: SocketAddr, profile: &str, action: &str) -> String {
    format!(
        "add ns icapProfile {name} {profile}
         add contentInspection action {name} -type ICAP -serverIP {} -serverPort {} -icapProfileName {name} {action}
         add contentInspection policy {name} -rule TRUE -action {name}",
        server.ip(),
        server.port()
    )
}

/// A vserver `v` whose requests one service of the ICAP server sees.
pub(crate) async fn requests(
    dir: &std::path::Path,
    backend: &Backend,
    icap: SocketAddr,
    uri: &str,
    more: [&str; 2],
) -> TestAdc {
    let profile = format!("-uri /{uri} -mode REQMOD {}", more[0]);
    Setup::new(dir)
        .vserver("v", "HTTP", &[backend.addr])
        .conf(&format!(
            "enable ns feature ContentInspection\n{}\nbind lb vserver v -policyName p -priority 1 -type REQUEST",
            policy("p", icap, &profile, more[1])
        ))
        .start()
        .await
}

/// As [`requests`], for answers.
pub(crate) async fn answers(
    dir: &std::path::Path,
    backend: &Backend,
    icap: SocketAddr,
    uri: &str,
    more: [&str; 2],
) -> TestAdc {
    let profile = format!("-uri /{uri} -mode RESPMOD {}", more[0]);
    Setup::new(dir)
        .vserver("v", "HTTP", &[backend.addr])
        .conf(&format!(
            "enable ns feature CI\n{}\nbind lb vserver v -policyName p -priority 1 -type RESPONSE",
            policy("p", icap, &profile, more[1])
        ))
        .start()
        .await
}

pub(crate) async fn ask(
    addr: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, hyper::Error> {
    let tcp = TcpStream::connect(addr).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(request).await
}

pub(crate) async fn post(
    addr: SocketAddr,
    body: impl Into<Bytes>,
) -> Result<Response<Incoming>, hyper::Error> {
    let request = Request::post("/echo").header("Host", "shop.example");
    ask(addr, request.body(Full::new(body.into())).unwrap()).await
}

pub(crate) async fn get(addr: SocketAddr, path: &str) -> Result<Response<Incoming>, hyper::Error> {
    let request = Request::get(path).header("Host", "shop.example");
    ask(addr, request.body(Full::default()).unwrap()).await
}

pub(crate) fn long(length: usize) -> Bytes {
    (0..length)
        .map(|i| b'a' + u8::try_from(i % 23).unwrap_or(0))
        .collect()
}

const PREVIEW: &str = "-preview ENABLED -previewLength 4096";

#[tokio::test]
async fn the_server_learns_of_request_client_and_profile() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (icap, backend) = (IcapServer::start().await, Backend::start().await);
        let profile = r#"-hostHeader av.example -userAgent adc/1 -queryParams site=4 -insertICAPHeaders "\"X-Site: 4\r\nX-Path: \" + HTTP.REQ.URL""#;
        let adc = requests(dir.path(), &backend, icap.addr, "pass", [profile, ""]).await;

        let (status, body) = text(post(adc.addr("v"), "hello").await.unwrap()).await;

        assert_eq!((status, body.as_str()), (200, "hello"));
        let seen = icap.last();
        assert!(seen.head.starts_with("reqmod icap://av.example/pass?site=4 icap/1.0\r\n"), "{}", seen.head);
        for line in ["host: av.example", "user-agent: adc/1", "x-client-ip: 127.0.0.1", "x-site: 4", "allow: 204"] {
            assert!(seen.head.contains(&format!("\r\n{line}\r\n")), "{line}: {}", seen.head);
        }
        assert!(seen.request.starts_with("POST /echo HTTP/1.1\r\n"), "{}", seen.request);
        assert!(seen.request.contains("\r\nhost: shop.example\r\n") && seen.request.contains("\r\ncontent-length: 5\r\n"));
        // What passes as it was has its length still.
        assert!(backend.requests()[0].contains("content-length: 5"));
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_request_is_changed_whatever_its_length() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (icap, backend) = (IcapServer::start().await, Backend::start().await);
        for profile in [
            "",
            PREVIEW,
            "-allow204 DISABLED",
            "-connectionKeepAlive DISABLED",
        ] {
            let adc = requests(dir.path(), &backend, icap.addr, "change", [profile, ""]).await;
            for length in [0, 1, 1023, 1024, 1025, 100_000, 10 << 20] {
                let body = long(length);
                let response = post(adc.addr("v"), body.clone()).await.unwrap();
                let changed = response.into_body().collect().await.unwrap().to_bytes();

                let expected = [&body.to_ascii_uppercase()[..], b"!"].concat();
                assert!(
                    changed == expected,
                    "{profile}, {length}: {} bytes",
                    changed.len()
                );
                assert!(
                    backend
                        .requests()
                        .last()
                        .unwrap()
                        .contains("x-inspected: yes")
                );
                let preview = (profile == PREVIEW && length > 0).then_some(length.min(1024));
                assert_eq!(icap.last().preview, preview, "{profile}, {length}");
            }
            adc.stop().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_answer_is_changed_whatever_its_length() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (icap, backend) = (IcapServer::start().await, Backend::start().await);
        for profile in ["", PREVIEW] {
            let adc = answers(dir.path(), &backend, icap.addr, "respchange", [profile, ""]).await;
            for path in ["/who", "/stream", "/trailers"] {
                let response = get(adc.addr("v"), path).await.unwrap();
                assert_eq!(response.headers()["x-inspected"], "yes");
                let body = response.into_body().collect().await.unwrap().to_bytes();
                let seen = icap.last();
                assert_eq!(body, [&seen.body.to_ascii_uppercase()[..], b"!"].concat());
                assert!(
                    seen.request
                        .starts_with(&format!("GET {path} HTTP/1.1\r\n"))
                );
                assert!(seen.response.starts_with("HTTP/1.1 200 OK\r\n"));
            }
            let bodiless = get(adc.addr("v"), "/none").await.unwrap();
            assert_eq!(bodiless.status(), 204);
            adc.stop().await;
        }
        let adc = answers(dir.path(), &backend, icap.addr, "resplate", ["", ""]).await;
        let response = get(adc.addr("v"), "/who").await.unwrap();
        assert_eq!(response.headers()["content-length"], "7");
        assert_eq!(text(response).await.1, "backend");
        let head = Request::head("/who")
            .header("Host", "x")
            .body(Full::default())
            .unwrap();
        let response = ask(adc.addr("v"), head).await.unwrap();
        assert_eq!(response.headers()["content-length"], "7");
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_page_takes_the_place_of_the_service() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (icap, backend) = (IcapServer::start().await, Backend::start().await);
        for profile in ["", PREVIEW] {
            let adc = requests(dir.path(), &backend, icap.addr, "block", [profile, ""]).await;
            for length in [0, 10, 5000] {
                let (status, body) = text(post(adc.addr("v"), long(length)).await.unwrap()).await;
                assert_eq!(
                    (status, body.as_str()),
                    (403, "blocked"),
                    "{profile} {length}"
                );
            }
            adc.stop().await;
        }
        assert_eq!(backend.connections(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_late_no_is_answered_from_what_was_kept_and_not_invited_for_more() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (icap, backend) = (IcapServer::start().await, Backend::start().await);
        for profile in ["", PREVIEW] {
            let adc = requests(dir.path(), &backend, icap.addr, "late", [profile, ""]).await;
            let body = long(1 << 20);
            let response = post(adc.addr("v"), body.clone()).await.unwrap();
            assert!(response.into_body().collect().await.unwrap().to_bytes() == body);
            assert!(icap.last().head.contains("\r\nallow: 204\r\n"));

            // 204 all the same: without the body there is nothing to send on, and the exchange ends.
            post(adc.addr("v"), long((1 << 20) + 1)).await.unwrap_err();
            assert!(!icap.last().head.contains("\r\nallow: 204\r\n"));
            adc.stop().await;
        }
        // Within the preview 204 is always welcome, and the rest never leaves the client's connection.
        let adc = requests(dir.path(), &backend, icap.addr, "pass", [PREVIEW, ""]).await;
        let body = long(3 << 20);
        let response = post(adc.addr("v"), body.clone()).await.unwrap();
        assert!(response.into_body().collect().await.unwrap().to_bytes() == body);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_body_comes_back_while_it_is_still_being_sent() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (icap, backend) = (IcapServer::start().await, Backend::start().await);
        let adc = requests(dir.path(), &backend, icap.addr, "echo", ["", ""]).await;
        let part = long(64 << 10);
        let frames = (0..160).map({
            let part = part.clone();
            move |_| Ok::<_, std::io::Error>(Frame::data(part.clone()))
        });
        let tcp = TcpStream::connect(adc.addr("v")).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await.unwrap();
        tokio::spawn(connection);
        let body = StreamBody::new(futures_util::stream::iter(frames));
        let request = Request::post("/echo")
            .header("Host", "x")
            .body(body)
            .unwrap();

        let response = sender.send_request(request).await.unwrap();

        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(body.len(), 160 * part.len());
        assert!(body.chunks(part.len()).all(|got| got == part));
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn connections_are_used_again_up_to_the_servers_limit() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (icap, backend) = (IcapServer::start().await, Backend::start().await);
        let adc = requests(dir.path(), &backend, icap.addr, "busy", ["", ""]).await;
        let addr = adc.addr("v");

        let posts = (0..20).map(|i| async move {
            let body = format!("body {i}");
            let (status, text) = text(post(addr, body.clone()).await.unwrap()).await;
            assert_eq!((status, text), (200, body));
        });
        futures_util::future::join_all(posts).await;

        assert_eq!(icap.seen().len(), 20);
        // One for OPTIONS and all messages: more were not allowed. Asked at once, several may ask for the options.
        assert!(
            icap.connections() <= icap.options(),
            "{} connections",
            icap.connections()
        );
        // A change elsewhere leaves the connections alone.
        let before = icap.connections();
        adc.run("set lb vserver v -cltTimeout 99").await;
        post(addr, "x").await.unwrap();
        assert_eq!(icap.connections(), before);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn many_messages_at_once_stay_apart() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (icap, backend) = (IcapServer::start().await, Backend::start().await);
        let adc = requests(dir.path(), &backend, icap.addr, "change", [PREVIEW, ""]).await;
        let addr = adc.addr("v");

        let posts = (0..100usize).map(|i| async move {
            let body = vec![b'a' + u8::try_from(i % 26).unwrap_or(0); 10 + i * 211];
            let response = post(addr, body.clone()).await.unwrap();
            let changed = response.into_body().collect().await.unwrap().to_bytes();
            assert_eq!(changed, [&body.to_ascii_uppercase()[..], b"!"].concat());
        });
        futures_util::future::join_all(posts).await;
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn the_servers_wishes_are_followed_and_asked_for_again() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (icap, backend) = (IcapServer::start().await, Backend::start().await);
        let adc = requests(dir.path(), &backend, icap.addr, "ignoring", ["", ""]).await;
        get(adc.addr("v"), "/a.jpg").await.unwrap();
        assert!(icap.seen().is_empty());
        get(adc.addr("v"), "/a.html").await.unwrap();
        assert_eq!(icap.seen().len(), 1);
        assert_eq!(icap.options(), 1);
        adc.stop().await;

        let adc = requests(dir.path(), &backend, icap.addr, "fresh", ["", ""]).await;
        eventually(
            "the options are asked for again",
            Duration::from_secs(20),
            async || {
                get(adc.addr("v"), "/").await.unwrap();
                (icap.options() >= 3).then_some(())
            },
        )
        .await;
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn who_waits_for_100_continue_is_judged_by_the_head() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (icap, backend) = (IcapServer::start().await, Backend::start().await);
        let adc = requests(dir.path(), &backend, icap.addr, "block", [PREVIEW, ""]).await;

        let head =
            b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
        let answer = exchange_raw(adc.addr("v"), head).await;

        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        assert_eq!(icap.last().preview, Some(0));
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn websockets_are_judged_by_their_request_and_event_streams_pass() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (icap, backend) = (IcapServer::start().await, Backend::start().await);
        let adc = requests(dir.path(), &backend, icap.addr, "pass", ["", ""]).await;
        let upgrade = "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
        let (mut stream, answer) = open(adc.addr("v"), upgrade).await;
        assert!(answer.starts_with("HTTP/1.1 101"), "{answer}");
        stream.write_all(b"ping").await.unwrap();
        let mut echo = [0; 4];
        stream.read_exact(&mut echo).await.unwrap();
        assert_eq!(&echo, b"ping");
        assert!(icap.last().request.starts_with("GET /ws HTTP/1.1\r\n"));
        drop(stream);
        adc.stop().await;

        let adc = requests(dir.path(), &backend, icap.addr, "block", ["", ""]).await;
        let (_, answer) = open(adc.addr("v"), upgrade).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        adc.stop().await;
        let adc = answers(dir.path(), &backend, icap.addr, "resplate", ["", ""]).await;
        let mut events = get(adc.addr("v"), "/events").await.unwrap().into_body();
        let first = events.frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "begin");
        drop(events);
        adc.stop().await;
    })
    .await;
}

/// Sends bytes and reads the head of the answer.
async fn open(addr: SocketAddr, text: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    (stream, String::from_utf8(answer).unwrap())
}

#[tokio::test]
async fn http2_clients_with_certificates_are_inspected_too() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let ca = TestCa::new();
        let (icap, backend) = (IcapServer::start().await, Backend::start().await);
        ca.files(dir.path(), "server", "a.example", KeyAlgorithm::EcdsaP256);
        std::fs::write(dir.path().join("ca.pem"), ca.root.certificate().to_pem()).unwrap();
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[backend.addr])
            .conf(&format!(
                "add ssl certKey server -cert server.pem -key server.key
                 add ssl certKey clients -cert ca.pem
                 bind ssl vserver v -certkeyName server
                 bind ssl vserver v -certkeyName clients -CA
                 set ssl vserver v -clientAuth ENABLED -clientCert Mandatory
                 enable ns feature CI
                 {}
                 {}
                 bind lb vserver v -policyName q -priority 1 -type REQUEST
                 bind lb vserver v -policyName r -priority 1 -type RESPONSE",
                policy("q", icap.addr, "-uri /change -mode REQMOD", ""),
                policy("r", icap.addr, "-uri /respchange -mode RESPMOD", ""),
            ))
            .start()
            .await;
        let tls = Tls::new(TlsOptions {
            alpn: &[b"h2"],
            identity: Some(ca.client("alice")),
            ..TlsOptions::default()
        });
        let mut sender = tls.http2(adc.addr("v"), "a.example").await;
        let request = Request::post("https://a.example/echo")
            .header("te", "trailers")
            .body(Full::new(Bytes::from("hello")))
            .unwrap();

        let (status, body) = text(sender.send_request(request).await.unwrap()).await;

        assert_eq!((status, body.as_str()), (200, "HELLO!!"));
        let seen = icap.seen();
        assert!(
            seen[0].request.starts_with("POST /echo HTTP/1.1\r\n"),
            "{}",
            seen[0].request
        );
        assert!(seen[0].request.contains("\r\nhost: a.example\r\n"));
        let user = seen[0].head.split("\r\nx-authenticated-user: ").nth(1);
        assert!(user.is_some(), "{}", seen[0].head);
        assert!(
            !seen[0].request.contains("\r\nte:") && backend.requests()[0].contains("te: trailers")
        );
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn rules_choose_what_is_inspected_also_behind_content_switching() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (icap, backend) = (IcapServer::start().await, Backend::start().await);
        let profile = "-uri /change -mode REQMOD";
        let adc = Setup::new(dir.path())
            .vserver("v", "HTTP", &[backend.addr])
            .later("c")
            .conf(&format!(
                "enable ns feature CI CS LB
                 {}
                 set contentInspection policy p -rule \"HTTP.REQ.METHOD.EQ(POST) && HTTP.REQ.HOSTNAME.EQ(\\\"shop.example\\\")\"
                 add cs vserver c HTTP 127.0.0.1 499
                 bind cs vserver c -lbvserver v
                 bind cs vserver c -policyName p -priority 1 -type REQUEST",
                policy("p", icap.addr, profile, "")
            ))
            .start()
            .await;

        assert_eq!(text(post(adc.addr("c"), "x").await.unwrap()).await.1, "X!");
        assert_eq!(text(get(adc.addr("c"), "/who").await.unwrap()).await.1, "backend");
        assert_eq!(text(post(adc.addr("v"), "x").await.unwrap()).await.1, "x");
        assert_eq!(icap.seen().len(), 1);
        adc.stop().await;
    })
    .await;
}
