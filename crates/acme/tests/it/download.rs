//! Downloads: alternates, line ends, forms, pages instead of certificates.

use evercert_acme::{Account, AcmeError, select_chain};
use evercert_x509::Chain;

use crate::stub::{Canned, Rules, Stub};
use crate::support::{csr, order_for, with_account};

async fn issued(alternates: usize) -> (Stub, Account, String) {
    let (stub, account) = with_account(Rules {
        prevalidated: true,
        alternates,
        ..Rules::default()
    })
    .await;
    let order = account.new_order(&order_for(&["a.example"])).await.unwrap();
    let order = account
        .finalize(&order, &csr(&["a.example"]).0)
        .await
        .unwrap();
    let url = order.certificate_url().unwrap().to_owned();
    (stub, account, url)
}

#[tokio::test]
async fn every_alternate_chain_is_offered_and_the_preferred_one_chosen() {
    let (stub, account, url) = issued(2).await;

    let default = account.download(&url).await.unwrap();
    let others = account.download_alternates(&default).await;

    assert_eq!(
        default.alternates,
        [stub.url("/cert/0/1"), stub.url("/cert/0/2")]
    );
    let chain = |pem: &str| Chain::from_pem(pem).unwrap();
    let alternates = others.iter().map(|other| chain(&other.pem)).collect();
    let chosen = select_chain(chain(&default.pem), alternates, Some("Root 2"));
    assert_eq!(chosen.top_issuer(), "CN=Root 2");
    assert_eq!(
        stub.seen("/cert/0")[0].headers["accept"],
        "application/pem-certificate-chain"
    );
}

#[tokio::test]
async fn an_alternate_that_fails_is_left_out() {
    let (stub, account, url) = issued(2).await;
    stub.script("/cert/0/1", [Canned::problem(404, "malformed", "gone")]);

    let default = account.download(&url).await.unwrap();

    assert_eq!(account.download_alternates(&default).await.len(), 1);
}

#[tokio::test]
async fn a_page_instead_of_a_certificate_is_malformed() {
    let (stub, account, url) = issued(0).await;
    stub.script("/cert/0", [Canned::html(200)]);

    let error = account.download(&url).await.unwrap_err();

    assert!(matches!(error, AcmeError::Malformed { .. }));
    assert!(
        error
            .to_string()
            .contains("(text/html) is no certificate chain"),
        "{error}"
    );
}

#[tokio::test]
async fn a_download_cut_off_is_repeated() {
    let (stub, account, url) = issued(0).await;
    stub.script("/cert/0", [Canned::new(200, "-----BEGIN CERT").cut()]);

    let downloaded = account.download(&url).await.unwrap();

    assert!(Chain::from_pem(&downloaded.pem).is_ok());
    assert_eq!(stub.seen("/cert/0").len(), 2);
}
