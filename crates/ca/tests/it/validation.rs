//! Validation over the network: each challenge type, and each way it can fail.

use evercert_ca::CaConfig;
use evercert_types::KeyAlgorithm;
use evercert_x509::KeyPair;
use hickory_proto::rr::RecordType;
use rcgen::SanType;
use serde_json::{Value, json};

use crate::support::client::Session;
use crate::support::key::b64_digest;
use crate::support::responder::{AlpnAnswer, Answer, HttpResponder, reserve, serve_alpn};
use crate::support::world::{World, challenge, csr, finalize, urls};

/// A pending authorization for one identifier: order URL, authorization URL, challenge.
async fn pending(session: &Session, name: &str, kind: &str) -> (String, String, Value) {
    let order = session.new_order(&[name]).await;
    let url = urls(&order.expect(201)["authorizations"]).remove(0);
    let authorization = session.get(&url).await.expect(200);
    (
        order.header("location"),
        url,
        challenge(&authorization, kind),
    )
}

/// Triggers the challenge and waits for the authorization's end.
async fn outcome(session: &Session, url: &str, challenge: &Value) -> Value {
    session
        .post(challenge["url"].as_str().unwrap(), json!({}))
        .await
        .expect(200);
    for _ in 0..10 {
        let authorization = session.get(url).await.expect(200);
        if authorization["status"] != "pending" {
            return authorization;
        }
    }
    panic!("the validation of {url} did not end");
}

#[track_caller]
fn expect_failure(authorization: &Value, kind: &str, word: &str) {
    assert_eq!(authorization["status"], "invalid", "{authorization}");
    let challenges = authorization["challenges"].as_array().unwrap();
    let failed = challenges
        .iter()
        .find(|c| c["status"] == "invalid")
        .unwrap();
    let error = &failed["error"];
    assert_eq!(
        error["type"],
        format!("urn:ietf:params:acme:error:{kind}"),
        "{error}"
    );
    assert!(error["detail"].as_str().unwrap().contains(word), "{error}");
}

#[tokio::test]
async fn dns01_follows_aliases_over_servers_that_answer_them_alone() {
    let world = World::start().await;
    let session = world.session().await;
    let (_, url, challenge) = pending(&session, "a.example", "dns-01").await;
    let value = b64_digest(&session.key_authorization(&challenge));
    world
        .dns
        .add_cname("_acme-challenge.a.example", "alias.b.example");
    world.dns.add_cname("alias.b.example", "end.c.example");
    world.dns.add_txt("end.c.example", "some other value");
    world.dns.add_txt("end.c.example", &value);

    let authorization = outcome(&session, &url, &challenge).await;

    assert_eq!(authorization["status"], "valid", "{authorization}");
    let challenges = authorization["challenges"].as_array().unwrap();
    assert_eq!(challenges.len(), 1, "only the one that was met is told");
    assert!(challenges[0]["validated"].is_string());
}

#[tokio::test]
async fn dns01_asks_over_tcp_when_an_answer_is_truncated() {
    let world = World::start().await;
    let session = world.session().await;
    let (_, url, challenge) = pending(&session, "a.example", "dns-01").await;
    let name = "_acme-challenge.a.example";
    for i in 0..20 {
        world
            .dns
            .add_txt(name, &format!("value {i} of a name with very many values"));
    }
    world
        .dns
        .add_txt(name, &b64_digest(&session.key_authorization(&challenge)));
    world.dns.make_large(name);

    let authorization = outcome(&session, &url, &challenge).await;

    assert_eq!(authorization["status"], "valid", "{authorization}");
}

#[tokio::test]
async fn dns01_failures_say_what_was_found() {
    let world = World::start().await;
    let session = world.session().await;
    world.dns.make_missing("_acme-challenge.nx.example");
    world.dns.add_txt("_acme-challenge.wrong.example", "not it");
    world.dns.add_cname(
        "_acme-challenge.loop.example",
        "_acme-challenge.loop.example",
    );

    for (name, kind, word) in [
        ("nx.example", "dns", "NXDOMAIN"),
        ("empty.example", "incorrectResponse", "no TXT record"),
        ("wrong.example", "incorrectResponse", "\"not it\""),
        ("loop.example", "dns", "CNAMEs"),
    ] {
        let (_, url, challenge) = pending(&session, name, "dns-01").await;
        expect_failure(&outcome(&session, &url, &challenge).await, kind, word);
    }
}

#[tokio::test]
async fn a_failed_order_names_each_identifier_that_failed() {
    let world = World::start().await;
    let session = world.session().await;
    let reply = session.new_order(&["good.example", "bad.example"]).await;
    let order = reply.expect(201);
    let all = urls(&order["authorizations"]);
    let good = session.get(&all[0]).await.json();
    let good = challenge(&good, "dns-01");
    world.dns.add_txt(
        "_acme-challenge.good.example",
        &b64_digest(&session.key_authorization(&good)),
    );
    let bad = session.get(&all[1]).await.json();

    outcome(&session, &all[0], &good).await;
    outcome(&session, &all[1], &challenge(&bad, "dns-01")).await;

    let order = session.get(&reply.header("location")).await.expect(200);
    assert_eq!(order["status"], "invalid");
    let parts = order["error"]["subproblems"].as_array().unwrap();
    assert_eq!(parts.len(), 1);
    assert_eq!(parts[0]["identifier"]["value"], "bad.example");
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let refused = finalize(
        &session,
        &order,
        &csr(&["good.example", "bad.example"], &key),
    )
    .await;
    refused.expect_problem(403, "orderNotReady", "invalid");
}

#[tokio::test]
async fn a_silent_name_server_is_a_dns_problem() {
    let silent = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = silent.local_addr().unwrap();
    let world = World::with(|config: &mut CaConfig| {
        config.resolver = evercert_ca::ValidationDns::Server(addr);
    })
    .await;
    let session = world.session().await;
    let (_, url, challenge) = pending(&session, "a.example", "dns-01").await;

    let authorization = outcome(&session, &url, &challenge).await;

    expect_failure(&authorization, "dns", "did not answer");
}

#[tokio::test]
async fn http01_finds_the_response_directly_and_behind_redirects() {
    let responder = HttpResponder::start().await;
    let world = World::with(|config| config.http01_port = responder.port).await;
    let session = world.session().await;

    let (_, url, direct) = pending(&session, "a.example", "http-01").await;
    let text = format!("{}\n", session.key_authorization(&direct));
    responder.put(direct["token"].as_str().unwrap(), Answer::Text(text));
    let direct = outcome(&session, &url, &direct).await;

    let (_, url, moved) = pending(&session, "b.example", "http-01").await;
    let token = moved["token"].as_str().unwrap();
    responder.put(token, Answer::Redirect("/elsewhere/there".into()));
    let there = Answer::Redirect("http://other.example/elsewhere/end".into());
    responder.put("there", there);
    responder.put("end", Answer::Text(session.key_authorization(&moved)));
    let moved = outcome(&session, &url, &moved).await;

    assert_eq!(direct["status"], "valid", "{direct}");
    assert_eq!(moved["status"], "valid", "{moved}");
    let asked = world.dns.asked();
    assert!(asked.contains(&("other.example".to_owned(), RecordType::A)));
}

#[tokio::test]
async fn http01_failures_say_what_was_found() {
    let responder = HttpResponder::start().await;
    let world = World::with(|config| config.http01_port = responder.port).await;
    let session = world.session().await;

    let (_, url, challenge) = pending(&session, "none.example", "http-01").await;
    expect_failure(
        &outcome(&session, &url, &challenge).await,
        "incorrectResponse",
        "404",
    );

    let (_, url, challenge) = pending(&session, "wrong.example", "http-01").await;
    let token = challenge["token"].as_str().unwrap();
    responder.put(token, Answer::Text("something else".into()));
    let failed = outcome(&session, &url, &challenge).await;
    expect_failure(&failed, "incorrectResponse", "something else");

    let (_, url, challenge) = pending(&session, "loop.example", "http-01").await;
    let token = challenge["token"].as_str().unwrap();
    let itself = format!("/.well-known/acme-challenge/{token}");
    responder.put(token, Answer::Redirect(itself));
    let failed = outcome(&session, &url, &challenge).await;
    expect_failure(&failed, "incorrectResponse", "too many redirects");

    let (_, url, challenge) = pending(&session, "long.example", "http-01").await;
    let token = challenge["token"].as_str().unwrap();
    responder.put(token, Answer::Text("x".repeat(100_000)));
    let failed = outcome(&session, &url, &challenge).await;
    expect_failure(&failed, "incorrectResponse", "too long");

    world.dns.make_missing("nx.example");
    let (_, url, challenge) = pending(&session, "nx.example", "http-01").await;
    expect_failure(
        &outcome(&session, &url, &challenge).await,
        "dns",
        "NXDOMAIN",
    );
}

#[tokio::test]
async fn a_closed_port_is_a_connection_problem() {
    let (port, listener) = reserve().await;
    drop(listener);
    let world = World::with(|config| {
        config.http01_port = port;
        config.tls_alpn01_port = port;
    })
    .await;
    let session = world.session().await;

    for kind in ["http-01", "tls-alpn-01"] {
        let (_, url, challenge) = pending(&session, "a.example", kind).await;
        let failed = outcome(&session, &url, &challenge).await;
        expect_failure(&failed, "connection", &format!("127.0.0.1 port {port}"));
    }
}

#[tokio::test]
async fn addresses_are_validated_by_http01() {
    let responder = HttpResponder::start().await;
    let world = World::with(|config| config.http01_port = responder.port).await;
    let session = world.session().await;
    let (order_url, url, challenge) = pending(&session, "127.0.0.1", "http-01").await;
    let token = challenge["token"].as_str().unwrap();
    responder.put(token, Answer::Text(session.key_authorization(&challenge)));

    let authorization = outcome(&session, &url, &challenge).await;

    assert_eq!(authorization["status"], "valid", "{authorization}");
    let order = session.get(&order_url).await.expect(200);
    let key = KeyPair::generate(KeyAlgorithm::EcdsaP256).unwrap();
    let order = finalize(&session, &order, &csr(&["127.0.0.1"], &key))
        .await
        .expect(200);
    let pem = session
        .get(order["certificate"].as_str().unwrap())
        .await
        .text;
    let chain = evercert_x509::Chain::from_pem(&pem).unwrap();
    assert_eq!(
        chain.leaf().ip_addresses(),
        ["127.0.0.1".parse::<std::net::IpAddr>().unwrap()]
    );
    assert!(chain.leaf().dns_names().is_empty());
}

#[tokio::test]
async fn tls_alpn01_reads_the_digest_of_names_and_addresses() {
    for (name, san) in [
        (
            "a.example",
            SanType::DnsName("a.example".try_into().unwrap()),
        ),
        (
            "127.0.0.1",
            SanType::IpAddress("127.0.0.1".parse().unwrap()),
        ),
    ] {
        let (port, listener) = reserve().await;
        let world = World::with(|config| config.tls_alpn01_port = port).await;
        let session = world.session().await;
        let (_, url, challenge) = pending(&session, name, "tls-alpn-01").await;
        let server = serve_alpn(
            listener,
            &AlpnAnswer {
                san,
                key_authorization: &session.key_authorization(&challenge),
                protocol: b"acme-tls/1",
            },
        );

        let authorization = outcome(&session, &url, &challenge).await;

        server.abort();
        assert_eq!(authorization["status"], "valid", "{authorization}");
    }
}

#[tokio::test]
async fn tls_alpn01_refuses_other_names_digests_and_protocols() {
    let san = |name: &'static str| SanType::DnsName(name.try_into().unwrap());
    for (name, digest_of, protocol, kind, word) in [
        (
            "b.example",
            None,
            &b"acme-tls/1"[..],
            "incorrectResponse",
            "only name",
        ),
        (
            "a.example",
            Some("other"),
            b"acme-tls/1",
            "incorrectResponse",
            "digest",
        ),
        ("a.example", None, b"http/1.1", "tls", "failed"),
    ] {
        let (port, listener) = reserve().await;
        let world = World::with(|config| config.tls_alpn01_port = port).await;
        let session = world.session().await;
        let (_, url, challenge) = pending(&session, "a.example", "tls-alpn-01").await;
        let right = session.key_authorization(&challenge);
        let server = serve_alpn(
            listener,
            &AlpnAnswer {
                san: san(name),
                key_authorization: digest_of.unwrap_or(&right),
                protocol,
            },
        );

        let authorization = outcome(&session, &url, &challenge).await;

        server.abort();
        expect_failure(&authorization, kind, word);
    }
}
