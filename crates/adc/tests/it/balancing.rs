//! Health, persistence, and what happens when no service is up.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use evercert_types::KeyAlgorithm;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::authority::TestCa;
use crate::backend::Backend;
use crate::client::{Tls, text};
use crate::icap_server::IcapServer;
use crate::nitro::client::Box;
use crate::world::{SOON, Setup, TestAdc, eventually, within};

/// A monitor that looks often and decides at once.
const QUICK: &str = "-interval 20 MSEC -resptimeout 1000 MSEC -retries 1 -downTime 20 MSEC";

/// Answers every request with its status and name, until the status is 0: then it closes.
struct Site {
    addr: SocketAddr,
    status: Arc<AtomicU16>,
    probes: Arc<AtomicUsize>,
}

impl Site {
    async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (status, probes) = (Arc::new(AtomicU16::new(200)), Arc::new(AtomicUsize::new(0)));
        let (answering, probed) = (status.clone(), probes.clone());
        tokio::spawn(async move {
            while let Ok((mut tcp, _)) = listener.accept().await {
                let status = answering.load(Ordering::SeqCst);
                let mut head = Vec::new();
                while status != 0 && !head.ends_with(b"\r\n\r\n") {
                    match tcp.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => break,
                    }
                }
                if head.starts_with(b"HEAD ") || head.starts_with(b"GET /health") {
                    probed.fetch_add(1, Ordering::SeqCst);
                }
                if status != 0 && !head.is_empty() {
                    let answer = format!(
                        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nLocation: http://a.example/next\r\n\
                         Connection: close\r\n\r\n{name}",
                        name.len()
                    );
                    tcp.write_all(answer.as_bytes()).await.unwrap_or_default();
                }
            }
        });
        Self {
            addr,
            status,
            probes,
        }
    }

    fn says(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }
}

async fn ask(addr: SocketAddr, path: &str, cookie: Option<&str>) -> Response<Incoming> {
    let tcp = TcpStream::connect(addr).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(tcp)).await.unwrap();
    tokio::spawn(connection);
    let mut request = Request::get(path).header("Host", "a.example");
    if let Some(cookie) = cookie {
        request = request.header("Cookie", cookie);
    }
    let request = request.body(Full::<Bytes>::default()).unwrap();
    sender.send_request(request).await.unwrap()
}

async fn who(addr: SocketAddr) -> (u16, String) {
    text(ask(addr, "/who", None).await).await
}

/// Waits until the vserver answers so.
async fn answers(adc: &TestAdc, vserver: &str, status: u16, body: &str) {
    let addr = adc.addr(vserver);
    eventually(
        &format!("{vserver} answers {status} {body}"),
        SOON,
        async || {
            let (got, text) = who(addr).await;
            (got == status && (body.is_empty() || text == body)).then_some(())
        },
    )
    .await;
}

fn service(name: &str, site: &Site) -> String {
    format!("add service {name} 127.0.0.1 HTTP {}\n", site.addr.port())
}

#[tokio::test]
async fn a_service_goes_down_and_comes_back_as_its_http_monitor_sees_it() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (Site::start("a").await, Site::start("b").await);
        let adc = Setup::new(dir.path())
            .vserver("v", "HTTP", &[])
            .conf(&format!(
                "{}{}add lb monitor m HTTP -httpRequest \"HEAD /health\" -respCode 200-204 {QUICK}
                 bind service sa -monitorName m
                 bind lb monitor m sb
                 bind lb vserver v sa
                 bind lb vserver v sb",
                service("sa", &a),
                service("sb", &b)
            ))
            .start()
            .await;
        answers(&adc, "v", 200, "a").await;
        answers(&adc, "v", 200, "b").await;

        a.says(503);
        adc.until("the service is down", |status| {
            let services = &status.vservers[0].services;
            !services[0].up && services[1].up
        })
        .await;
        for _ in 0..6 {
            assert_eq!(who(adc.addr("v")).await.1, "b");
        }
        b.says(500);
        answers(&adc, "v", 503, "").await;
        a.says(204);
        answers(&adc, "v", 204, "").await;
        // A monitor that is taken away decides nothing any more, and probes no more.
        adc.run("unbind lb monitor m sb\nset service sb -healthMonitor NO")
            .await;
        b.says(200);
        answers(&adc, "v", 200, "b").await;
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn monitors_of_every_kind_look_and_tell() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let site = Site::start("pattern").await;
        let mut setup = Setup::new(dir.path());
        let kinds = [
            ("tcp", "TCP", true),
            ("ping", "PING", true),
            ("http", "HTTP -respCode 200", true),
            ("wrong", "HTTP -respCode 302", false),
            ("ecv", "HTTP-ECV -send \"GET /health\" -recv pattern", true),
            (
                "absent",
                "HTTP-ECV -send \"GET /health\" -recv nowhere",
                false,
            ),
            (
                "raw",
                "TCP-ECV -send \"GET /health HTTP/1.0\\\\r\\\\n\\\\r\\\\n\" -recv \"200 X\"",
                true,
            ),
            ("reverse", "TCP -reverse YES", false),
            ("elsewhere", "TCP -destIP 127.0.0.1 -destPort 1", false),
            ("tls", "TCP -secure YES", false),
        ];
        for (name, kind, _) in kinds {
            setup = setup
                .vserver(&format!("v_{name}"), "HTTP", &[])
                .conf(&format!(
                    "add server h_{name} localhost
                 add service s_{name} h_{name} HTTP {}
                 add lb monitor m_{name} {kind} {QUICK}
                 bind service s_{name} -monitorName m_{name}
                 bind lb vserver v_{name} s_{name}",
                    site.addr.port()
                ));
        }
        let adc = setup.start().await;
        for (name, _, up) in kinds {
            let vserver = format!("v_{name}");
            match up {
                true => answers(&adc, &vserver, 200, "pattern").await,
                false => answers(&adc, &vserver, 503, "").await,
            }
        }
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_probe_that_is_late_has_failed() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::start().await;
        let adc = Setup::new(dir.path())
            .vserver("v", "HTTP", &[])
            .conf(&format!(
                "add service s 127.0.0.1 HTTP {}
                 add lb monitor m HTTP -httpRequest \"GET /slow-head\" -interval 20 MSEC -resptimeout 30 MSEC -retries 2
                 bind service s -monitorName m
                 bind lb vserver v s",
                backend.addr.port()
            ))
            .start()
            .await;
        answers(&adc, "v", 503, "").await;
        adc.run("set lb monitor m HTTP -httpRequest \"GET /\"").await;
        answers(&adc, "v", 200, "backend").await;
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_backup_takes_over_then_a_url() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (main, spare) = (Site::start("main").await, Site::start("spare").await);
        let adc = Setup::new(dir.path())
            .vserver("v", "HTTP", &[])
            .vserver("b", "HTTP", &[])
            .conf(&format!(
                "{}{}add lb monitor m HTTP {QUICK}
                 bind service main -monitorName m
                 bind service spare -monitorName m
                 bind lb vserver v main
                 bind lb vserver b spare
                 set lb vserver v -backupVServer b -redirectURL https://sorry.example",
                service("main", &main),
                service("spare", &spare)
            ))
            .start()
            .await;
        answers(&adc, "v", 200, "main").await;

        main.says(500);
        answers(&adc, "v", 200, "spare").await;
        spare.says(500);
        answers(&adc, "v", 302, "").await;
        let response = ask(adc.addr("v"), "/a?b=c", None).await;
        assert_eq!(
            response.headers()["location"],
            "https://sorry.example/a?b=c"
        );
        adc.run("unset lb vserver v -redirectURL").await;
        answers(&adc, "v", 503, "").await;
        main.says(200);
        answers(&adc, "v", 200, "main").await;
        let warnings = adc.handle.status().warnings.join("\n");
        assert!(!warnings.contains("no effect"), "{warnings}");
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn clients_stay_by_cookie_or_address() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (Backend::named("a").await, Backend::named("b").await);
        let adc = Setup::new(dir.path())
            .vserver("c", "HTTP", &[a.addr, b.addr])
            .vserver("s", "HTTP", &[a.addr, b.addr])
            .conf(
                "set lb vserver c -persistenceType COOKIEINSERT -timeout 0
                 set lb vserver s -persistenceType SOURCEIP -timeout 2",
            )
            .start()
            .await;
        let response = ask(adc.addr("c"), "/who", None).await;
        let set = response.headers()["set-cookie"]
            .to_str()
            .unwrap()
            .to_owned();
        assert!(
            set.starts_with("NSC_c=") && set.contains("HttpOnly"),
            "{set}"
        );
        let (_, first) = text(response).await;
        let cookie = set.split(';').next().unwrap();
        for _ in 0..4 {
            let response = ask(adc.addr("c"), "/who", Some(cookie)).await;
            assert!(!response.headers().contains_key("set-cookie"));
            assert_eq!(text(response).await.1, first);
        }
        let (_, first) = who(adc.addr("s")).await;
        for _ in 0..4 {
            assert_eq!(who(adc.addr("s")).await.1, first);
        }
        // Other settings of the vserver do not make it forget; a service that is disabled lets go of its clients.
        adc.run("set lb vserver s -cltTimeout 100").await;
        assert_eq!(who(adc.addr("s")).await.1, first);
        let own = if first == "a" { "s_0" } else { "s_1" };
        adc.run(&format!("disable service {own}")).await;
        assert_ne!(who(adc.addr("s")).await.1, first);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn members_of_a_group_are_taken_out_and_put_back() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (Backend::named("a").await, Backend::named("b").await);
        let adc = Setup::new(dir.path())
            .vserver("v", "HTTP", &[])
            .conf(&format!(
                "add serviceGroup g HTTP
                 bind serviceGroup g 127.0.0.1 {}
                 bind serviceGroup g 127.0.0.1 {} -state DISABLED
                 bind lb vserver v g",
                a.addr.port(),
                b.addr.port()
            ))
            .start()
            .await;
        for _ in 0..4 {
            assert_eq!(who(adc.addr("v")).await.1, "a");
        }

        adc.run(&format!(
            "enable serviceGroup g 127.0.0.1 {}",
            b.addr.port()
        ))
        .await;
        answers(&adc, "v", 200, "b").await;
        adc.run(&format!(
            "disable serviceGroup g 127.0.0.1 {}",
            a.addr.port()
        ))
        .await;
        for _ in 0..4 {
            assert_eq!(who(adc.addr("v")).await.1, "b");
        }
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_clear_port_sends_its_clients_to_tls_and_redirects_stay_there() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (ca, site) = (TestCa::new(), Site::start("x").await);
        site.says(302);
        ca.files(dir.path(), "server", "a.example", KeyAlgorithm::EcdsaP256);
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[site.addr])
            .later("v:80")
            .conf(
                "add ssl certKey server -cert server.pem -key server.key
                 bind ssl vserver v -certkeyName server
                 set lb vserver v -redirectFromPort 80
                 set ssl vserver v -sslRedirect ENABLED",
            )
            .start()
            .await;

        let response = ask(adc.addr("v:80"), "/a?b", None).await;
        assert_eq!(response.status(), 302);
        assert_eq!(response.headers()["location"], "https://a.example:401/a?b");
        let mut client = Tls::plain().http1(adc.addr("v"), "a.example").await;
        let request = Request::get("/").header("Host", "a.example");
        let request = request.body(Full::<Bytes>::default()).unwrap();
        let response = client.sender.send_request(request).await.unwrap();
        assert_eq!(response.headers()["location"], "https://a.example/next");

        adc.run("set lb vserver v -httpsRedirectUrl https://www.example.com")
            .await;
        let response = ask(adc.addr("v:80"), "/a?b", None).await;
        assert_eq!(
            response.headers()["location"],
            "https://www.example.com/a?b"
        );
        adc.run("unset lb vserver v -redirectFromPort").await;
        assert!(!adc.handle.vserver_addrs().contains_key("v:80"));
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_service_takes_no_more_than_its_limit() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::start().await;
        let adc = Setup::new(dir.path())
            .vserver("v", "HTTP", &[backend.addr])
            .conf("set service v_0 -maxClient 1")
            .start()
            .await;
        let addr = adc.addr("v");
        let slow = tokio::spawn(async move { ask(addr, "/pause", None).await.status() });
        adc.until("the service is busy", |status| {
            status.vservers[0].services[0].active == 1
        })
        .await;

        assert_eq!(who(addr).await.0, 503);
        assert_eq!(slow.await.unwrap(), 200);
        assert_eq!(who(addr).await.0, 200);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn services_without_a_monitor_of_their_own_are_probed_by_the_default_one() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let site = Site::start("x").await;
        let adc = Setup::new(dir.path())
            .vserver("v", "HTTP", &[])
            .conf(&format!("{}bind lb vserver v s", service("s", &site)))
            .start()
            .await;
        adc.run("set lb monitor tcp-default TCP -interval 20 MSEC -resptimeout 10 MSEC")
            .await;
        answers(&adc, "v", 200, "x").await;
        assert_eq!(
            site.probes.load(Ordering::SeqCst),
            0,
            "a connection is enough"
        );
        assert!(SOON > Duration::ZERO);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn reads_tell_what_monitors_and_inspections_found() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (site, icap) = (Site::start("x").await, IcapServer::start().await);
        let setup = Setup::new(dir.path()).vserver("v", "HTTP", &[]).conf(&format!(
            "{}add lb monitor m HTTP -respCode 200 {QUICK}
             bind service s -monitorName m
             bind lb vserver v s
             enable ns feature CI
             add ns icapProfile p -uri /pass -mode REQMOD
             add contentInspection action a -type ICAP -serverIP 127.0.0.1 -serverPort {} -icapProfileName p
             add contentInspection policy c -rule TRUE -action a
             bind lb vserver v -policyName c -priority 1 -type REQUEST",
            service("s", &site),
            icap.addr.port()
        ));
        let adc = Box::with(setup).await;
        let monitor = async |expected: &str| {
            eventually(expected, SOON, async || {
                let rows = adc.local().get("service_lbmonitor_binding/s").await.ok();
                let row = rows["service_lbmonitor_binding"][0].clone();
                (row["lastresponse"] == expected).then_some(row)
            })
            .await
        };

        let up = monitor("Success - HTTP response code 200 received.").await;
        assert_eq!((&up["monitor_state"], &up["monitorcurrentfailedprobes"]), (&json!("UP"), &json!("0")));
        assert_eq!(who(adc.vserver("v")).await.0, 200);
        site.says(503);
        let down = monitor("Failure - HTTP response code 503 received.").await;
        assert_eq!(down["monitor_state"], "DOWN");
        let rows = adc.local().get("service/s").await.ok();
        assert_eq!(rows["service"][0]["svrstate"], "DOWN");
        // Counters go on when the configuration changes.
        adc.local().put("lbvserver", json!({"lbvserver": {"name": "v", "clttimeout": 99}})).await.ok();
        let rows = adc.local().get("contentinspectionpolicy/c").await.ok();
        assert_eq!(rows["contentinspectionpolicy"][0]["hits"], 1);
        let rows = adc.local().get("contentinspectionaction/a").await.ok();
        assert_eq!(rows["contentinspectionaction"][0]["referencecount"], 1);
        let rows = adc.local().get("lbvserver_contentinspectionpolicy_binding/v").await.ok();
        assert_eq!(rows["lbvserver_contentinspectionpolicy_binding"][0]["policyname"], "c");
        adc.stop().await;
    })
    .await;
}
