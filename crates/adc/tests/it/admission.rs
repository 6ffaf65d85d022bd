//! Requests as bytes: what an ambiguous one is answered, and that nothing of it reaches a service.

use crate::backend::Backend;
use crate::client::exchange_raw;
use crate::world::{Setup, TestAdc, within};

/// What a client writes, and the status of the first answer.
const REFUSED: &[(&str, &str)] = &[
    ("400", "GET / HTTP/1.1\r\n\r\n"),
    ("400", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
    ("400", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    ("400", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    ("400", "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"),
    ("400", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("400", "GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n"),
    (
        "400",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "400",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    ),
    (
        "400",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    ),
    (
        "400",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    ),
    (
        "400",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc",
    ),
    (
        "400",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
    ),
    (
        "400",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc",
    ),
    (
        "400",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc",
    ),
    (
        "400",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc",
    ),
    (
        "400",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "501",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "400",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "400",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    ),
    (
        "400",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "400",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "400",
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    ("400", "GET / HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n"),
    ("400", "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n"),
    ("400", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("400", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("400", "G\x01T / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (
        "400",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, Host\r\n\r\n",
    ),
    (
        "400",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: x-forwarded-for\r\n\r\n",
    ),
    (
        "400",
        "GET / HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 1\r\n\r\n",
    ),
    (
        "417",
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 1\r\n\r\nx",
    ),
    ("501", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"),
    ("501", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"),
    ("400", "GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
    (
        "413",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n",
    ),
    (
        "400",
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    ),
];

async fn start(dir: &std::path::Path, backend: &Backend) -> TestAdc {
    Setup::new(dir)
        .vserver("v", "HTTP", &[backend.addr])
        .limits(|limits| limits.body_bytes = Some(4096))
        .start()
        .await
}

#[tokio::test]
async fn ambiguous_requests_are_refused_and_reach_no_service() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::start().await;
        let adc = start(dir.path(), &backend).await;
        for (status, bytes) in REFUSED {
            // What is smuggled behind it must not be answered either.
            let smuggled = format!("{bytes}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
            let answer = exchange_raw(adc.addr("v"), smuggled.as_bytes()).await;
            let line = answer.lines().next().unwrap_or_default();
            assert!(
                line.starts_with(&format!("HTTP/1.1 {status}"))
                    || line.starts_with(&format!("HTTP/1.0 {status}")),
                "{bytes:?}: {answer}"
            );
            assert_eq!(answer.matches("HTTP/1.").count(), 1, "{bytes:?}: {answer}");
        }
        assert_eq!(backend.requests(), Vec::<String>::new());
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_bad_request_in_a_pipeline_does_not_spoil_the_ones_before_it() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::start().await;
        let adc = start(dir.path(), &backend).await;
        let good = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        let bad = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";

        let answer = exchange_raw(adc.addr("v"), format!("{good}{good}{bad}{good}").as_bytes()).await;

        let statuses: Vec<&str> = answer.split("HTTP/1.1 ").skip(1).map(|part| &part[..3]).collect();
        assert_eq!(statuses, ["200", "200", "400"], "{answer}");
        assert!(answer.contains("Content-Length and Transfer-Encoding"));
        assert_eq!(backend.requests().len(), 2);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn heads_have_limits() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::start().await;
        let adc = Setup::new(dir.path())
            .vserver("v", "HTTP", &[backend.addr])
            .limits(|limits| (limits.header_bytes, limits.headers) = (16 << 10, 20))
            .start()
            .await;
        let long = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
            "x".repeat(40 << 10)
        );
        let many: String = (0..30).map(|i| format!("X-{i}: 1\r\n")).collect();
        let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{many}\r\n");

        for bytes in [long, many] {
            let answer = exchange_raw(adc.addr("v"), bytes.as_bytes()).await;
            assert!(
                answer.is_empty() || answer.starts_with("HTTP/1.1 431"),
                "{answer}"
            );
        }
        assert_eq!(backend.requests(), Vec::<String>::new());
        adc.stop().await;
    })
    .await;
}
