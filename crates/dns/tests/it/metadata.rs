//! Azure and Google by the identity of the virtual machine: tokens come from the metadata service.

use std::sync::Arc;

use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Form, Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use evercert_dns::{Fault, Provider, Settings};
use serde_json::{Value, json};

type Pairs = Query<std::collections::BTreeMap<String, String>>;

/// Both clouds' metadata services, and the list of zones that their tokens open.
async fn clouds() -> String {
    let azure = get(async |Query(query): Pairs, headers: HeaderMap| {
        let is_asked = headers.get("metadata").is_some_and(|value| value == "true")
            && query["resource"] == "https://management.azure.com/"
            && query
                .get("client_id")
                .is_none_or(|client| client == "identity-1");
        assert!(is_asked, "{query:?} {headers:?}");
        // The number is text here.
        Json(json!({"access_token": "vm-token", "expires_in": "86399", "token_type": "Bearer"}))
    });
    let google = get(async |headers: HeaderMap| {
        assert_eq!(headers["metadata-flavor"], "Google");
        Json(json!({"access_token": "vm-token", "expires_in": 3599, "token_type": "Bearer"}))
    });
    let opened = |headers: &HeaderMap| headers["authorization"] == "Bearer vm-token";
    let zones = get(async move |headers: HeaderMap| match opened(&headers) {
        true => (
            StatusCode::OK,
            Json(json!({"value": [], "managedZones": []})),
        ),
        false => (
            StatusCode::UNAUTHORIZED,
            Json(json!({"error": {"code": "InvalidAuthenticationToken", "message": "no"}})),
        ),
    });
    let app = Router::new()
        .route("/metadata/identity/oauth2/token", azure)
        .route(
            "/computeMetadata/v1/instance/service-accounts/default/token",
            google,
        )
        .route(
            "/subscriptions/sub-1/providers/Microsoft.Network/dnszones",
            zones.clone(),
        )
        .route("/dns/v1/projects/p-1/managedZones", zones);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

fn provider(code: &str, url: &str, pairs: &[(&str, &str)]) -> Arc<dyn Provider> {
    let pairs = pairs.iter().copied();
    let pairs = pairs.chain([("base_url", url), ("metadata_url", url)]);
    let settings: Settings = pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned().into()))
        .collect();
    evercert_dns::build(code, &settings).unwrap()
}

#[tokio::test]
async fn the_machine_s_identity_opens_azure_and_google() {
    let url = clouds().await;
    let azure = [("subscription_id", "sub-1"), ("managed_identity", "true")];
    provider("azure", &url, &azure).check(None).await.unwrap();
    let named = [
        ("subscription_id", "sub-1"),
        ("managed_identity", "true"),
        ("client_id", "identity-1"),
    ];
    provider("azure", &url, &named).check(None).await.unwrap();
    provider("gcloud", &url, &[("metadata", "true"), ("project", "p-1")])
        .check(None)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_token_that_was_given_is_used_as_it_is() {
    let url = clouds().await;
    let given = |token: &'static str| [("subscription_id", "sub-1"), ("bearer_token", token)];
    provider("azure", &url, &given("vm-token"))
        .check(None)
        .await
        .unwrap();
    let error = provider("azure", &url, &given("old-token"))
        .check(None)
        .await
        .unwrap_err();
    assert_eq!(error.fault(), Fault::Credentials, "{error}");
    assert!(
        error.to_string().contains("InvalidAuthenticationToken"),
        "{error}"
    );
}

#[test]
fn keys_that_cannot_sign_are_told() {
    let key: Value = json!({"client_email": "a@b", "token_uri": "https://oauth2.googleapis.com/token", "private_key": "nonsense", "project_id": "p"});
    for (text, word) in [
        ("{", "no JSON"),
        ("{}", "token_uri"),
        (key.to_string().as_str(), "no RSA key"),
    ] {
        let settings: Settings = [
            ("service_account".to_owned(), text.to_owned().into()),
            ("project".to_owned(), "p".to_owned().into()),
        ]
        .into();
        let error = evercert_dns::build("gcloud", &settings).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}

/// A key and a certificate made for this test; they open nothing.
const CLIENT: &str = include_str!("azure-test-client.pem");

#[tokio::test]
async fn an_application_shows_its_certificate() {
    type Given = Form<std::collections::BTreeMap<String, String>>;
    let token = post(async |Form(given): Given| {
        assert_eq!(
            given["client_assertion_type"],
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        );
        let parts: Vec<Value> = (given["client_assertion"].split('.').take(2))
            .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap())
            .collect();
        assert_eq!(
            (&parts[0]["alg"], &parts[0]["x5t"]),
            (&json!("RS256"), &json!("FUG1PcBr_NhO63_u0OHGg3AqUMM"))
        );
        assert_eq!(
            (&parts[1]["iss"], &parts[1]["sub"]),
            (&json!("app-1"), &json!("app-1"))
        );
        assert!(
            parts[1]["aud"]
                .as_str()
                .unwrap()
                .ends_with("/tenant-1/oauth2/v2.0/token")
        );
        Json(json!({"access_token": "vm-token", "expires_in": 3599}))
    });
    let app = Router::new().route("/tenant-1/oauth2/v2.0/token", token);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let login = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    let url = clouds().await;
    let pairs = [
        ("subscription_id", "sub-1"),
        ("tenant_id", "tenant-1"),
        ("client_id", "app-1"),
        ("client_certificate", CLIENT),
        ("login_url", &login),
    ];

    provider("azure", &url, &pairs).check(None).await.unwrap();
}
