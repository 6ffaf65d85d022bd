//! ARI: windows, a moved URL, CAs without it.

use std::time::Duration;

use evercert_acme::{Account, AcmeError};
use evercert_x509::{Certificate, Chain, ari_certificate_id};
use serde_json::{Value, json};

use crate::stub::{Canned, Rules, Stub};
use crate::support::{csr, order_for, with_account};

async fn certificate(directory: Vec<(&'static str, Value)>) -> (Stub, Account, Certificate) {
    let (stub, account) = with_account(Rules {
        prevalidated: true,
        directory,
        ..Rules::default()
    })
    .await;
    let order = account.new_order(&order_for(&["a.example"])).await.unwrap();
    let order = account
        .finalize(&order, &csr(&["a.example"]).0)
        .await
        .unwrap();
    let downloaded = account
        .download(order.certificate_url().unwrap())
        .await
        .unwrap();
    let leaf = Chain::from_pem(&downloaded.pem).unwrap().leaf().clone();
    (stub, account, leaf)
}

fn path(certificate: &Certificate) -> String {
    format!("/ari/{}", ari_certificate_id(certificate).unwrap())
}

#[tokio::test]
async fn the_window_comes_with_its_reason_and_the_next_poll() {
    let (stub, account, leaf) = certificate(Vec::new()).await;

    let info = account.renewal_info(&leaf).await.unwrap();

    assert_eq!(info.start.to_string(), "2026-03-01T00:00:00Z");
    assert_eq!(
        info.explanation_url.as_deref(),
        Some("https://stub.test/why")
    );
    assert_eq!(info.poll_after(), Duration::from_secs(21_600));
    assert_eq!(stub.seen(&path(&leaf)).len(), 1);
}

#[tokio::test]
async fn a_window_that_ends_before_it_begins_is_malformed() {
    let (stub, account, leaf) = certificate(Vec::new()).await;
    let window = json!({ "start": "2026-03-02T00:00:00Z", "end": "2026-03-02T00:00:00Z" });
    let body = json!({ "suggestedWindow": window });
    stub.script(&path(&leaf), [Canned::json(200, &body)]);

    let error = account.renewal_info(&leaf).await.unwrap_err();

    assert!(
        error.to_string().contains("ends before it begins"),
        "{error}"
    );
}

#[tokio::test]
async fn a_url_that_moved_is_looked_up_again() {
    let (stub, account, leaf) = certificate(vec![("renewalInfo", json!("{base}/old"))]).await;
    stub.rules(|rules| rules.directory.clear());

    let info = account.renewal_info(&leaf).await.unwrap();

    assert!(info.end > info.start);
    assert_eq!(stub.seen("/dir").len(), 2);
}

#[tokio::test]
async fn an_unknown_certificate_is_what_the_ca_says_it_is() {
    let (stub, account, leaf) = certificate(Vec::new()).await;
    let unknown = || Canned::problem(404, "malformed", "no such certificate");
    stub.script(&path(&leaf), [unknown(), unknown()]);

    let error = account.renewal_info(&leaf).await.unwrap_err();

    assert_eq!(error.problem().unwrap().status, Some(404));
    assert_eq!(stub.seen(&path(&leaf)).len(), 1);
}

#[tokio::test]
async fn a_ca_without_it_says_so() {
    let (_stub, account, leaf) = certificate(vec![("renewalInfo", Value::Null)]).await;

    let error = account.renewal_info(&leaf).await.unwrap_err();

    assert!(!account.client().has_ari());
    assert!(
        matches!(
            error,
            AcmeError::NotOffered {
                member: "renewalInfo",
                ..
            }
        ),
        "{error}"
    );
}
