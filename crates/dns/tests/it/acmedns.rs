//! acme-dns, by its protocol (github.com/joohoi/acme-dns): a server that registers accounts and keeps two values each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use evercert_dns::{Alias, Context, Fault, Provider, Settings, Step, TxtTarget};
use serde_json::{Value, json};

const NAME: &str = "8e5700ea.auth.example.org";
const FIRST: &str = "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo";
const SECOND: &str = "Hk1aV8u2sT3Yy1bQm7cZ0pXoN4dRjW9eGfKlUiSvB5A";
const THIRD: &str = "Zk1aV8u2sT3Yy1bQm7cZ0pXoN4dRjW9eGfKlUiSvB5Z";

/// The server's two rows for an account: when each was written, in whole seconds, and its value.
type Rows = [(i64, String); 2];

#[derive(Default)]
struct World {
    rows: Mutex<BTreeMap<String, Rows>>,
    registrations: Mutex<Vec<Value>>,
    /// The answer to the next update of this value is lost; the update is made.
    lost: Mutex<Option<String>>,
}

type Shared = Arc<World>;

impl World {
    fn values(&self, label: &str) -> Vec<String> {
        let rows = self.rows.lock().unwrap();
        let mut values = rows[label].clone();
        values.sort();
        values.map(|(_, value)| value).into()
    }
}

fn now() -> i64 {
    use evercert_types::Clock as _;
    evercert_types::SystemClock.now().as_second()
}

/// `ORDER BY LastUpdate LIMIT 1`: of two equally old rows, the first.
async fn update(
    State(world): State<Shared>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let label = body["subdomain"].as_str().unwrap_or_default();
    let mut rows = world.rows.lock().unwrap();
    let known = header("x-api-user") == format!("u-{label}")
        && header("x-api-key") == format!("key-{label}");
    let Some(rows) = rows.get_mut(label).filter(|_| known) else {
        return (
            StatusCode::UNAUTHORIZED,
            Json(json!({"error": "forbidden"})),
        );
    };
    let txt = body["txt"].as_str().unwrap_or_default();
    if txt.len() != 43 {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "bad_txt"})));
    }
    let oldest = usize::from(rows[1].0 < rows[0].0);
    rows[oldest] = (now(), txt.to_owned());
    let is_lost = world
        .lost
        .lock()
        .unwrap()
        .take_if(|lost| lost == txt)
        .is_some();
    (
        StatusCode::OK,
        Json(json!({"txt": if is_lost { "" } else { txt }, "lost": is_lost})),
    )
}

/// Where the answer was to be lost, it does not come.
async fn update_or_silence(
    world: State<Shared>,
    headers: HeaderMap,
    body: Json<Value>,
) -> (StatusCode, Json<Value>) {
    let (status, Json(answer)) = update(world, headers, body).await;
    if answer["lost"] == true {
        std::future::pending::<()>().await;
    }
    (status, Json(answer))
}

async fn register(State(world): State<Shared>, body: String) -> (StatusCode, Json<Value>) {
    let asked: Value = serde_json::from_str(&body).unwrap_or_default();
    let mut registrations = world.registrations.lock().unwrap();
    registrations.push(asked.clone());
    let label = format!("reg{}", registrations.len());
    world
        .rows
        .lock()
        .unwrap()
        .insert(label.clone(), Rows::default());
    let answer = json!({
        "username": format!("u-{label}"), "password": format!("key-{label}"), "subdomain": label,
        "fulldomain": format!("{label}.auth.example.org"), "allowfrom": asked["allowfrom"].as_array().cloned().unwrap_or_default(),
    });
    (StatusCode::CREATED, Json(answer))
}

async fn server() -> (String, Shared) {
    let world = Shared::default();
    world
        .rows
        .lock()
        .unwrap()
        .insert("8e5700ea".to_owned(), Rows::default());
    let app = Router::new()
        .route("/update", post(update_or_silence))
        .route("/register", post(register))
        .route("/health", get(async || StatusCode::OK))
        .with_state(world.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, world)
}

fn provider(url: &str, pairs: &[(&str, &str)]) -> Arc<dyn Provider> {
    let pairs = pairs.iter().copied().chain([("base_url", url)]);
    let settings: Settings = pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned().into()))
        .collect();
    evercert_dns::build("acmedns", &settings).unwrap()
}

const ACCOUNT: [(&str, &str); 3] = [
    ("username", "u-8e5700ea"),
    ("password", "key-8e5700ea"),
    ("fulldomain", NAME),
];

#[tokio::test]
async fn two_values_stand_beside_each_other_and_roll() {
    let (url, world) = server().await;
    let provider = provider(&url, &ACCOUNT);

    let receipt = provider.add(&TxtTarget::new(NAME, FIRST)).await.unwrap();
    provider.add(&TxtTarget::new(NAME, SECOND)).await.unwrap();
    assert_eq!(world.values("8e5700ea"), [FIRST, SECOND]);
    // The third right after: the server could not tell which is the oldest, had they come in one second.
    provider.add(&TxtTarget::new(NAME, THIRD)).await.unwrap();
    provider.add(&TxtTarget::new(NAME, FIRST)).await.unwrap();
    assert_eq!(world.values("8e5700ea"), [THIRD, FIRST]);
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
    let (url, world) = server().await;
    let accounts = json!({
        "example.com": {"fulldomain": NAME, "subdomain": "8e5700ea", "username": "u-8e5700ea", "password": "key-8e5700ea"},
        "example.net": {"fulldomain": "other.auth.example.org", "subdomain": "other", "username": "u-2", "password": "x-key"},
    });
    let provider = provider(&url, &[("accounts", &accounts.to_string())]);

    provider.add(&TxtTarget::new(NAME, FIRST)).await.unwrap();
    assert_eq!(world.values("8e5700ea"), ["", FIRST]);
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
            ("username", "u-8e5700ea"),
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

fn with_registered(
    url: &str,
    pairs: &[(&str, &str)],
    registered: &[(&str, &evercert_dns::Registration)],
) -> Arc<dyn Provider> {
    let pairs = pairs.iter().copied().chain([("base_url", url)]);
    let settings: Settings = pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned().into()))
        .collect();
    let registered = registered.iter();
    let registered = registered.map(|(domain, one)| ((*domain).to_owned(), one.account.clone()));
    let context = Context {
        registered: registered.collect(),
        ..Context::default()
    };
    evercert_dns::build_with("acmedns", &settings, &context).unwrap()
}

#[tokio::test]
async fn an_account_is_registered_for_each_domain_and_used_once_the_name_leads_there() {
    let (url, world) = server().await;
    let networks = [("allow_from", "192.0.2.0/24, 2001:db8::/32")];
    let fresh = with_registered(&url, &networks, &[]);
    let challenge = "_acme-challenge.example.com";
    assert_eq!(fresh.alias("example.com", challenge), Alias::Unregistered);

    let repeating = evercert_dns::repeating(fresh);
    let registration = repeating.register("example.com").await.unwrap();

    assert_eq!(registration.target, "reg1.auth.example.org");
    let asked = json!({"allowfrom": ["192.0.2.0/24", "2001:db8::/32"]});
    assert_eq!(*world.registrations.lock().unwrap(), [asked]);
    let known = with_registered(&url, &networks, &[("example.com", &registration)]);
    let known = evercert_dns::repeating(known);
    assert_eq!(
        known.alias("example.com", challenge),
        Alias::At(registration.target.clone())
    );
    assert_eq!(
        known.alias("example.net", "_acme-challenge.example.net"),
        Alias::Unregistered
    );
    assert_eq!(
        known.alias("Example.COM.", "REG1.auth.example.org."),
        Alias::NotNeeded
    );
    known
        .add(&TxtTarget::new(&registration.target, FIRST))
        .await
        .unwrap();
    assert_eq!(world.values("reg1"), ["", FIRST]);
    assert!(!format!("{known:?}{registration:?}").contains("key-reg1"));
}

#[tokio::test]
async fn a_registration_that_the_server_refuses_tells_no_secrets() {
    let app = Router::new().route(
        "/register",
        post(async || (StatusCode::CREATED, "{\"password\": \"hush\"}")),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });

    let error = provider(&url, &[])
        .register("example.com")
        .await
        .unwrap_err();
    assert_eq!(
        (error.step(), error.fault()),
        (Step::Register, Fault::Provider),
        "{error}"
    );
    assert!(!format!("{error:?}").contains("hush"));
    let closed = Router::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, closed).await.unwrap() });
    let error = provider(&url, &[])
        .register("example.com")
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("registering an account") && !error.is_retryable(),
        "{error}"
    );
}

#[tokio::test]
async fn settings_that_would_be_dropped_silently_are_refused() {
    let refused = |pairs: &[(&str, &str)]| {
        let pairs = pairs
            .iter()
            .chain(&[("base_url", "https://auth.example.org")]);
        let settings: Settings = pairs
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned().into()))
            .collect();
        evercert_dns::build("acmedns", &settings)
            .unwrap_err()
            .to_string()
    };
    for wrong in ["192.0.2.1", "192.0.2.0/33", "here"] {
        assert!(refused(&[("allow_from", wrong)]).contains(wrong));
    }
    assert!(refused(&[("accounts", "/etc/acme-dns.json")]).contains("neither"));
    assert!(refused(&[("username", "u"), ("password", "p")]).contains("fulldomain"));
}

#[tokio::test]
async fn an_answer_that_was_lost_does_not_cost_the_other_value() {
    let (url, world) = server().await;
    let settings: Settings = ACCOUNT
        .into_iter()
        .chain([("base_url", url.as_str())])
        .map(|(key, value)| (key.to_owned(), value.to_owned().into()))
        .collect();
    let context = Context {
        request_timeout: std::time::Duration::from_millis(500),
        ..Context::default()
    };
    let provider = evercert_dns::build_with("acmedns", &settings, &context).unwrap();
    let provider = evercert_dns::repeating(provider);

    provider.add(&TxtTarget::new(NAME, FIRST)).await.unwrap();
    *world.lost.lock().unwrap() = Some(SECOND.to_owned());
    provider.add(&TxtTarget::new(NAME, SECOND)).await.unwrap();

    assert_eq!(world.values("8e5700ea"), [FIRST, SECOND]);
}
