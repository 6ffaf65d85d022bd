//! Accounts (RFC 8555 §7.3).

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use evercert_ca::ExternalAccounts;
use evercert_types::Secret;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::key::{Key, b64};
use crate::support::world::{World, urls};

#[tokio::test]
async fn a_key_has_one_account() {
    let world = World::start().await;
    let client = Client::new(&world.ca).await;
    let key = Key::es256();
    let contact = json!({"contact": ["mailto:a@b.example"]});

    let missing = client
        .new_account(&key, json!({"onlyReturnExisting": true}))
        .await;
    let made = client.new_account(&key, contact.clone()).await;
    let again = client.new_account(&key, json!({"contact": []})).await;
    let found = client
        .new_account(&key, json!({"onlyReturnExisting": true}))
        .await;

    missing.expect_problem(400, "accountDoesNotExist", "no account");
    assert_eq!(made.expect(201)["contact"], contact["contact"]);
    assert_eq!(made.json()["status"], "valid");
    for reply in [again, found] {
        assert_eq!(reply.expect(200)["contact"], contact["contact"]);
        assert_eq!(reply.header("location"), made.header("location"));
    }
}

#[tokio::test]
async fn contacts_are_checked_on_making_and_on_update() {
    let world = World::start().await;
    let session = world.session().await;
    let eleven: Vec<String> = (0..11).map(|i| format!("mailto:a{i}@b.example")).collect();
    let cases = [
        (json!(["a@b.example"]), "invalidContact"),
        (json!(["mailto:a@b.example,c@d.example"]), "invalidContact"),
        (json!(["mailto:a@b.example?subject=x"]), "invalidContact"),
        (json!(["mailto:nobody"]), "invalidContact"),
        (json!(["mailto:@b.example"]), "invalidContact"),
        (json!(["mailto:a@-bad-.example"]), "invalidContact"),
        (json!(["mailto:a b@c.example"]), "invalidContact"),
        (json!(["tel:+123"]), "unsupportedContact"),
        (json!(eleven), "invalidContact"),
    ];
    for (contact, kind) in cases {
        let payload = json!({"contact": contact});
        let made = session
            .client
            .new_account(&Key::es256(), payload.clone())
            .await;
        let updated = session.post(&session.kid, payload).await;

        made.expect_problem(400, kind, "contact");
        updated.expect_problem(400, kind, "contact");
    }
}

#[tokio::test]
async fn an_account_is_read_updated_and_deactivated() {
    let world = World::start().await;
    let session = world.session().await;
    let contact = json!({"contact": ["mailto:new@b.example"]});

    let before = session.get(&session.kid).await.expect(200);
    let updated = session
        .post(&session.kid, contact.clone())
        .await
        .expect(200);
    let wrong = session
        .post(&session.kid, json!({"status": "revoked"}))
        .await;
    let gone = session
        .post(&session.kid, json!({"status": "deactivated"}))
        .await
        .expect(200);

    assert_eq!(before["contact"], json!([]));
    assert_eq!(updated["contact"], contact["contact"]);
    wrong.expect_problem(400, "malformed", "revoked");
    assert_eq!(gone["status"], "deactivated");
    let after = session.get(&session.kid).await;
    after.expect_problem(401, "unauthorized", "deactivated");
    let again = session.client.new_account(&session.key, json!({})).await;
    again.expect_problem(401, "unauthorized", "deactivated");
}

#[tokio::test]
async fn terms_of_service_must_be_agreed_to() {
    let world = World::with(|config| {
        config.terms_of_service = Some("https://ca.example/terms".into());
    })
    .await;
    let client = Client::new(&world.ca).await;

    let refused = client.new_account(&Key::es256(), json!({})).await;
    let made = client
        .new_account(&Key::es256(), json!({"termsOfServiceAgreed": true}))
        .await;

    refused.expect_problem(400, "malformed", "https://ca.example/terms");
    assert_eq!(made.expect(201)["termsOfServiceAgreed"], true);
}

#[tokio::test]
async fn nobody_sees_what_belongs_to_another_account() {
    let world = World::start().await;
    let owner = world.session().await;
    let other = world.session().await;
    let issued = world.issue(&owner, &["a.example"]).await;
    let authorization = urls(&issued.order["authorizations"]).remove(0);
    let challenges = owner.get(&authorization).await.json();
    let challenge = challenges["challenges"][0]["url"]
        .as_str()
        .unwrap()
        .to_owned();
    let order = issued.order["finalize"].as_str().unwrap().to_owned();

    for url in [
        owner.kid.clone(),
        format!("{}/orders", owner.kid),
        order.replace("/finalize", ""),
        authorization,
        challenge,
        issued.url,
    ] {
        let reply = other.get(&url).await;
        reply.expect_problem(403, "unauthorized", "another account");
    }
    let finalize = other.post(&order, json!({"csr": ""})).await;
    finalize.expect_problem(403, "unauthorized", "another account");
}

fn binding(url: &str, key: &Key, kid: &str, mac: &[u8], algorithm: &str) -> Value {
    let header = json!({"alg": algorithm, "kid": kid, "url": url});
    let (protected, payload) = (
        b64(header.to_string().as_bytes()),
        b64(key.jwk().to_string().as_bytes()),
    );
    let mac = hmac::Key::new(hmac::HMAC_SHA256, mac);
    let signature = hmac::sign(&mac, format!("{protected}.{payload}").as_bytes());
    json!({"protected": protected, "payload": payload, "signature": b64(signature.as_ref())})
}

#[tokio::test]
async fn external_account_binding_is_required_and_checked() {
    let world = World::with(|config| {
        let keys = BTreeMap::from([("kid-1".to_owned(), Secret::new(b"secret".to_vec()))]);
        config.external_accounts = ExternalAccounts::Required(keys);
    })
    .await;
    let client = Client::new(&world.ca).await;
    let url = client.url("newAccount");
    let key = Key::es256();
    let bind = |binding: Value| json!({"externalAccountBinding": binding});

    let none = client.new_account(&key, json!({})).await;
    let stranger = bind(binding(&url, &key, "kid-2", b"secret", "HS256"));
    let stranger = client.new_account(&key, stranger).await;
    let wrong_mac = bind(binding(&url, &key, "kid-1", b"wrong", "HS256"));
    let wrong_mac = client.new_account(&key, wrong_mac).await;
    let wrong_key = bind(binding(&url, &Key::es256(), "kid-1", b"secret", "HS256"));
    let wrong_key = client.new_account(&key, wrong_key).await;
    let wrong_url = bind(binding("https://x/", &key, "kid-1", b"secret", "HS256"));
    let wrong_url = client.new_account(&key, wrong_url).await;
    let wrong_alg = bind(binding(&url, &key, "kid-1", b"secret", "ES256"));
    let wrong_alg = client.new_account(&key, wrong_alg).await;
    let right = bind(binding(&url, &key, "kid-1", b"secret", "HS256"));
    let right = client.new_account(&key, right).await;

    assert_eq!(client.directory["meta"]["externalAccountRequired"], true);
    none.expect_problem(403, "externalAccountRequired", "bound");
    stranger.expect_problem(403, "unauthorized", "kid-2");
    wrong_mac.expect_problem(403, "unauthorized", "kid-1");
    wrong_key.expect_problem(400, "malformed", "another account key");
    wrong_url.expect_problem(400, "malformed", "newAccount URL");
    wrong_alg.expect_problem(400, "badSignatureAlgorithm", "HS256");
    assert!(right.expect(201)["externalAccountBinding"].is_object());
}

#[tokio::test]
async fn an_optional_binding_is_checked_only_when_given() {
    let world = World::with(|config| {
        config.external_accounts = ExternalAccounts::Optional(BTreeMap::new());
    })
    .await;
    let client = Client::new(&world.ca).await;
    let url = client.url("newAccount");
    let key = Key::es256();

    let unbound = client.new_account(&Key::es256(), json!({})).await;
    let unknown = json!({"externalAccountBinding": binding(&url, &key, "k", b"s", "HS256")});
    let unknown = client.new_account(&key, unknown).await;

    assert_eq!(client.directory["meta"]["externalAccountRequired"], false);
    unbound.expect(201);
    unknown.expect_problem(403, "unauthorized", "unknown");
}

#[tokio::test]
async fn the_list_of_orders_comes_in_pages_and_without_invalid_ones() {
    let world = World::with(|config| config.orders_per_page = 2).await;
    let session = world.session().await;
    let mut made = Vec::new();
    for name in [
        "a.example",
        "b.example",
        "c.example",
        "d.example",
        "e.example",
    ] {
        made.push(session.new_order(&[name]).await.header("location"));
    }
    // The third becomes invalid: its authorization is deactivated.
    let third = session.get(&made[2]).await.json();
    session
        .post(
            &urls(&third["authorizations"])[0],
            json!({"status": "deactivated"}),
        )
        .await
        .expect(200);
    made.remove(2);

    let account = session.get(&session.kid).await.json();
    let mut next = vec![account["orders"].as_str().unwrap().to_owned()];
    let (mut listed, mut pages) = (Vec::new(), 0);
    while let Some(url) = next.pop() {
        let reply = session.get(&url).await;
        let page = urls(&reply.expect(200)["orders"]);
        assert!(page.len() <= 2);
        listed.extend(page);
        next = reply.links("next");
        pages += 1;
    }

    assert_eq!(listed, made);
    assert!(pages >= 2);
}
