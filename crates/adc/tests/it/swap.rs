//! Certificates that change under load, and stopping without a dropped request.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use evercert_adc::Drained;
use http::Request;
use http_body_util::Full;

use crate::authority::{ItemSpec, TestCa};
use crate::backend::Backend;
use crate::client::{Tls, TlsOptions, text};
use crate::console::FakeConsole;
use crate::world::{SOON, Setup, eventually, within};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_renewals_under_twenty_clients_fail_no_handshake_and_no_request() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca, backend) = (
            FakeConsole::start().await,
            TestCa::new(),
            Backend::start().await,
        );
        let mut spec = ItemSpec::new("a.example *.b.example");
        console.put([ca.item(&spec)], ca.chains());
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[backend.addr])
            .console(&console)
            .start()
            .await;
        adc.active(1).await;
        let addr = adc.addr("v");
        let stop = Arc::new(AtomicBool::new(false));
        let count = Arc::new(AtomicU64::new(0));
        let clients: Vec<_> = (0..20)
            .map(|number| {
                let (stop, count) = (stop.clone(), count.clone());
                tokio::spawn(async move {
                    let name = ["a.example", "x.b.example"][number % 2];
                    let alpn: &'static [&'static [u8]] =
                        if number % 4 < 2 { &[b"h2"] } else { &[] };
                    while !stop.load(Ordering::Relaxed) {
                        // A new client each time: a full handshake.
                        let tls = Tls::new(TlsOptions {
                            alpn,
                            ..TlsOptions::default()
                        });
                        if alpn.is_empty() {
                            let mut client = tls.http1(addr, name).await;
                            for _ in 0..3 {
                                assert_eq!(client.get(name, "/").await.0, 200);
                            }
                        } else {
                            let mut sender = tls.http2(addr, name).await;
                            let request = Request::get(format!("https://{name}/"));
                            let request = request.body(Full::<Bytes>::default()).unwrap();
                            assert_eq!(
                                text(sender.send_request(request).await.unwrap()).await.0,
                                200
                            );
                        }
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();

        let mut last = None;
        for _ in 0..50 {
            spec = spec.next();
            let item = ca.item(&spec);
            let revision = console.put([item.clone()], ca.chains());
            adc.at_revision(revision).await;
            last = Some(item);
        }
        let last = last.unwrap();
        eventually("the last generation is observed", SOON, async || {
            (console.observed(last.id, last.generation) > 0).then_some(())
        })
        .await;
        stop.store(true, Ordering::Relaxed);
        for client in clients {
            client.await.expect("no handshake and no request failed");
        }

        assert!(count.load(Ordering::Relaxed) >= 50);
        assert_eq!(Tls::plain().leaf(addr, "a.example").await, last.fingerprint);
        let metrics = adc.handle.metrics_text();
        assert!(metrics.contains("result=\"failed\"} 0"), "{metrics}");
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn requests_under_way_are_finished_before_the_instance_stops() {
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
        let addr = adc.addr("v");
        let mut one = Tls::plain().http1(addr, "a.example").await;
        let idle = Tls::plain().http1(addr, "a.example").await;
        let h2 = Tls::new(TlsOptions {
            alpn: &[b"h2"],
            ..TlsOptions::default()
        });
        let mut two = h2.http2(addr, "a.example").await;
        let request = Request::get("https://a.example/pause")
            .body(Full::<Bytes>::default())
            .unwrap();
        let pending = tokio::spawn(async move {
            let two = async { text(two.send_request(request).await.unwrap()).await };
            tokio::join!(one.get("a.example", "/pause"), two)
        });
        eventually("both requests are under way", SOON, async || {
            (backend.requests().len() == 2).then_some(())
        })
        .await;

        let drained = adc.handle.shutdown(Duration::from_secs(20)).await;

        assert_eq!(drained, Drained::Completely);
        let ok = (200, "paused".to_owned());
        assert_eq!(pending.await.unwrap(), (ok.clone(), ok));
        assert!(idle.sender.is_closed());
        tokio::net::TcpStream::connect(addr).await.unwrap_err();
    })
    .await;
}

#[tokio::test]
async fn what_does_not_end_in_time_is_cut() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::start().await;
        let adc = Setup::new(dir.path())
            .vserver("v", "HTTP", &[backend.addr])
            .start()
            .await;
        let stream = tokio::net::TcpStream::connect(adc.addr("v")).await.unwrap();
        let mut client = crate::client::Http1::over(stream).await;
        let request = Request::get("/slow-head")
            .header("Host", "a")
            .body(Full::default())
            .unwrap();
        let pending = tokio::spawn(async move { client.sender.send_request(request).await });
        eventually("the request is under way", SOON, async || {
            (backend.requests().len() == 1).then_some(())
        })
        .await;

        let drained = adc.handle.shutdown(Duration::from_millis(200)).await;

        assert_eq!(drained, Drained::Cut(1));
        pending.await.unwrap().unwrap_err();
    })
    .await;
}
