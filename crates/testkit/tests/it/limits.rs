//! Rate limits: pretended, modelled on a clock, exemptions, pauses.

use std::collections::BTreeSet;
use std::time::Duration;

use evercert_acme::{Account, ProblemKind};
use evercert_testkit::acme_stub::{
    AcmeStub, Ari, AriWindow, Authz, Bucket, Failure, LimitKind, Limits, Pause, RateLimit,
    StubOptions,
};
use jiff::SignedDuration;

use crate::support::{
    detail, issue, issue_order, on_clock, order_for, pair, problem, register, replacing,
    with_account,
};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// Let's Encrypt's limits on a clock of ours, authorizations valid at once.
async fn limited() -> (
    std::sync::Arc<evercert_types::ManualClock>,
    AcmeStub,
    Account,
) {
    let (clock, mut options) = on_clock(StubOptions::default());
    options.switches.limits = Limits::lets_encrypt();
    options.switches.authz = Authz::Valid;
    options.switches.ari = Ari::Computed;
    let stub = AcmeStub::start(options).await.unwrap();
    let account = register(&stub).await;
    (clock, stub, account)
}

#[tokio::test]
async fn a_pretended_limit_refuses_so_often_and_no_more() {
    for kind in [
        LimitKind::Orders,
        LimitKind::CertificatesPerDomain,
        LimitKind::ExactSet,
        LimitKind::FailedAuthorizations,
        LimitKind::Requests,
        LimitKind::Storm,
    ] {
        let (stub, account) = with_account(|_| {}).await;
        let limit = RateLimit {
            kind,
            retry_after: Duration::from_secs(120),
            count: 2,
        };
        // First the nonce, which a limit on all requests would refuse as well.
        account.new_order(&order_for(&["a.example"])).await.unwrap();
        stub.control()
            .switch(|switches| switches.rate_limit = Some(limit));

        for _ in 0..2 {
            let refused = account
                .new_order(&order_for(&["a.example"]))
                .await
                .unwrap_err();
            assert_eq!(
                refused.retry_after(),
                Some(limit.retry_after),
                "{kind:?}: {refused:?}"
            );
            let page = refused.problem().is_none();
            assert_eq!(page, kind == LimitKind::Storm, "{refused:?}");
        }

        account.new_order(&order_for(&["a.example"])).await.unwrap();
        assert_eq!(stub.control().refused(kind), 2);
    }
}

#[tokio::test]
async fn the_same_set_is_issued_five_times_and_once_more_each_34_hours() {
    let (clock, stub, account) = limited().await;
    for _ in 0..5 {
        issue(&account, &["a.example"]).await.unwrap();
    }

    let refused = problem(issue(&account, &["a.example"]).await);

    assert_eq!(
        (refused.status, refused.kind()),
        (Some(429), ProblemKind::RateLimited)
    );
    let text = refused.detail.unwrap();
    assert!(
        text.starts_with("too many certificates (5) already issued for this exact set of identifiers in the last 168h0m0s, retry after 2027-01-02 09:36:00 UTC: see https://"),
        "{text}"
    );
    let wait = refused.retry_after.unwrap();
    assert_eq!(wait, Duration::from_secs(7 * 86_400 / 5));
    issue(&account, &["a.example", "b.example"]).await.unwrap();
    clock.advance(SignedDuration::try_from(wait).unwrap());
    issue(&account, &["a.example"]).await.unwrap();
    assert!(issue(&account, &["a.example"]).await.is_err());
    assert_eq!(stub.control().refused(LimitKind::ExactSet), 2);
    stub.control().reset_limits();
    issue(&account, &["a.example"]).await.unwrap();
}

#[tokio::test]
async fn fifty_certificates_per_registered_domain_renewals_not_counted() {
    let (_clock, stub, account) = limited().await;
    for number in 0..50 {
        let name = format!("n{number}.shop.example.co.uk");
        issue(&account, &[&name]).await.unwrap();
    }

    let new = detail(issue(&account, &["new.example.co.uk"]).await);
    issue(&account, &["n7.shop.example.co.uk"]).await.unwrap();
    issue(&account, &["n7.other.co.uk"]).await.unwrap();

    assert!(
        new.contains("already issued for \"example.co.uk\""),
        "{new}"
    );
    assert_eq!(stub.control().refused(LimitKind::CertificatesPerDomain), 1);
}

#[tokio::test]
async fn orders_per_account_are_counted_apart() {
    let (clock, stub, account) = limited().await;
    stub.control().switch(|switches| {
        switches.limits.orders = Some(Bucket::new(3, 36));
    });
    for number in 0..3 {
        let name = format!("n{number}.example");
        account.new_order(&order_for(&[&name])).await.unwrap();
    }
    let order = async |account: &Account| account.new_order(&order_for(&["x.example"])).await;

    let refused = detail(order(&account).await);
    order(&register(&stub).await).await.unwrap();
    clock.advance(SignedDuration::from_secs(36));

    assert!(
        refused.starts_with("too many new orders (3) from this account"),
        "{refused}"
    );
    order(&account).await.unwrap();
}

#[tokio::test]
async fn accounts_per_address_are_limited() {
    let (_clock, stub, _first) = limited().await;
    for _ in 0..9 {
        register(&stub).await;
    }
    let client = crate::support::connect(&stub).await;
    let agreed = evercert_acme::NewAccount::agreed();
    let refused = detail(client.new_account(&crate::support::key(), &agreed).await);
    assert!(
        refused.contains("too many new registrations (10)"),
        "{refused}"
    );
}

#[tokio::test]
async fn ari_renewals_inside_their_window_are_exempt_and_others_not() {
    let (clock, stub, account) = limited().await;
    for _ in 0..5 {
        issue(&account, &["a.example"]).await.unwrap();
    }
    let id = stub.control().certificates()[4].ari_id.clone();
    let order = replacing(&["a.example"], &id);

    let early = problem(account.new_order(&order).await);
    let now = stub.control().certificates()[4].at;
    let open = AriWindow {
        start: now - HOUR,
        end: now + HOUR,
        explanation: None,
        retry_after: None,
    };
    stub.control().switch(|switches| {
        switches.ari_of.insert(id.clone(), open);
    });
    let exempt = issue_order(&account, &order, &pair()).await;
    clock.advance(HOUR);

    assert_eq!(early.kind(), ProblemKind::RateLimited);
    exempt.unwrap();
    // It has cost nothing: the next refusal ends when the one before did.
    let later = problem(issue(&account, &["a.example"]).await);
    assert_eq!(
        later.retry_after,
        Some(Duration::from_secs(7 * 86_400 / 5 - 3600))
    );
}

#[tokio::test]
async fn failed_authorizations_are_limited_per_name_and_end_in_a_pause() {
    let (clock, stub, account) = limited().await;
    let failure = Failure {
        kind: "dns".to_owned(),
        detail: "SERVFAIL".to_owned(),
    };
    stub.control().switch(|switches| {
        switches.authz = Authz::Invalid(failure);
        switches.limits.pause_after = Some(6);
    });
    for _ in 0..5 {
        assert!(issue(&account, &["a.example"]).await.is_err());
    }

    let limited = detail(issue(&account, &["a.example"]).await);
    assert!(
        limited.contains("too many failed authorizations (5) for \"a.example\""),
        "{limited}"
    );
    assert!(issue(&account, &["b.example"]).await.is_err());
    clock.advance(SignedDuration::from_mins(12));
    assert!(issue(&account, &["a.example"]).await.is_err());
    let paused = problem(issue(&account, &["a.example"]).await);
    assert!(
        paused
            .unpause_url()
            .unwrap()
            .ends_with("/sfe/v1/unpause?jwt=stub")
    );

    stub.control().reset_limits();
    stub.control()
        .switch(|switches| switches.authz = Authz::Pending);
    issue(&account, &["a.example"]).await.unwrap();
}

#[tokio::test]
async fn names_can_be_paused_by_switch() {
    let pause = Pause {
        unpause_url: "https://portal.stub.example/unpause?jwt=abc".to_owned(),
        names: BTreeSet::from(["a.example".to_owned()]),
    };
    let (stub, account) = with_account(|switches| switches.paused = Some(pause.clone())).await;

    let paused = problem(account.new_order(&order_for(&["*.a.example"])).await);

    assert_eq!(paused.kind(), ProblemKind::RateLimited);
    assert_eq!(paused.unpause_url(), Some(pause.unpause_url.as_str()));
    account.new_order(&order_for(&["b.example"])).await.unwrap();
    stub.control().switch(|switches| switches.paused = None);
    account.new_order(&order_for(&["a.example"])).await.unwrap();
}
