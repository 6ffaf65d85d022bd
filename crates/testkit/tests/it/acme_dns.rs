//! The double of acme-dns keeps the original's rules.

use std::time::Duration;

use evercert_dns::Resolver;
use evercert_testkit::{AcmeDns, eventually};
use evercert_types::{Clock as _, SystemClock};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

fn value(letter: &str) -> String {
    letter.repeat(43)
}

struct User {
    client: Client,
    url: String,
    account: Value,
}

impl User {
    async fn register(server: &AcmeDns, body: &'static str) -> (StatusCode, Self) {
        let client = Client::builder().no_proxy().build().unwrap();
        let url = server.url().to_owned();
        let answer = client.post(format!("{url}/register")).body(body).send();
        let answer = answer.await.unwrap();
        let status = answer.status();
        let account = answer.json().await.unwrap();
        (
            status,
            Self {
                client,
                url,
                account,
            },
        )
    }

    async fn update(&self, txt: &str) -> (StatusCode, Value) {
        self.update_as(self.account["password"].as_str().unwrap(), txt)
            .await
    }

    async fn update_as(&self, key: &str, txt: &str) -> (StatusCode, Value) {
        let request = self.client.post(format!("{}/update", self.url));
        let request = request
            .header("X-Api-User", self.account["username"].as_str().unwrap())
            .header("X-Api-Key", key)
            .json(&json!({"subdomain": self.account["subdomain"], "txt": txt}));
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }
}

/// Waits for the beginning of a second, so that what follows is within one.
async fn fresh_second() {
    let begun = SystemClock.now().as_second();
    let next = async || (SystemClock.now().as_second() > begun).then_some(());
    eventually("the next second", Duration::from_secs(5), next).await;
}

#[tokio::test]
async fn two_values_roll_by_the_second_of_their_update() {
    let server = AcmeDns::start("auth.example.net").await.unwrap();
    let (status, user) = User::register(&server, "").await;
    assert_eq!(status, StatusCode::CREATED);
    let other = server.register();
    let resolver = Resolver::with_servers([server.addr()]);
    let name = user.account["fulldomain"].as_str().unwrap();
    let shown = async || {
        let mut values = resolver.txt(name).await.unwrap();
        values.sort_unstable();
        values
    };

    fresh_second().await;
    assert_eq!(shown().await, [""; 0]);
    for letter in ["a", "b"] {
        let (status, answer) = user.update(&value(letter)).await;
        assert_eq!(
            (status, &answer["txt"]),
            (StatusCode::OK, &json!(value(letter)))
        );
    }
    assert_eq!(shown().await, [value("a"), value("b")]);
    // Of two values of one second, the first row goes, again and again.
    user.update(&value("c")).await;
    user.update(&value("d")).await;
    assert_eq!(shown().await, [value("b"), value("d")]);
    fresh_second().await;
    user.update(&value("e")).await;
    user.update(&value("f")).await;
    assert_eq!(shown().await, [value("e"), value("f")]);
    assert_eq!(server.values(&other), [""; 0]);
}

#[tokio::test]
async fn what_is_not_allowed_is_forbidden() {
    let server = AcmeDns::start("auth.example.net").await.unwrap();
    let (_, user) = User::register(&server, "{}").await;
    let forbidden = (StatusCode::UNAUTHORIZED, json!({"error": "forbidden"}));

    assert_eq!(user.update_as("wrong", &value("a")).await, forbidden);
    let short = user.update("short").await;
    assert_eq!(
        short,
        (StatusCode::BAD_REQUEST, json!({"error": "bad_txt"}))
    );

    let elsewhere = r#"{"allowfrom": ["192.0.2.0/24"]}"#;
    let (_, user) = User::register(&server, elsewhere).await;
    assert_eq!(user.account["allowfrom"], json!(["192.0.2.0/24"]));
    assert_eq!(user.update(&value("a")).await, forbidden);
    let here = r#"{"allowfrom": ["192.0.2.0/24", "127.0.0.0/8"]}"#;
    let (_, user) = User::register(&server, here).await;
    assert_eq!(user.update(&value("a")).await.0, StatusCode::OK);

    for (body, word) in [
        ("{", "malformed_json_payload"),
        (r#"{"allowfrom": ["nowhere"]}"#, "invalid_allowfrom_cidr"),
    ] {
        let (status, user) = User::register(&server, body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(user.account["error"], word);
    }
}
