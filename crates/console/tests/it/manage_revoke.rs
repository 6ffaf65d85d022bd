//! Revoking: at the CA, by account or by key, before or after a replacement, also when the Console is killed.

use evercert_api::certificates::{ImportRequest, RollbackRequest};
use evercert_api::operations::{Operation, OperationState};
use evercert_api::revocations::{RevocationReason, RevokeRequest};
use evercert_console::lifecycle::{certificates, import, revoke, vendors};
use evercert_console::{Console, Environment, tasks};
use evercert_db::revocations::RevocationState;
use evercert_dns::server::AuthServer;
use evercert_testkit::acme_stub::{AcmeStub, Answer, Endpoint, StubOptions};
use evercert_testkit::{Pebble, PebbleOptions, eventually, start_or_skip};
use evercert_types::{CertificateState, Secret, StoreKind, VersionState};

use crate::world::{
    LIMIT, TSIG, World, ZONE, actor, ca_vendor, console_config, dns_provider, dns_server, ended,
    standing_clock, wanted,
};

async fn revoked(world: &World, name: &str, request: &RevokeRequest) -> Operation {
    let id = revoke::revoke(&world.console, &actor(), name, request)
        .await
        .unwrap();
    world.ended(id).await
}

async fn delivered(world: &World) -> Vec<(i64, bool)> {
    let items = world.console.db.store_items_after(0, 100).await.unwrap();
    items
        .iter()
        .map(|item| (item.generation, item.version_id.is_some()))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_revoked_is_served_no_more_and_is_renewed_if_automatic() {
    let world = World::start().await;
    let mut by_hand = wanted("www", &["www.example.test"]);
    by_hand.auto_renew = false;
    world.issue(by_hand).await;
    world.issue(wanted("auto", &["auto.example.test"])).await;
    let request = RevokeRequest {
        reason: RevocationReason::CessationOfOperation,
        ..RevokeRequest::default()
    };

    let operation = revoked(&world, "www", &request).await;

    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    assert_eq!(
        (
            operation.kind.as_str(),
            operation.revocations[0].state.as_str()
        ),
        ("revoke", "done")
    );
    let www = world.show("www").await;
    assert_eq!(www.state, CertificateState::Revoked);
    let version = www.keys[0].active.clone().unwrap();
    assert_eq!(version.state, VersionState::Revoked);
    assert_eq!(world.ca.revocation_reason(version.fingerprint), Some(5));
    assert!(
        delivered(&world).await.contains(&(1, false)),
        "{:?}",
        delivered(&world).await
    );
    let again = revoke::revoke(&world.console, &actor(), "www", &request).await;
    assert!(
        again
            .unwrap_err()
            .to_problem()
            .detail
            .contains("is revoked already")
    );
    let back = RollbackRequest {
        generation: Some(1),
        key: None,
    };
    let refused = certificates::rollback(&world.console, &actor(), "www", &back).await;
    assert_eq!(refused.unwrap_err().to_problem().code, "rollback.refused");

    revoked(&world, "auto", &request).await;
    let renewed = world.generation("auto", 2).await;
    assert_eq!(renewed.active.unwrap().state, VersionState::Good);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replacement_is_in_force_before_the_old_one_is_revoked() {
    let world = World::start().await;
    let mut keeping = wanted("www", &["www.example.test"]);
    keeping.reuse_key = true;
    world.issue(keeping).await;
    let superseded = RevokeRequest {
        reason: RevocationReason::Superseded,
        replace: true,
        ..RevokeRequest::default()
    };

    let operation = revoked(&world, "www", &superseded).await;

    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    let versions = certificates::versions(&world.console, "www").await.unwrap();
    let states: Vec<_> = versions
        .iter()
        .map(|one| (one.generation, one.state, one.active))
        .collect();
    assert_eq!(
        states,
        [
            (2, VersionState::Good, true),
            (1, VersionState::Revoked, false)
        ]
    );
    assert_eq!(world.ca.revocation_reason(versions[1].fingerprint), Some(4));
    assert_eq!(delivered(&world).await, [(2, true)]);
    let kinds: Vec<_> = operation
        .steps
        .iter()
        .map(|step| step.kind.as_str())
        .collect();
    let at = |kind: &str| kinds.iter().position(|one| *one == kind).unwrap();
    assert!(at("version.installed") < at("version.revoked"), "{kinds:?}");
    assert_eq!(world.show("www").await.state, CertificateState::Ok);

    // A key that others know is never used again, though this certificate keeps its key.
    let key = async || {
        let wanted = evercert_api::certificates::ExportRequest {
            with_key: true,
            ..Default::default()
        };
        let export = certificates::export(&world.console, "www", &wanted)
            .await
            .unwrap();
        export.key_pem.unwrap()
    };
    let known = key().await;
    let stolen = RevokeRequest {
        reason: RevocationReason::KeyCompromise,
        ..superseded
    };
    let operation = revoked(&world, "www", &stolen).await;
    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    assert_ne!(key().await, known);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leaf_that_serves_both_stores_is_revoked_in_both() {
    let world = World::start().await;
    world.issue(wanted("www", &["www.example.test"])).await;
    let mut copy = wanted("copy", &["www.example.test"]);
    copy.store = StoreKind::Certificate;
    copy.auto_renew = false;
    world.issue(copy).await;
    let leaf = async |name: &str| world.first_key(name).await.active.unwrap();
    assert_eq!(
        leaf("www").await.fingerprint,
        leaf("copy").await.fingerprint
    );

    revoked(&world, "copy", &RevokeRequest::default()).await;

    assert_eq!(world.show("copy").await.state, CertificateState::Revoked);
    // The automatic one was taken out of the zero-touch store, and is renewed for it.
    world.generation("www", 2).await;
    assert_eq!(delivered(&world).await, [(2, true)]);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_imported_certificate_is_revoked_by_its_own_key() {
    let world = World::start().await;
    world.issue(wanted("www", &["www.example.test"])).await;
    let export = evercert_api::certificates::ExportRequest {
        with_key: true,
        ..Default::default()
    };
    let export = certificates::export(&world.console, "www", &export)
        .await
        .unwrap();
    certificates::delete(&world.console, &actor(), "www")
        .await
        .unwrap();
    let request = ImportRequest {
        name: "foreign".to_owned(),
        store: StoreKind::Certificate,
        chain_pem: export.chain_pem,
        key_pem: export.key_pem.map(Secret::new),
        ..import_defaults()
    };
    import::import(&world.console, &actor(), request)
        .await
        .unwrap();
    // The account did not order it any more than we know: only the key proves the right.
    let nameless = RevokeRequest::default();
    let refused = revoke::revoke(&world.console, &actor(), "foreign", &nameless).await;
    assert_eq!(
        refused.unwrap_err().to_problem().pointer.as_deref(),
        Some("/vendor")
    );

    let request = RevokeRequest {
        vendor: Some("local".to_owned()),
        ..nameless
    };
    let operation = revoked(&world, "foreign", &request).await;

    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    let version = world.first_key("foreign").await.active.unwrap();
    assert_eq!(world.ca.revocation_reason(version.fingerprint), Some(0));
    world.stop().await;
}

fn import_defaults() -> ImportRequest {
    serde_json::from_value(
        serde_json::json!({"name": "x", "store": "certificate", "chain_pem": ""}),
    )
    .unwrap()
}

/// A Console at a stub CA, its tasks not started.
async fn at_stub(stub: &AcmeStub, dir: &std::path::Path) -> (Console, AuthServer) {
    let dns = dns_server(&standing_clock()).await;
    let config = console_config(dir, standing_clock(), dns.local_addr());
    let console = Console::open_in(config, Environment::default())
        .await
        .unwrap();
    let vendor = ca_vendor(
        "local",
        stub.directory_url(),
        stub.ca_bundle_pem().to_owned(),
    );
    vendors::add_vendor(&console, &actor(), vendor)
        .await
        .unwrap();
    let provider = dns_provider("dns", dns.local_addr(), TSIG);
    evercert_console::lifecycle::dns::add_dns_provider(&console, &actor(), provider)
        .await
        .unwrap();
    let zone = ZONE.parse().unwrap();
    evercert_console::lifecycle::dns::map_domain(&console, &actor(), &zone, "dns")
        .await
        .unwrap();
    (console, dns)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revocation_outlives_the_console_and_what_the_ca_says_is_kept() {
    let stub = AcmeStub::start(StubOptions::lets_encrypt()).await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (console, dns) = at_stub(&stub, dir.path()).await;
    let running = tasks::start(&console);
    for name in ["one", "two"] {
        let domain = format!("{name}.example.test");
        let request = wanted(name, &[&domain]);
        let id = evercert_console::lifecycle::request::request_issue(&console, &actor(), request)
            .await
            .unwrap();
        assert_eq!(ended(&console, id).await.state, OperationState::Succeeded);
    }
    console.stop();
    running.wait().await;
    let one = revoke::revoke(&console, &actor(), "one", &RevokeRequest::default())
        .await
        .unwrap();
    let two = revoke::revoke(&console, &actor(), "two", &RevokeRequest::default())
        .await
        .unwrap();
    drop(console);
    // Of the first, the CA has revoked it before the Console could write that down; it refuses the second for good.
    stub.control().queue(
        Endpoint::RevokeCert,
        Answer::problem(400, "alreadyRevoked", "is revoked"),
    );
    stub.control().queue(
        Endpoint::RevokeCert,
        Answer::problem(400, "badRevocationReason", "not today"),
    );
    let config = console_config(dir.path(), standing_clock(), dns.local_addr());
    let console = Console::open_in(config, Environment::default())
        .await
        .unwrap();
    let running = tasks::start(&console);

    let states = eventually("both have ended", LIMIT, async || {
        let mut states = Vec::new();
        for id in [one, two] {
            states.extend(console.db.revocations_of_operation(id).await.unwrap());
        }
        states
            .iter()
            .all(|one| one.state.is_finished())
            .then_some(states)
    })
    .await;

    let done = states
        .iter()
        .filter(|one| one.state == RevocationState::Done)
        .count();
    assert_eq!(done, 1, "{states:#?}");
    let failed = states
        .iter()
        .find(|one| one.state == RevocationState::Failed)
        .unwrap();
    let error = failed.error.as_ref().unwrap();
    assert_eq!(error["problem"]["detail"], "not today", "{error}");
    assert_eq!(error["stage"], "revocation");
    console.stop();
    running.wait().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pebble_says_that_it_is_revoked() {
    let dns = dns_server(&standing_clock()).await;
    let options = PebbleOptions {
        dns_server: Some(dns.local_addr()),
        ..PebbleOptions::default()
    };
    let pebble = start_or_skip!(Pebble::start(options).await);
    let dir = tempfile::tempdir().unwrap();
    let clock = std::sync::Arc::new(evercert_types::SystemClock);
    let config = console_config(dir.path(), clock, dns.local_addr());
    let console = Console::open_in(config, Environment::default())
        .await
        .unwrap();
    let vendor = ca_vendor(
        "local",
        pebble.directory_url(),
        pebble.ca_bundle_pem().to_owned(),
    );
    vendors::add_vendor(&console, &actor(), vendor)
        .await
        .unwrap();
    let provider = dns_provider("dns", dns.local_addr(), TSIG);
    evercert_console::lifecycle::dns::add_dns_provider(&console, &actor(), provider)
        .await
        .unwrap();
    let zone = ZONE.parse().unwrap();
    evercert_console::lifecycle::dns::map_domain(&console, &actor(), &zone, "dns")
        .await
        .unwrap();
    let running = tasks::start(&console);
    let request = wanted("www", &["www.example.test"]);
    let id = evercert_console::lifecycle::request::request_issue(&console, &actor(), request)
        .await
        .unwrap();
    assert_eq!(ended(&console, id).await.state, OperationState::Succeeded);
    let serial = certificates::versions(&console, "www").await.unwrap()[0]
        .serial
        .clone();
    let request = RevokeRequest {
        reason: RevocationReason::Superseded,
        replace: true,
        ..RevokeRequest::default()
    };

    let id = revoke::revoke(&console, &actor(), "www", &request)
        .await
        .unwrap();

    let operation = ended(&console, id).await;
    assert_eq!(operation.state, OperationState::Succeeded, "{operation:#?}");
    let url = format!("{}/cert-status-by-serial/{serial}", pebble.management_url());
    let status = pebble.http_client().unwrap().get(url).send().await.unwrap();
    let status: serde_json::Value = status.json().await.unwrap();
    assert_eq!(status["Status"], "Revoked", "{status}");
    assert_eq!(status["Reason"], 4, "{status}");
    console.stop();
    running.wait().await;
}
