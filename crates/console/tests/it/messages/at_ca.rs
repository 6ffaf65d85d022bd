//! What the CA does: unreachable, not what it should be, refusing a name, a contact, a finalize request.

use evercert_console::lifecycle::vendors;
use evercert_testkit::acme_stub::{Answer, Endpoint, Failure, Finalize, Nonce};

use super::{Stage, assert_answered, assert_said, problem, words};
use crate::world::{actor, ca_vendor};

fn vendor_of(stage: &Stage, name: &str) -> evercert_api::ca_vendors::NewCaVendor {
    let bundle = stage.stub.ca_bundle_pem().to_owned();
    ca_vendor(name, stage.stub.directory_url(), bundle)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_02_domain_name_needs_at_least_one_dot() {
    let stage = Stage::set().await;
    stage.map("testdomain", "dns").await;

    // The CA's own words, from Boulder's text in the stub.
    let error = stage.fails("by-ca", &["testdomain"]).await;

    assert_said(&error, words(2));
    assert_eq!(
        (
            error.stage.as_str(),
            error.class.as_str(),
            error.code.as_str()
        ),
        (
            "order",
            "configuration",
            "acme.new_order.rejectedIdentifier"
        )
    );
    assert_eq!(error.problem.unwrap()["detail"], words(2));

    // And ours, in the same words, where the CA is a public one: nothing is ordered.
    stage.go_public().await;
    stage.stub.control().forget_requests();
    let problem = stage.is_refused("by-us", &["testdomain"]).await;
    assert_answered(&problem, words(2));
    assert_eq!(
        (problem.code.as_str(), problem.status),
        ("domain.invalid", 422)
    );
    assert_eq!(problem.pointer.as_deref(), Some("/domains/0"));
    assert!(
        stage
            .stub
            .control()
            .requests_to(Endpoint::NewOrder)
            .is_empty()
    );
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_03_could_not_get_nonce() {
    let stage = Stage::set().await;
    stage
        .stub
        .control()
        .switch(|switches| switches.nonce = Nonce::Missing);

    let error = stage.fails("www", &["www.example.test"]).await;

    assert_said(&error, words(3));
    assert!(error.code.starts_with("acme.nonce."), "{error:#?}");
    assert_eq!(error.class, "ca_outage");
    assert!(
        error.message.contains("/new-nonce") || error.message.contains("nonce"),
        "{error:#?}"
    );
    // The test of the vendor says the same, step by step.
    let report = vendors::test_vendor(&stage.console, "local").await.unwrap();
    let step = report
        .steps
        .iter()
        .find(|step| step.name == "nonce")
        .unwrap();
    assert!(!step.ok && step.detail.starts_with(words(3)), "{report:#?}");
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_04_cannot_initialize_api() {
    let stage = Stage::set().await;
    let control = stage.stub.control();
    control.always(Endpoint::Directory, Answer::html(200));

    let refused = vendors::add_vendor(&stage.console, &actor(), vendor_of(&stage, "portal")).await;
    let error = stage.fails("www", &["www.example.test"]).await;

    let problem = problem(refused);
    assert_answered(&problem, words(4));
    assert!(problem.detail.contains("<html>"), "{problem:#?}");
    assert!(vendors::show(&stage.console, "portal").await.is_err());
    assert_said(&error, words(4));
    assert_eq!(
        (error.stage.as_str(), error.code.as_str()),
        ("account", "acme.directory.malformed")
    );
    assert!(
        error.message.contains(&stage.stub.directory_url()),
        "{error:#?}"
    );
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_11_unable_to_parse_email_address() {
    let stage = Stage::set().await;
    // Refused by the CA, whose words are kept.
    let refusal = Answer::problem(400, "invalidContact", words(11));
    stage.stub.control().always(Endpoint::NewAccount, refusal);

    let refused = vendors::add_vendor(&stage.console, &actor(), vendor_of(&stage, "strict")).await;

    let by_ca = problem(refused);
    assert_answered(&by_ca, words(11));
    assert!(
        vendors::show(&stage.console, "strict").await.is_err(),
        "half saved"
    );

    // Refused here, before the CA is asked.
    stage.stub.control().heal();
    let mut vendor = vendor_of(&stage, "typo");
    vendor.email = Some("not an address".to_owned());
    let by_us = problem(vendors::add_vendor(&stage.console, &actor(), vendor).await);
    assert_answered(&by_us, words(11));
    assert!(
        vendors::show(&stage.console, "typo").await.is_err(),
        "half saved"
    );
    stage.strike().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn message_12_unable_to_process_finalize() {
    let stage = Stage::set().await;
    let failure = |detail: &str| Failure {
        kind: "unauthorized".to_owned(),
        detail: detail.to_owned(),
    };
    let refuse = Finalize::Refuse(403, failure("This product is not in your contract"));
    stage
        .stub
        .control()
        .switch(|switches| switches.finalize = refuse);

    let refused = stage.fails("refused", &["a.example.test"]).await;

    assert_said(&refused, words(12));
    assert_eq!(
        (refused.stage.as_str(), refused.code.as_str()),
        ("finalize", "acme.finalize.unauthorized")
    );
    assert_eq!(
        refused.problem.unwrap()["detail"],
        "This product is not in your contract"
    );

    // DigiCert takes the request, and fails the order afterwards.
    let late = Finalize::Invalid(failure("The organization is not validated"));
    stage
        .stub
        .control()
        .switch(|switches| switches.finalize = late);
    let late = stage.fails("late", &["b.example.test"]).await;
    assert_said(&late, words(12));
    assert_eq!(
        late.problem.unwrap()["detail"],
        "The organization is not validated"
    );
    crate::world::tidy(&stage.console, &stage.dns).await;
    stage.strike().await;
}
