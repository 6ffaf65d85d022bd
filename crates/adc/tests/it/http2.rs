//! HTTP/2 clients before HTTP/1.1 services.

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Full};

use crate::authority::{ItemSpec, TestCa};
use crate::backend::Backend;
use crate::client::{Tls, TlsOptions, text};
use crate::console::FakeConsole;
use crate::world::{Setup, TestAdc, within};

fn tls() -> Tls {
    Tls::new(TlsOptions {
        alpn: &[b"h2", b"http/1.1"],
        ..TlsOptions::default()
    })
}

async fn start(dir: &std::path::Path, console: &FakeConsole, backend: &Backend) -> TestAdc {
    let ca = TestCa::new();
    console.put(
        [ca.item(&ItemSpec::new("a.example b.example"))],
        ca.chains(),
    );
    let adc = Setup::new(dir)
        .vserver("v", "SSL", &[backend.addr])
        .vserver("one", "SSL", &[backend.addr])
        .conf(
            "add ns httpProfile h1 -http2 DISABLED
             set lb vserver one -httpProfileName h1",
        )
        .console(console)
        .start()
        .await;
    adc.active(1).await;
    adc
}

#[tokio::test]
async fn streams_share_a_connection_and_are_proxied_side_by_side() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, backend) = (FakeConsole::start().await, Backend::start().await);
        let adc = start(dir.path(), &console, &backend).await;
        let sender = tls().http2(adc.addr("v"), "a.example").await;
        let ask = |path: &str, body: Bytes| {
            let mut sender = sender.clone();
            let request = Request::post(format!("https://a.example{path}"))
                .header("cookie", "a=1")
                .header("cookie", "b=2")
                .header("te", "trailers")
                .body(Full::new(body))
                .unwrap();
            async move { sender.send_request(request).await.unwrap() }
        };

        let bodies: Vec<Bytes> = (0..20u8).map(|i| Bytes::from(vec![i; 40_000])).collect();
        let asked = bodies.iter().map(|body| ask("/echo", body.clone()));
        let answers = futures_util::future::join_all(asked).await;

        for (answer, body) in answers.into_iter().zip(bodies) {
            assert_eq!(answer.version(), Version::HTTP_2);
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), body);
        }
        let seen = &backend.requests()[0];
        assert!(seen.starts_with("POST /echo HTTP/1.1\nconnection: te\ncontent-length: 40000\ncookie: a=1; b=2\nhost: a.example"), "{seen}");
        let trailers = ask("/trailers", Bytes::new()).await.into_body().collect().await.unwrap();
        assert_eq!(trailers.trailers().unwrap()["x-sum"], "42");
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn authority_and_host_must_agree() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, backend) = (FakeConsole::start().await, Backend::start().await);
        let adc = start(dir.path(), &console, &backend).await;
        let mut sender = tls().http2(adc.addr("v"), "a.example").await;
        let mut ask = async |host: &str| {
            let request = Request::get("https://a.example/").header("host", host);
            let request = request.body(Full::default()).unwrap();
            text(sender.send_request(request).await.unwrap()).await.0
        };

        assert_eq!(ask("b.example").await, 400);
        assert_eq!(ask("a.example").await, 200);
        assert_eq!(backend.requests().len(), 1);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_http_profile_may_switch_http_2_off() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, backend) = (FakeConsole::start().await, Backend::start().await);
        let adc = start(dir.path(), &console, &backend).await;

        let stream = tls().connect(adc.addr("one"), "a.example").await.unwrap();

        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
        adc.stop().await;
    })
    .await;
}
