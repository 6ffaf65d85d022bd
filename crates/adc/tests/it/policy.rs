//! Responder policies and content switching over real connections.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::authority::{ItemSpec, TestCa};
use crate::backend::Backend;
use crate::client::{Tls, TlsOptions, exchange_raw};
use crate::console::FakeConsole;
use crate::world::{Setup, TestAdc, within};

const CHALLENGE: &str = "/.well-known/acme-challenge/token-1";

/// What `NetScalerToolkit` makes before it asks for a certificate, and for one authorisation.
const TOOLKIT: &str = r#"enable ns feature LB RESPONDER CS SSL
    add service svc_letsencrypt_cert_dummy 1.2.3.4 HTTP 80 -healthMonitor NO
    add lb vserver lb_letsencrypt_cert HTTP 0.0.0.0 0
    bind lb vserver lb_letsencrypt_cert svc_letsencrypt_cert_dummy
    add cs action csa_letsencrypt -targetLBVserver lb_letsencrypt_cert
    add cs policy csp_letsencrypt -rule q{HTTP.REQ.URL.CONTAINS("well-known/acme-challenge/")} -action csa_letsencrypt
    bind cs vserver cs -policyName csp_letsencrypt -priority 11 -gotoPriorityExpression END
    add responder action rsa_letsencrypt_101 respondwith q{"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\ntoken-1.thumbprint"}
    add responder policy rsp_letsencrypt_101 q{HTTP.REQ.URL.CONTAINS(".well-known/acme-challenge/token-1")} rsa_letsencrypt_101
    bind lb vserver lb_letsencrypt_cert -policyName rsp_letsencrypt_101 -priority 101"#;

async fn get(adc: &TestAdc, vserver: &str, target: &str) -> String {
    let request =
        format!("GET {target} HTTP/1.1\r\nHost: www.example.com\r\nConnection: close\r\n\r\n");
    exchange_raw(adc.addr(vserver), request.as_bytes()).await
}

#[tokio::test]
async fn a_content_switching_vserver_answers_challenges_and_serves_its_default() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::start().await;
        let adc = Setup::new(dir.path())
            .vserver("web", "HTTP", &[backend.addr])
            .later("cs")
            .conf("add cs vserver cs HTTP 192.0.2.1 80\nbind cs vserver cs -lbvserver web")
            .start()
            .await;
        assert!(get(&adc, "cs", "/").await.starts_with("HTTP/1.1 200"));

        adc.run(TOOLKIT).await;
        let answer = get(&adc, "cs", CHALLENGE).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains("content-type: text/plain\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\ntoken-1.thumbprint"), "{answer}");
        assert!(get(&adc, "cs", "/").await.starts_with("HTTP/1.1 200"));
        // Where no responder policy answers, the target would have to, and its only service is nowhere.
        adc.run("unbind lb vserver lb_letsencrypt_cert svc_letsencrypt_cert_dummy")
            .await;
        let other = get(&adc, "cs", "/.well-known/acme-challenge/other").await;
        assert!(other.starts_with("HTTP/1.1 503"), "{other}");

        adc.run("unbind cs vserver cs -policyName csp_letsencrypt")
            .await;
        assert!(get(&adc, "cs", CHALLENGE).await.starts_with("HTTP/1.1 200"));
        adc.run("unbind cs vserver cs -lbvserver web").await;
        assert!(get(&adc, "cs", "/").await.starts_with("HTTP/1.1 503"));
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_disabled_target_is_not_chosen_and_its_bank_still_answers() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::start().await;
        let adc = Setup::new(dir.path())
            .vserver("web", "HTTP", &[backend.addr])
            .later("cs")
            .conf("add cs vserver cs HTTP 192.0.2.1 80\nbind cs vserver cs -lbvserver web")
            .start()
            .await;
        adc.run(TOOLKIT).await;

        adc.run("disable lb vserver web\ndisable lb vserver lb_letsencrypt_cert")
            .await;
        assert!(get(&adc, "cs", "/").await.starts_with("HTTP/1.1 503"));
        assert!(
            get(&adc, "cs", CHALLENGE)
                .await
                .ends_with("token-1.thumbprint")
        );
        adc.run("enable lb vserver web").await;
        assert!(get(&adc, "cs", "/").await.starts_with("HTTP/1.1 200"));
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn drop_closes_without_an_answer_and_reset_resets() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::start().await;
        let adc = Setup::new(dir.path())
            .vserver("v", "HTTP", &[backend.addr])
            .conf(
                r#"enable ns feature RESPONDER
                add responder policy drop q{HTTP.REQ.URL.EQ("/drop")} DROP
                add responder policy reset q{HTTP.REQ.URL.EQ("/reset")} RESET
                bind lb vserver v -policyName drop -priority 1
                bind lb vserver v -policyName reset -priority 2"#,
            )
            .start()
            .await;
        for (path, expected) in [
            ("/drop", None),
            ("/reset", Some(std::io::ErrorKind::ConnectionReset)),
        ] {
            let mut client = TcpStream::connect(adc.addr("v")).await.unwrap();
            let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
            client.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            let outcome = client.read_to_end(&mut answer).await;
            assert_eq!(outcome.err().map(|error| error.kind()), expected, "{path}");
            assert!(answer.is_empty(), "{path}: {answer:?}");
        }
        assert!(get(&adc, "v", "/").await.starts_with("HTTP/1.1 200"));
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn over_http2_policies_answer_one_stream_drop_one_and_reset_the_connection() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, backend, ca) = (FakeConsole::start().await, Backend::start().await, TestCa::new());
        console.put([ca.item(&ItemSpec::new("a.example"))], ca.chains());
        let adc = Setup::new(dir.path())
            .vserver("v", "SSL", &[backend.addr])
            .conf(
                r#"enable ns feature RESPONDER
                add responder action hello respondwith q{"HTTP/1.1 299 Well\r\nConnection: close\r\nX-Host: " + CLIENT.SSL.CLIENT_HELLO.SNI + "\r\n\r\n" + HTTP.REQ.VERSION + CLIENT.SSL.VERSION}
                add responder policy hello q{HTTP.REQ.URL.EQ("/hello") && CLIENT.SSL.IS_SSL} hello
                add responder policy drop q{HTTP.REQ.URL.EQ("/drop")} DROP
                add responder policy reset q{HTTP.REQ.URL.EQ("/reset")} RESET
                bind responder global hello 1 END -type REQ_OVERRIDE
                bind lb vserver v -policyName drop -priority 1
                bind responder global reset 1 END -type REQ_DEFAULT"#,
            )
            .console(&console)
            .start()
            .await;
        adc.active(1).await;
        let tls = Tls::new(TlsOptions { alpn: &[b"h2"], ..TlsOptions::default() });
        let sender = tls.http2(adc.addr("v"), "a.example").await;
        let ask = |path: &str| {
            let mut sender = sender.clone();
            let request = Request::get(format!("https://a.example{path}"));
            let request = request.body(Full::new(Bytes::new())).unwrap();
            async move { sender.send_request(request).await }
        };

        let answer = ask("/hello").await.unwrap();
        assert_eq!(answer.status(), 299);
        assert_eq!(answer.headers()["x-host"], "a.example");
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(&body[..], b"HTTP/2.0772");
        assert!(ask("/drop").await.is_err());
        assert_eq!(ask("/").await.unwrap().status(), 200);
        assert!(ask("/reset").await.is_err());
        assert!(ask("/").await.is_err());
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn rules_over_bodies_see_their_beginning_and_services_all_of_them() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let backend = Backend::start().await;
        let adc = Setup::new(dir.path())
            .vserver("v", "HTTP", &[backend.addr])
            .conf(
                r#"enable ns feature RESPONDER
                add responder action no respondwith q{"HTTP/1.1 403 Forbidden\r\n\r\nno " + HTTP.REQ.BODY(4)}
                add responder policy no q{HTTP.REQ.BODY(10).CONTAINS("evil")} no
                bind lb vserver v -policyName no -priority 1"#,
            )
            .start()
            .await;
        let post = async |body: &str| {
            let head = "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n";
            let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
            exchange_raw(adc.addr("v"), request.as_bytes()).await
        };

        assert!(post("be evil!").await.ends_with("\r\n\r\nno be e"));
        let long = format!("not so at the beginning, evil {}", "x".repeat(300_000));
        assert!(post(&long).await.ends_with(&long));
        let chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
                       2\r\nev\r\n3\r\nil!\r\n0\r\n\r\n";
        let answer = exchange_raw(adc.addr("v"), chunked.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        assert!(get(&adc, "v", "/").await.starts_with("HTTP/1.1 200"));
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn ssl_tcp_goes_to_the_default_of_content_switching() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let (console, ca) = (FakeConsole::start().await, TestCa::new());
        console.put([ca.item(&ItemSpec::new("a.example"))], ca.chains());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let adc = Setup::new(dir.path())
            .vserver("db", "SSL_TCP", &[listener.local_addr().unwrap()])
            .later("cs")
            .conf("add cs vserver cs SSL_TCP 192.0.2.1 443\nbind cs vserver cs -lbvserver db")
            .console(&console)
            .start()
            .await;
        adc.active(1).await;
        let service = tokio::spawn(async move {
            let (mut tcp, _) = listener.accept().await.unwrap();
            tcp.write_all(b"hello").await.unwrap();
        });

        let mut client = Tls::plain()
            .connect(adc.addr("cs"), "a.example")
            .await
            .unwrap();
        let mut said = [0; 5];
        client.read_exact(&mut said).await.unwrap();

        assert_eq!(&said, b"hello");
        service.await.unwrap();
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn bad_rules_are_refused_and_change_nothing() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let adc = Setup::new(dir.path()).start().await;
        for line in [
            "add responder policy p q{HTTP.REQ.URL.CONTAINS(5)} NOOP",
            "add responder policy p HTTP.REQ.URL NOOP",
            r"add responder action a respondwith q{HTTP/1.1 200 OK\r\n\r\n}",
            "add cs policy p -rule q{URL == /a}",
        ] {
            assert_eq!(adc.refused(line).await, 1097, "{line}");
        }
        assert_eq!(adc.refused("add responder action a redirect").await, 1095);
        assert_eq!(
            adc.refused("add responder action a respondwithhtmlpage")
                .await,
            1095
        );
        assert_eq!(
            adc.refused("add dns addRec a.example.com 2001:db8::1")
                .await,
            1097
        );
        adc.run("add responder policy p TRUE NOOP").await;
        let refused = adc
            .handle
            .execute("set responder policy p -rule q{TRUE &&}")
            .await;
        let message = refused.unwrap_err().message();
        assert!(
            message.starts_with("Invalid argument value [rule, position 8: expected"),
            "{message}"
        );
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_page_is_read_from_the_directory_of_imported_pages() {
    within(async {
        let dir = tempfile::tempdir().unwrap();
        let pages = dir.path().join("state/var/download/responder");
        std::fs::create_dir_all(&pages).unwrap();
        std::fs::write(pages.join("sorry"), "<h1>sorry</h1>").unwrap();
        let adc = Setup::new(dir.path())
            .vserver("v", "HTTP", &[])
            .conf(
                r"enable ns feature RESPONDER
                add responder action page respondwithhtmlpage -htmlPage sorry -responseStatusCode 503
                add responder policy page TRUE page
                bind lb vserver v -policyName page -priority 1",
            )
            .start()
            .await;

        let answer = get(&adc, "v", "/").await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("content-type: text/html"), "{answer}");
        assert!(answer.ends_with("<h1>sorry</h1>"), "{answer}");
        adc.stop().await;
    })
    .await;
}
