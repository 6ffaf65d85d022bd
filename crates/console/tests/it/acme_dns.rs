//! acme-dns: the order registers an account, waits for the CNAME, and shares the account's two places with others.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use evercert_api::dns_providers::{
    DelegationQuery, NewDnsProvider, NewDomainMappings, PropagationSettings, RecordSettings,
};
use evercert_api::operations::{Operation, OperationState};
use evercert_console::lifecycle::{
    delegation, dns, dns_accounts, dns_mapping, operations, request,
};
use evercert_dns::server::RecordData;
use evercert_testkit::eventually;
use evercert_types::{OperationId, Secret};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::world::{LIMIT, World, actor, wanted};

/// An acme-dns server by its protocol (github.com/joohoi/acme-dns); its zone `acme.test` is served by the world's DNS.
struct AcmeDns {
    world: World,
    /// The two values of each account, the older one first.
    values: Mutex<BTreeMap<String, Vec<String>>>,
}

async fn register(State(server): State<Arc<AcmeDns>>) -> (StatusCode, Json<Value>) {
    let mut values = server.values.lock().unwrap();
    let label = format!("account{}", values.len() + 1);
    values.insert(label.clone(), Vec::new());
    let answer = json!({
        "username": format!("user-{label}"), "password": format!("hush-{label}"), "subdomain": label,
        "fulldomain": format!("{label}.acme.test"), "allowfrom": [],
    });
    (StatusCode::CREATED, Json(answer))
}

async fn update(
    State(server): State<Arc<AcmeDns>>,
    headers: HeaderMap,
    Json(asked): Json<Value>,
) -> (StatusCode, Json<Value>) {
    let label = asked["subdomain"].as_str().unwrap_or_default();
    let txt = asked["txt"].as_str().unwrap_or_default().to_owned();
    let mut values = server.values.lock().unwrap();
    let known = headers
        .get("x-api-key")
        .is_some_and(|key| *key == format!("hush-{label}"));
    let Some(values) = values.get_mut(label).filter(|_| known) else {
        return (
            StatusCode::UNAUTHORIZED,
            Json(json!({"error": "forbidden"})),
        );
    };
    let name = format!("{label}.acme.test");
    if values.len() == 2 {
        server
            .world
            .dns
            .remove(&name, &RecordData::Txt(values.remove(0)));
    }
    server
        .world
        .dns
        .add(&name, &RecordData::Txt(txt.clone()))
        .unwrap();
    values.push(txt.clone());
    (StatusCode::OK, Json(json!({"txt": txt})))
}

/// A world whose zone `hand.example.test` is answered through an acme-dns server.
async fn start() -> Arc<AcmeDns> {
    let world = World::start().await;
    let (console, zone) = (&world.console, "acme.test".parse().unwrap());
    dns::unmap_domain(console, &actor(), &zone).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let provider = NewDnsProvider {
        name: "acme-dns".to_owned(),
        type_code: "acmedns".to_owned(),
        settings: [(
            "base_url".to_owned(),
            Secret::new(format!("http://{address}")),
        )]
        .into(),
        records: RecordSettings::default(),
        skip_test: true,
        propagation: PropagationSettings {
            first_look: Some("0s".to_owned()),
            ..PropagationSettings::default()
        },
    };
    dns::add_dns_provider(console, &actor(), provider)
        .await
        .unwrap();
    let server = Arc::new(AcmeDns {
        world,
        values: Mutex::default(),
    });
    let app = Router::new()
        .route("/register", post(register))
        .route("/update", post(update))
        .route("/health", get(async || StatusCode::OK))
        .with_state(server.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let wanted = NewDomainMappings {
        domain: Some("hand.example.test".parse().unwrap()),
        provider: "acme-dns".to_owned(),
        ..NewDomainMappings::default()
    };
    let mapped = dns_mapping::map_domains(&server.world.console, &actor(), &wanted).await;
    let mapped = mapped.unwrap().mapped;
    assert_eq!(mapped[0].zone, None);
    let warning = &mapped[0].warnings[0];
    assert!(
        warning.contains("dns-provider register acme-dns hand.example.test"),
        "{warning}"
    );
    server
}

/// What the order waits for.
async fn waits_for(world: &World, id: OperationId) -> Value {
    eventually("the order waits", LIMIT, async || {
        let operation = operations::operation(&world.console, id).await.unwrap();
        assert_eq!(operation.state, OperationState::Running, "{operation:#?}");
        let waiting = operation
            .steps
            .into_iter()
            .find(|step| step.kind == "order.waiting");
        waiting.map(|step| step.detail["error"].clone())
    })
    .await
}

async fn ended_in_time(world: &World, id: OperationId) -> Operation {
    eventually("the operation has ended", LIMIT, async || {
        world.clock.advance(SignedDuration::from_secs(11));
        world.console.wake_tasks();
        let operation = operations::operation(&world.console, id).await.unwrap();
        (operation.state != OperationState::Running).then_some(operation)
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_registers_an_account_and_goes_on_once_the_cname_is_there() {
    let server = start().await;
    let world = &server.world;
    let names = ["hand.example.test", "*.hand.example.test"];
    let id = request::request_issue(&world.console, &actor(), wanted("hand", &names))
        .await
        .unwrap();

    let error = waits_for(world, id).await;
    assert_eq!(error["code"], "dns.alias_missing", "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.starts_with("Error adding TXT record for domain validation."),
        "{message}"
    );
    let create = "Create the record: _acme-challenge.hand.example.test. CNAME account1.acme.test.";
    assert!(
        error["remedy"].as_str().unwrap().starts_with(create),
        "{error}"
    );
    let shown = dns::list(&world.console).await.unwrap();
    let shown = shown.iter().find(|one| one.name == "acme-dns").unwrap();
    assert_eq!(shown.aliases[0].create, create);
    assert!(!format!("{shown:?}").contains("hush"));

    let other = RecordData::Cname("elsewhere.acme.test".to_owned());
    world
        .dns
        .add("_acme-challenge.hand.example.test", &other)
        .unwrap();
    let found = delegations(world).await;
    assert!(
        found.detail.contains("leads to elsewhere.acme.test") && !found.ok,
        "{found:?}"
    );
    world
        .dns
        .remove("_acme-challenge.hand.example.test", &other);
    let cname = RecordData::Cname("account1.acme.test".to_owned());
    world
        .dns
        .add("_acme-challenge.hand.example.test", &cname)
        .unwrap();
    assert!(delegations(world).await.ok);
    let operation = ended_in_time(world, id).await;
    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    assert_eq!(
        server.values.lock().unwrap().len(),
        1,
        "one account for name and wildcard"
    );

    // Three more at once for the account with its two places.
    let mut ids = Vec::new();
    let more = [
        "hand.example.test",
        "*.hand.example.test",
        "www.example.test",
    ];
    for (name, names) in [
        ("one", &names[..1]),
        ("two", &names[1..]),
        ("three", &more[..]),
    ] {
        let wish = wanted(name, names);
        ids.push(
            request::request_issue(&world.console, &actor(), wish)
                .await
                .unwrap(),
        );
    }
    for id in ids {
        let operation = ended_in_time(world, id).await;
        assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    }
    assert_eq!(world.console.db.journal_size().await.unwrap(), 0);
}

async fn delegations(world: &World) -> evercert_api::dns_providers::Delegation {
    let query = DelegationQuery {
        domains: vec!["hand.example.test".parse().unwrap()],
        zone: None,
    };
    delegation::check(&world.console, &query)
        .await
        .unwrap()
        .remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_domain_can_be_registered_before_any_order() {
    let server = start().await;
    let world = &server.world;
    let before = delegations(world).await;
    assert!(
        !before.ok
            && before
                .remedy
                .unwrap()
                .contains("dns-provider register acme-dns")
    );
    assert!(
        server.values.lock().unwrap().is_empty(),
        "a look registers nothing"
    );

    let domain = "*.hand.example.test".parse().unwrap();
    let register =
        async |name: &str| dns_accounts::register(&world.console, &actor(), name, &domain).await;
    let alias = register("acme-dns").await.unwrap();
    assert_eq!(
        (alias.domain.as_str(), alias.target.as_str()),
        ("hand.example.test", "account1.acme.test")
    );
    assert_eq!(
        register("acme-dns").await.unwrap(),
        alias,
        "said again, not registered again"
    );
    assert_eq!(
        delegations(world).await.target.as_deref(),
        Some("account1.acme.test")
    );

    let problem = register("dns").await.unwrap_err().to_problem();
    assert!(
        problem.detail.contains("nothing to register"),
        "{problem:?}"
    );
    dns::unmap_domain(&world.console, &actor(), &domain)
        .await
        .unwrap();
    dns::remove(&world.console, &actor(), "acme-dns")
        .await
        .unwrap();
}
