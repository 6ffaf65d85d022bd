//! Log-ins with a second factor: a one-time password after the password.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use evercert_dns::{Context, Fault, Provider, Settings, TxtTarget};
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

/// A provider at this address, at the time of RFC 6238's example.
async fn provider_for(code: &str, app: Router, settings: &[(&str, &str)]) -> Arc<dyn Provider> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let context = Context {
        clock: Arc::new(Then),
        ..Context::default()
    };
    let own = settings
        .iter()
        .map(|(key, value)| ((*key).to_owned(), value.replace("{url}", &url)));
    let pairs = own.chain([("base_url".to_owned(), url.clone())]);
    let settings: Settings = pairs.map(|(key, value)| (key, value.into())).collect();
    evercert_dns::build_with(code, &settings, &context).unwrap()
}

/// Mail-in-a-Box: a code is good for the log-in only, which gives a key of the session.
async fn box_login(State(said): State<Said>, headers: HeaderMap) -> Response {
    said.lock().unwrap().push("login".to_owned());
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let is_right = header("authorization") == Some("Basic bWVAZXhhbXBsZS5jb206cHctMQ==");
    match (is_right, header("x-auth-token")) {
        (true, Some(CODE)) => {
            Json(json!({"status": "ok", "api_key": "session-1", "privileges": ["admin"]}))
                .into_response()
        }
        (true, None) => {
            Json(json!({"status": "missing-totp-token", "reason": "missing-totp-token"}))
                .into_response()
        }
        _ => Json(json!({"status": "invalid", "reason": "invalid-totp-token"})).into_response(),
    }
}

async fn box_zones(State(said): State<Said>, headers: HeaderMap) -> Response {
    said.lock().unwrap().push("zones".to_owned());
    let is_session = headers
        .get("authorization")
        .is_some_and(|value| value == "Basic bWVAZXhhbXBsZS5jb206c2Vzc2lvbi0x");
    match is_session {
        true => Json(json!(["example.com"])).into_response(),
        false => (StatusCode::UNAUTHORIZED, "missing-totp-token\n").into_response(),
    }
}

#[tokio::test]
async fn mail_in_a_box_takes_the_password_of_the_moment_for_a_session() {
    let said = Said::default();
    let app = Router::new()
        .route("/admin/login", post(box_login))
        .route("/admin/dns/zones", get(box_zones))
        .with_state(said.clone());
    let known = [("username", "me@example.com"), ("password", "pw-1")];
    let with_secret = [known[0], known[1], ("otp_secret", SECRET)];
    let provider = provider_for("miab", app.clone(), &with_secret).await;
    provider.check(None).await.unwrap();
    assert_eq!(*said.lock().unwrap(), ["login", "zones"]);

    let error = provider_for("miab", app.clone(), &known)
        .await
        .check(None)
        .await;
    let error = error.unwrap_err();
    assert_eq!(error.fault(), Fault::Credentials, "{error}");
    assert!(error.remedy().contains("otp_secret"), "{}", error.remedy());

    let other = [known[0], known[1], ("otp_secret", "KRSXG5CTMVRXEZLU")];
    let error = provider_for("miab", app, &other).await.check(None).await;
    assert_eq!(error.unwrap_err().fault(), Fault::Credentials);
}

/// one.com: after the password's form comes the code's.
async fn one_form(
    State(said): State<Said>,
    Form(form): Form<BTreeMap<String, String>>,
) -> Response {
    let page = |id: &str| {
        Html(format!(
            "<form id=\"{id}\" action=\"/login/next?a=1&amp;b=2\" method=\"post\"></form>"
        ))
        .into_response()
    };
    let given = |key: &str| form.get(key).map_or("", String::as_str);
    said.lock().unwrap().extend(form.keys().cloned());
    match (given("password"), given("otp")) {
        ("pw-1", "") => page("kc-otp-login-form"),
        ("", CODE) => (
            [("set-cookie", "OneSIDCrmAdmin=s; path=/")],
            Redirect::to("/admin/home"),
        )
            .into_response(),
        ("", _) => page("kc-otp-login-form"),
        _ => page("kc-login-form"),
    }
}

fn one_site(said: &Said) -> Router {
    let start = "<form id=\"kc-form-login\" action=\"/login/next?a=1&amp;b=2\"></form>";
    Router::new()
        .route("/admin/", get(move || async move { Html(start) }))
        .route("/admin/home", get(|| async { Html("<p>Welcome</p>") }))
        .route("/login/next", post(one_form))
        .with_state(said.clone())
}

#[tokio::test]
async fn one_com_is_given_the_code_after_the_password() {
    let said = Said::default();
    let user = [
        ("user", "anna"),
        ("password", "pw-1"),
        ("login_url", "{url}/login"),
    ];
    let with = |secret| [user[0], user[1], user[2], ("otp_secret", secret)];

    let provider = provider_for("one", one_site(&said), &with(SECRET)).await;
    provider.check(None).await.unwrap();
    assert_eq!(
        *said.lock().unwrap(),
        ["credentialId", "password", "username", "login", "otp"]
    );

    let without = provider_for("one", one_site(&said), &user).await;
    let error = without.check(None).await.unwrap_err();
    assert!(error.to_string().contains("otp_secret"), "{error}");
    let other = provider_for("one", one_site(&said), &with("KRSXG5CTMVRXEZLU")).await;
    let error = other.check(None).await.unwrap_err();
    assert_eq!(error.fault(), Fault::Credentials, "{error}");
}

#[tokio::test]
async fn one_com_s_password_goes_to_the_log_in_s_host_only() {
    let said = Said::default();
    let elsewhere = [
        ("user", "anna"),
        ("password", "pw-1"),
        ("login_url", "https://account.one.example"),
    ];
    let provider = provider_for("one", one_site(&said), &elsewhere).await;
    let target = TxtTarget::new("_acme-challenge.example.com", "v");
    let error = provider.add(&target).await.unwrap_err();
    assert!(error.to_string().contains("was not sent"), "{error}");
    assert!(said.lock().unwrap().is_empty());
}
