//! Log-ins with a second factor: a one-time password after the password.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use evercert_dns::{Context, Fault, Settings};
use evercert_types::{Clock, SharedClock};
use jiff::Timestamp;
use serde_json::{Value, json};

/// RFC 6238's secret and time.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const CODE: &str = "081804";

#[derive(Debug)]
struct Then;

impl Clock for Then {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_111_111_109).unwrap()
    }
}

type Said = Arc<Mutex<Vec<String>>>;

async fn inwx(State(said): State<Said>, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    let method = body["method"].as_str().unwrap().to_owned();
    said.lock().unwrap().push(method.clone());
    let ok =
        || Json(json!({"code": 1000, "msg": "ok", "resData": {"domains": []}})).into_response();
    let is_known = headers
        .get("cookie")
        .is_some_and(|cookie| cookie == "domrobot=one");
    match method.as_str() {
        "account.login" => {
            let answer = Json(json!({"code": 1000, "resData": {"tfa": "GOOGLE-AUTH"}}));
            ([("set-cookie", "domrobot=one; path=/")], answer).into_response()
        }
        "account.unlock" if is_known && body["params"]["tan"] == CODE => ok(),
        "nameserver.list" if is_known => ok(),
        _ => Json(json!({"code": 2200, "msg": "Authentication error"})).into_response(),
    }
}

#[tokio::test]
async fn inwx_is_unlocked_with_the_password_of_the_moment() {
    let said = Said::default();
    let app = Router::new()
        .route("/", post(inwx))
        .with_state(said.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let clock: SharedClock = Arc::new(Then);
    let context = Context {
        clock,
        ..Context::default()
    };
    let build = |secret: &str| {
        let pairs = [
            ("user", "anna"),
            ("password", "pw-1"),
            ("shared_secret", secret),
            ("base_url", &url),
        ];
        let settings: Settings = pairs
            .map(|(key, value)| (key.to_owned(), value.to_owned().into()))
            .into();
        evercert_dns::build_with("inwx", &settings, &context)
    };

    build(SECRET).unwrap().check(None).await.unwrap();
    assert_eq!(
        *said.lock().unwrap(),
        ["account.login", "account.unlock", "nameserver.list"]
    );
    let error = build("KRSXG5CTMVRXEZLU")
        .unwrap()
        .check(None)
        .await
        .unwrap_err();
    assert_eq!(error.fault(), Fault::Credentials, "{error}");
    assert!(
        build("not base 32!")
            .unwrap_err()
            .to_string()
            .contains("Base32")
    );
}
