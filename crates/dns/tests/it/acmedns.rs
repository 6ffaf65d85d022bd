//! acme-dns against a server with its protocol: two rolling values, no removal.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use evercert_dns::{Fault, Provider, Settings, TxtTarget};
use serde_json::{Value, json};

const NAME: &str = "8e5700ea.auth.example.org";
const FIRST: &str = "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo";
const SECOND: &str = "Hk1aV8u2sT3Yy1bQm7cZ0pXoN4dRjW9eGfKlUiSvB5A";

type Values = Arc<Mutex<VecDeque<String>>>;

async fn update(
    State(values): State<Values>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    if header("x-api-user") != "u-1"
        || header("x-api-key") != "right-key"
        || body["subdomain"] != "8e5700ea"
    {
        return (
            StatusCode::UNAUTHORIZED,
            Json(json!({"error": "forbidden"})),
        );
    }
    let txt = body["txt"].as_str().unwrap_or_default();
    if txt.len() != 43 {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "bad_txt"})));
    }
    let mut values = values.lock().unwrap();
    values.push_back(txt.to_owned());
    while values.len() > 2 {
        values.pop_front();
    }
    (StatusCode::OK, Json(json!({"txt": txt})))
}

async fn server() -> (String, Values) {
    let values = Values::default();
    let app = Router::new()
        .route("/update", post(update))
        .route("/health", get(async || StatusCode::OK))
        .with_state(values.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, values)
}

fn provider(url: &str, pairs: &[(&str, &str)]) -> Arc<dyn Provider> {
    let pairs = pairs.iter().copied().chain([("base_url", url)]);
    let settings: Settings = pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned().into()))
        .collect();
    evercert_dns::build("acmedns", &settings).unwrap()
}

const ACCOUNT: [(&str, &str); 3] = [
    ("username", "u-1"),
    ("password", "right-key"),
    ("fulldomain", NAME),
];

#[tokio::test]
async fn two_values_stand_beside_each_other_and_roll() {
    let (url, values) = server().await;
    let provider = provider(&url, &ACCOUNT);

    let receipt = provider.add(&TxtTarget::new(NAME, FIRST)).await.unwrap();
    provider.add(&TxtTarget::new(NAME, SECOND)).await.unwrap();
    assert_eq!(*values.lock().unwrap(), [FIRST, SECOND]);
    provider
        .remove(&TxtTarget::new(NAME, FIRST), Some(&receipt))
        .await
        .unwrap();

    let report = provider.check(Some(NAME)).await.unwrap();
    assert!(
        report.notes.iter().any(|note| note.contains(NAME)),
        "{report:?}"
    );
}

#[tokio::test]
async fn several_accounts_are_told_apart_by_their_names() {
    let (url, values) = server().await;
    let accounts = json!({
        "example.com": {"fulldomain": NAME, "subdomain": "8e5700ea", "username": "u-1", "password": "right-key"},
        "example.net": {"fulldomain": "other.auth.example.org", "subdomain": "other", "username": "u-2", "password": "x-key"},
    });
    let provider = provider(&url, &[("accounts", &accounts.to_string())]);

    provider.add(&TxtTarget::new(NAME, FIRST)).await.unwrap();
    assert_eq!(*values.lock().unwrap(), [FIRST]);
    let error = provider
        .add(&TxtTarget::new("other.auth.example.org", FIRST))
        .await
        .unwrap_err();
    assert_eq!(error.fault(), Fault::Credentials, "{error}");
    let error = provider
        .add(&TxtTarget::new("_acme-challenge.example.com", FIRST))
        .await
        .unwrap_err();
    assert_eq!(error.fault(), Fault::Zone, "{error}");
    assert!(error.remedy().contains("CNAME"), "{}", error.remedy());
}

#[tokio::test]
async fn refusals_are_told_as_what_they_are() {
    let (url, _) = server().await;
    let wrong = provider(
        &url,
        &[
            ("username", "u-1"),
            ("password", "wrong-key"),
            ("subdomain", "8e5700ea"),
        ],
    );

    let error = wrong.add(&TxtTarget::new(NAME, FIRST)).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Credentials, "{error}");
    assert!(
        error.to_string().contains("forbidden")
            && !format!("{error:?}{wrong:?}").contains("wrong-key"),
        "{error:?}"
    );
    let error = provider(&url, &ACCOUNT)
        .add(&TxtTarget::new(NAME, "short"))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("43") && !error.is_retryable(),
        "{error}"
    );
    let none = provider(&url, &[]);
    let error = none.add(&TxtTarget::new(NAME, FIRST)).await.unwrap_err();
    assert!(error.remedy().contains("register"), "{}", error.remedy());
}
