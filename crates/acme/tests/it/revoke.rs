//! Revoking by account and by key, once and again.

use evercert_acme::{AcmeError, ProblemKind, RevocationReason};
use evercert_x509::KeyPair;

use crate::stub::{Canned, Rules};
use crate::support::with_account;

#[tokio::test]
async fn revoking_twice_is_success() {
    let (stub, account) = with_account(Rules::default()).await;

    account
        .revoke(b"der", RevocationReason::Superseded)
        .await
        .unwrap();
    account
        .revoke(b"der", RevocationReason::Superseded)
        .await
        .unwrap();

    assert_eq!(stub.seen("/revoke")[0].payload["reason"], 4);
}

#[tokio::test]
async fn the_certificate_s_own_key_revokes_without_an_account() {
    let (stub, account) = with_account(Rules::default()).await;
    let key = KeyPair::generate(evercert_types::KeyAlgorithm::EcdsaP384).unwrap();

    account
        .client()
        .revoke_with_key(b"der", &key, RevocationReason::KeyCompromise)
        .await
        .unwrap();

    let protected = &stub.seen("/revoke")[0].protected;
    assert_eq!(protected["alg"], "ES384");
    assert!(protected["jwk"].is_object() && protected["kid"].is_null());
}

#[tokio::test]
async fn a_refused_revocation_says_why() {
    let (stub, account) = with_account(Rules::default()).await;
    stub.script(
        "/revoke",
        [Canned::problem(403, "unauthorized", "not yours")],
    );

    let error = account
        .revoke(b"der", RevocationReason::Unspecified)
        .await
        .unwrap_err();

    assert_eq!(error.problem().unwrap().kind(), ProblemKind::Unauthorized);
    assert!(matches!(error, AcmeError::Problem(_)));
}
