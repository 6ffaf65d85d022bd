//! Directories that cannot be read or used.

use std::time::Duration;

use evercert_acme::{
    AccountKey, AcmeError, Client, ClientConfig, Fault, NewAccount, SignatureAlgorithm, Stage,
    TransportFault,
};
use evercert_testkit::acme_stub::{AcmeStub, StubOptions};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::stub::{Canned, Rules, Stub};
use crate::support::{config, connect};

const ALIAS: &str =
    "Cannot initialize API for the CA server. Please check the CA server configuration.";

async fn refused(stub: &Stub) -> AcmeError {
    Client::connect(config(stub.directory_url()))
        .await
        .unwrap_err()
}

/// Message and causes, as a log shows them.
fn story(error: &AcmeError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(current) = cause {
        text.push_str(&format!(": {current}"));
        cause = current.source();
    }
    text
}

#[tokio::test]
async fn what_the_ca_says_about_itself_is_there() {
    let stub = Stub::start(Rules::default()).await;

    let client = connect(&stub).await;

    let meta = &client.directory().meta;
    assert!(client.has_ari() && !meta.eab_required);
    assert_eq!(meta.caa_identities, ["stub.test"]);
    assert_eq!(meta.profiles["classic"], "the usual one");
    let seen = &stub.seen("/dir")[0];
    let agent = seen.headers["user-agent"].to_str().unwrap();
    assert!(agent.starts_with("evercert/"), "{agent}");
    assert!(seen.headers.get("cookie").is_none());
}

#[tokio::test]
async fn a_web_page_is_no_directory() {
    let stub = Stub::start(Rules::default()).await;
    stub.script("/dir", [Canned::html(200)]);

    let error = refused(&stub).await;

    assert!(matches!(error, AcmeError::Directory { .. }));
    assert!(
        error.to_string().contains("<h1>Gateway trouble</h1>"),
        "{error}"
    );
    assert_eq!(error.alias(), Some(ALIAS));
    assert_eq!(error.fault(), Fault::Configuration);
    assert!(error.remedy().contains("directory URL"));
}

#[tokio::test]
async fn missing_members_are_named() {
    let stub = Stub::start(Rules {
        directory: vec![("newNonce", Value::Null), ("newOrder", json!("not a URL"))],
        ..Rules::default()
    })
    .await;

    // A null member is another kind of wrong than an absent one.
    let null = refused(&stub).await;
    stub.rules(|rules| rules.directory[0].1 = json!(""));
    let missing = refused(&stub).await;

    assert!(
        null.to_string().contains("newNonce") || null.to_string().contains("null"),
        "{null}"
    );
    assert!(
        missing
            .to_string()
            .ends_with("it has no URL for newNonce, newOrder"),
        "{missing}"
    );
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_says_where_to() {
    let stub = Stub::start(Rules::default()).await;
    let redirect = Canned::new(302, "").with("location", "https://portal.test/login");
    stub.script("/dir", [redirect]);

    let error = refused(&stub).await;

    assert!(
        story(&error).contains("redirects to https://portal.test/login"),
        "{}",
        story(&error)
    );
    assert!(error.remedy().contains("https://portal.test/login"));
    assert_eq!(stub.seen("/dir").len(), 1);
}

#[tokio::test]
async fn a_short_outage_is_waited_out() {
    let stub = Stub::start(Rules::default()).await;
    let unavailable = Canned::html(503).with("retry-after", "1");
    stub.script("/dir", [unavailable, Canned::html(502)]);
    let start = Instant::now();

    connect(&stub).await;

    assert_eq!(stub.seen("/dir").len(), 3);
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[tokio::test]
async fn a_long_outage_is_told_with_the_time_the_ca_names() {
    let stub = Stub::start(Rules::default()).await;
    stub.script("/dir", [Canned::html(503).with("retry-after", "3600")]);

    let error = refused(&stub).await;

    assert_eq!(error.fault(), Fault::Outage);
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3_600)));
    assert!(error.is_retryable());
    assert_eq!(stub.seen("/dir").len(), 1);
}

#[tokio::test]
async fn a_refused_connection_is_tried_a_few_times_and_named() {
    let mut stub = Stub::start(Rules::default()).await;
    stub.stop().await;
    let mut settings = config(stub.directory_url());
    settings.retries = 1;

    let error = Client::connect(settings).await.unwrap_err();

    let url = stub.directory_url();
    assert_eq!(
        story(&error),
        format!("reading the ACME directory {url}: the connection was refused")
    );
    assert_eq!(error.stage(), Some(Stage::Directory));
    assert!(error.is_retryable());
    assert!(error.remedy().contains("port"));
}

#[tokio::test]
async fn a_hanging_ca_ends_at_the_operation_s_limit() {
    let stub = Stub::start(Rules::default()).await;
    stub.script("/dir", std::iter::repeat_with(Canned::hang).take(9));
    let settings = ClientConfig {
        request_timeout: Duration::from_millis(200),
        operation_timeout: Duration::from_millis(700),
        ..config(stub.directory_url())
    };
    let start = Instant::now();

    let error = Client::connect(settings).await.unwrap_err();

    assert!(start.elapsed() < Duration::from_secs(3));
    let AcmeError::Directory {
        cause: Some(source),
        ..
    } = &error
    else {
        panic!("{error}");
    };
    assert!(
        matches!(
            **source,
            AcmeError::Transport {
                fault: TransportFault::TimedOut,
                ..
            }
        ),
        "{source}"
    );
}

#[tokio::test]
async fn a_host_without_address_is_a_dns_fault() {
    let mut settings = config("https://no-such-host.invalid/dir");
    settings.retries = 0;

    let error = Client::connect(settings).await.unwrap_err();

    assert!(
        story(&error).contains("could not be resolved"),
        "{}",
        story(&error)
    );
}

#[tokio::test]
async fn a_flood_is_not_read() {
    let stub = Stub::start(Rules::default()).await;
    stub.script("/dir", [Canned::new(200, vec![b' '; 100_000])]);
    let mut settings = config(stub.directory_url());
    settings.max_response_bytes = 10_000;

    let error = Client::connect(settings).await.unwrap_err();

    assert!(
        story(&error).contains("larger than 10000 bytes"),
        "{}",
        story(&error)
    );
}

#[tokio::test]
async fn plain_http_and_bad_bundles_are_settings_to_correct() {
    let plain = Client::connect(config("http://ca.example/dir"))
        .await
        .unwrap_err();
    let bundle = Client::connect(ClientConfig {
        ca_bundle_pem: Some("no PEM".to_owned()),
        ..config("https://127.0.0.1:1/dir")
    })
    .await
    .unwrap_err();

    assert!(
        plain.to_string().contains("must begin with https://"),
        "{plain}"
    );
    assert!(bundle.to_string().contains("the CA bundle"), "{bundle}");
    for error in [plain, bundle] {
        assert!(matches!(error, AcmeError::Configuration { .. }));
        assert!(!error.is_retryable());
        assert_eq!(error.alias(), Some(ALIAS));
    }
}

#[tokio::test]
async fn a_ca_that_moves_its_urls_is_noticed_and_its_directory_read_anew() {
    let stub = AcmeStub::start(StubOptions::default()).await.unwrap();
    let mut config = ClientConfig::new(stub.directory_url());
    config.ca_bundle_pem = Some(stub.ca_bundle_pem().to_owned());
    let client = Client::connect(config).await.unwrap();
    let key = AccountKey::generate(SignatureAlgorithm::Es256).unwrap();
    client
        .new_account(&key, &NewAccount::agreed())
        .await
        .unwrap();
    assert!(!client.is_outdated());

    stub.control()
        .switch(|switches| "/v3".clone_into(&mut switches.prefix));

    let gone = client.new_account(&key, &NewAccount::agreed()).await;
    assert!(gone.is_err() && client.is_outdated());
    let client = client.reload().await.unwrap();
    assert!(!client.is_outdated());
    client
        .new_account(&key, &NewAccount::agreed())
        .await
        .unwrap();
}
