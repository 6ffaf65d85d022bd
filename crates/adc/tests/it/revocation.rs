//! Revocation of clients' certificates, by CRL and OCSP: nothing is made for those who are revoked.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use evercert_testkit::card::{self, Card, OcspAnswer};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::authority::now;
use crate::client::Http1;
use crate::dc2g::{BOTH, Parties, client, count, get};
use crate::origin::{Asks, Origin};
use crate::world::{SOON, TestAdc, eventually, within};

fn serial(name: &str) -> Vec<u8> {
    Card::person(name, now()).serial
}

async fn start(parties: &Parties, origin: &Origin, check: &str, further: &str) -> TestAdc {
    parties
        .setup(origin.addr, "Mandatory")
        .conf(&format!(
            "unbind ssl vserver v -certkeyName cards -CA
             {further}
             bind ssl vserver v -certkeyName cards -CA {check}"
        ))
        .start()
        .await
}

#[tokio::test]
async fn a_client_on_the_crl_is_refused_in_the_handshake_and_others_are_not() {
    within(async {
        let parties = Parties::new();
        let origin = Origin::start(
            &parties.servers,
            &parties.forging,
            Asks::Requires,
            BOTH,
            &[],
        )
        .await;
        parties.write(
            "cards.crl",
            &parties.cards.crl(&[&serial("mallory")], now()),
        );
        let crl = "add ssl crl cards /nsconfig/cards.crl -CAcert cards";
        for check in ["-crlCheck Mandatory", "-crlCheck Optional"] {
            let adc = start(&parties, &origin, check, crl).await;
            let (alice, mallory) = (parties.person("alice"), parties.person("mallory"));

            let (status, body) = get(&adc, &client(Some(&alice), BOTH), "/").await;
            assert_eq!(status, 200, "{body}");
            let refused = client(Some(&mallory), BOTH)
                .look(adc.addr("v"), "a.example")
                .await;

            let refused = refused.unwrap_err().to_string();
            assert!(refused.contains("CertificateRevoked"), "{refused}");
            assert_eq!(count(&adc, "dc2g_forged_total"), 1);
            adc.stop().await;
        }
    })
    .await;
}

#[tokio::test]
async fn without_a_crl_mandatory_refuses_and_optional_lets_pass_as_far_as_the_profile_does() {
    within(async {
        let parties = Parties::new();
        let origin = Origin::start(
            &parties.servers,
            &parties.forging,
            Asks::Requires,
            BOTH,
            &[],
        )
        .await;
        let alice = parties.person("alice");
        let crl = "add ssl crl cards /nsconfig/missing.crl -CAcert cards";

        let adc = start(&parties, &origin, "-crlCheck Mandatory", crl).await;
        let tls = client(Some(&alice), BOTH);
        tls.look(adc.addr("v"), "a.example").await.unwrap_err();
        adc.stop().await;
        let adc = start(&parties, &origin, "-crlCheck Optional", crl).await;
        let (status, body) = get(&adc, &client(Some(&alice), BOTH), "/").await;
        assert_eq!(status, 403, "{body}");
        assert_eq!(
            count(&adc, "dc2g_refused_total{reason=\"unknown_status\""),
            1
        );
        assert_eq!(origin.handshakes(), 0);
        let ignore = "set ssl profile be -dynamicClientCertUnknownStatus IGNORE";
        adc.handle.execute(ignore).await.unwrap();
        assert_eq!(get(&adc, &client(Some(&alice), BOTH), "/").await.0, 200);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_crl_that_comes_later_ends_standing_connections_tickets_and_idle_connections() {
    within(async {
        let parties = Parties::new();
        let origin = Origin::start(
            &parties.servers,
            &parties.forging,
            Asks::Requires,
            BOTH,
            &[],
        )
        .await;
        parties.write("cards.crl", &parties.cards.crl(&[], now()));
        let crl = "add ssl crl cards /nsconfig/cards.crl -CAcert cards";
        let adc = start(&parties, &origin, "-crlCheck Mandatory", crl).await;
        let alice = client(Some(&parties.person("alice")), BOTH);
        let bob = client(Some(&parties.person("bob")), BOTH);
        alice.look(adc.addr("v"), "a.example").await.unwrap();
        let mut standing = alice.http1(adc.addr("v"), "a.example").await;
        assert_eq!(standing.get("a.example", "/").await.0, 200);
        assert_eq!(get(&adc, &bob, "/").await.0, 200);
        let before = origin.handshakes();

        parties.write("cards.crl", &parties.cards.crl(&[&serial("alice")], now()));
        let body = eventually("the CRL is read", SOON, async || {
            let (status, body) = standing.get("a.example", "/").await;
            (status == 403).then_some(body)
        })
        .await;

        assert!(body.contains("was revoked"), "{body}");
        let resumed = async {
            let stream = alice.connect(adc.addr("v"), "a.example").await?;
            let mut http = Http1::over(stream).await;
            let answer = http.try_get("a.example", "/").await;
            answer.map_err(std::io::Error::other)
        };
        assert!(resumed.await.is_err());
        assert_eq!(count(&adc, "dc2g_forged_total"), 2);
        // Bob goes on, with a certificate that was made after the revocation.
        assert_eq!(get(&adc, &bob, "/").await.0, 200);
        assert_eq!(origin.handshakes(), before + 1);
        assert_eq!(count(&adc, "dc2g_forged_total"), 3);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_damaged_crl_does_not_replace_a_good_one() {
    within(async {
        let parties = Parties::new();
        let origin = Origin::start(
            &parties.servers,
            &parties.forging,
            Asks::Requires,
            BOTH,
            &[],
        )
        .await;
        parties.write(
            "cards.crl",
            &parties.cards.crl(&[&serial("mallory")], now()),
        );
        let crl = "add ssl crl cards /nsconfig/cards.crl -CAcert cards";
        let adc = start(&parties, &origin, "-crlCheck Mandatory", crl).await;
        let mallory = client(Some(&parties.person("mallory")), BOTH);
        let alice = client(Some(&parties.person("alice")), BOTH);

        // Signed by another CA: it lists nobody.
        parties.write("cards.crl", &parties.forging.crl(&[], now()));
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;

        mallory.look(adc.addr("v"), "a.example").await.unwrap_err();
        assert_eq!(get(&adc, &alice, "/").await.0, 200);
        adc.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_crl_is_fetched_where_it_is_configured() {
    within(async {
        let parties = Parties::new();
        let origin =
            Origin::start(&parties.servers, &parties.forging, Asks::Requires, BOTH, &[]).await;
        let list = parties.cards.crl(&[&serial("mallory")], now());
        let server = Responder::serving(move |_| list.clone().into_bytes()).await;
        let crl = format!(
            "add ssl crl cards cards.crl -CAcert cards -refresh ENABLED -method HTTP -url http://{}/cards.crl -interval DAILY",
            server.addr
        );
        let adc = start(&parties, &origin, "-crlCheck Mandatory", &crl).await;
        let alice = client(Some(&parties.person("alice")), BOTH);

        eventually("the CRL is fetched", SOON, async || {
            alice.look(adc.addr("v"), "a.example").await.ok()
        })
        .await;

        let mallory = client(Some(&parties.person("mallory")), BOTH);
        mallory.look(adc.addr("v"), "a.example").await.unwrap_err();
        assert_eq!(server.asked(), 1);
        adc.stop().await;
    })
    .await;
}

/// An HTTP server that answers every request by a function of its body.
struct Responder {
    addr: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Responder {
    async fn serving(answer: impl Fn(Bytes) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (answer, asked) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
        let count = asked.clone();
        tokio::spawn(async move {
            while let Ok((tcp, _)) = listener.accept().await {
                let (answer, count) = (answer.clone(), count.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (answer, count) = (answer.clone(), count.clone());
                    async move {
                        count.fetch_add(1, Ordering::SeqCst);
                        let body = request.into_body().collect().await.unwrap().to_bytes();
                        let answer = Full::new(Bytes::from(answer(body)));
                        Ok::<_, Infallible>(Response::new(answer))
                    }
                });
                let builder = hyper::server::conn::http1::Builder::new();
                tokio::spawn(async move {
                    builder
                        .serve_connection(TokioIo::new(tcp), service)
                        .await
                        .unwrap_or_default();
                });
            }
        });
        Self { addr, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn ocsp(parties: &Parties, says: OcspAnswer) -> (Responder, Arc<Mutex<OcspAnswer>>) {
    let says = Arc::new(Mutex::new(says));
    let (cards, now_says) = (parties.cards.clone(), says.clone());
    let responder = Responder::serving(move |request| {
        cards.ocsp_response(&request, *now_says.lock().unwrap(), now())
    })
    .await;
    (responder, says)
}

fn responder(addr: SocketAddr) -> String {
    format!(
        "add ssl ocspResponder r -url http://{addr}/
         bind ssl certKey cards -ocspResponder r -priority 1"
    )
}

#[tokio::test]
async fn ocsp_is_asked_once_before_anything_is_made() {
    within(async {
        let parties = Parties::new();
        let origin = Origin::start(
            &parties.servers,
            &parties.forging,
            Asks::Requires,
            BOTH,
            &[],
        )
        .await;
        for check in ["-ocspCheck Mandatory", "-ocspCheck Optional"] {
            let (server, _) = ocsp(&parties, OcspAnswer::Good).await;
            let adc = start(&parties, &origin, check, &responder(server.addr)).await;
            let alice = client(Some(&parties.person("alice")), BOTH);
            for _ in 0..3 {
                let (status, body) = get(&adc, &alice, "/").await;
                assert_eq!(status, 200, "{body}");
            }
            assert_eq!(server.asked(), 1);
            adc.stop().await;

            let (server, _) = ocsp(&parties, OcspAnswer::Revoked).await;
            let adc = start(&parties, &origin, check, &responder(server.addr)).await;
            let (status, body) = get(&adc, &alice, "/").await;
            assert_eq!(status, 403);
            assert!(body.contains("was revoked"), "{body}");
            assert_eq!(count(&adc, "dc2g_forged_total"), 0);
            adc.stop().await;
        }
    })
    .await;
}

#[tokio::test]
async fn an_unknown_status_is_refused_when_mandatory_and_judged_by_the_profile_when_optional() {
    within(async {
        let parties = Parties::new();
        let origin = Origin::start(
            &parties.servers,
            &parties.forging,
            Asks::Requires,
            BOTH,
            &[],
        )
        .await;
        let alice = client(Some(&parties.person("alice")), BOTH);
        let (unknown, _) = ocsp(&parties, OcspAnswer::Unknown).await;
        let silent = Responder::serving(|_| b"nothing".to_vec()).await;
        for server in [&unknown, &silent] {
            let further = responder(server.addr);
            let adc = start(&parties, &origin, "-ocspCheck Mandatory", &further).await;
            let (status, body) = get(&adc, &alice, "/").await;
            assert_eq!(status, 403, "{body}");
            assert!(body.contains("cannot be told"), "{body}");
            adc.stop().await;
            let adc = start(&parties, &origin, "-ocspCheck Optional", &further).await;
            let (status, body) = get(&adc, &alice, "/").await;
            assert_eq!(status, 403, "{body}");
            assert!(body.contains("not known"), "{body}");
            let ignore = "set ssl profile be -dynamicClientCertUnknownStatus IGNORE";
            adc.handle.execute(ignore).await.unwrap();
            assert_eq!(get(&adc, &alice, "/").await.0, 200);
            adc.stop().await;
        }
        // The failure itself is kept for a while, too.
        assert_eq!(silent.asked(), 2);
    })
    .await;
}

#[tokio::test]
async fn the_responder_that_the_certificate_names_is_asked_where_none_is_configured() {
    within(async {
        let parties = Parties::new();
        let origin = Origin::start(
            &parties.servers,
            &parties.forging,
            Asks::Requires,
            BOTH,
            &[],
        )
        .await;
        let (server, says) = ocsp(&parties, OcspAnswer::Good).await;
        let named = |name: &str| {
            let mut spec = Card::person(name, now());
            let url = format!("http://{}/", server.addr);
            spec.extensions.push(card::ocsp_url(&url));
            client(Some(&parties.holder(&spec)), BOTH)
        };
        let adc = start(&parties, &origin, "-ocspCheck Mandatory", "").await;

        assert_eq!(get(&adc, &named("alice"), "/").await.0, 200);
        *says.lock().unwrap() = OcspAnswer::Revoked;
        assert_eq!(get(&adc, &named("mallory"), "/").await.0, 403);

        assert_eq!(server.asked(), 2);
        adc.stop().await;
    })
    .await;
}
