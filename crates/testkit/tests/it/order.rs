//! Orders: identifiers, profiles, dates, replaces, reuse.

use std::collections::BTreeSet;

use evercert_acme::{Identifier, IdentifierType, NewOrder, OrderStatus, ProblemKind};
use evercert_testkit::acme_stub::{
    Ari, Dates, Ips, OrderReuse, Profile, Replaces, Subject, Suffixes,
};
use evercert_x509::Chain;
use jiff::SignedDuration;

use crate::support::{
    detail, issue, issue_leaf, issue_order, order_for, pair, problem, register, replacing,
    with_account,
};

fn dns(value: &str) -> Identifier {
    Identifier {
        kind: IdentifierType::Dns,
        value: value.to_owned(),
    }
}

#[tokio::test]
async fn a_name_without_a_dot_is_refused_with_boulders_words() {
    let (_stub, account) = with_account(|_| {}).await;

    let refusal = problem(account.new_order(&order_for(&["testdomain"])).await);

    assert_eq!(refusal.kind(), ProblemKind::RejectedIdentifier);
    assert_eq!(
        refusal.detail.unwrap(),
        "Invalid identifiers requested :: Cannot issue for \"testdomain\": Domain name needs at least one dot"
    );
}

#[tokio::test]
async fn several_bad_names_are_told_one_by_one() {
    let (_stub, account) = with_account(|switches| {
        switches.identifiers.blocked = BTreeSet::from(["bad.example".to_owned()]);
    })
    .await;
    let names = ["a.example", "www.bad.example", "single"];

    let refusal = problem(account.new_order(&order_for(&names)).await);

    let named: BTreeSet<String> = refusal
        .subproblems
        .iter()
        .map(|sub| sub.identifier.as_ref().unwrap().value.clone())
        .collect();
    assert_eq!(
        named,
        BTreeSet::from(["single".to_owned(), "www.bad.example".to_owned()])
    );
    assert!(refusal.detail.unwrap().contains("and 1 more problems"));
}

#[tokio::test]
async fn malformed_and_unwanted_identifiers_are_refused() {
    let (stub, account) = with_account(|switches| switches.identifiers.max = 2).await;
    for (value, word) in [
        ("a_b.example", "invalid character"),
        ("a.*.example", "wildcard"),
        ("a.example.", "ends in a dot"),
        ("192.0.2.1", "IP address"),
        ("a..example", "label"),
    ] {
        let refusal = detail(account.new_order(&NewOrder::new([dns(value)])).await);
        assert!(refusal.contains(word), "{value}: {refusal}");
    }
    let many = order_for(&["a.example", "b.example", "c.example"]);
    assert!(detail(account.new_order(&many).await).contains("more than 2"));
    assert!(account.new_order(&NewOrder::new([])).await.is_err());

    let ip = NewOrder::new([Identifier::ip("192.0.2.1".parse().unwrap())]);
    account.new_order(&ip).await.unwrap();
    stub.control().switch(|switches| {
        switches.identifiers.ips = Ips::Refused;
        switches.identifiers.suffixes = Suffixes::Public;
    });
    let unsupported = problem(account.new_order(&ip).await);
    assert_eq!(unsupported.kind(), ProblemKind::UnsupportedIdentifier);
    let suffix = detail(account.new_order(&order_for(&["a.notatld"])).await);
    assert!(suffix.contains("valid public suffix"), "{suffix}");
    account
        .new_order(&order_for(&["a.example.com"]))
        .await
        .unwrap();
}

#[tokio::test]
async fn profiles_decide_and_can_vanish() {
    let (stub, account) = with_account(|switches| {
        let profile = Profile {
            description: "six days".to_owned(),
            lifetime: SignedDuration::from_hours(144),
            max_names: 1,
            subject: Subject::FirstName,
        };
        switches.profiles.insert("short".to_owned(), profile);
    })
    .await;
    let order = |names: &[&str]| NewOrder {
        profile: Some("short".to_owned()),
        ..order_for(names)
    };

    let pem = issue_order(&account, &order(&["a.example"]), &pair()).await;
    let leaf = Chain::from_pem(&pem.unwrap().pem).unwrap().leaf().clone();

    let life = leaf.not_after().duration_since(leaf.not_before());
    assert_eq!(life.as_hours(), 144);
    assert_eq!(leaf.common_name().as_deref(), Some("a.example"));
    assert!(
        account
            .new_order(&order(&["a.example", "b.example"]))
            .await
            .is_err()
    );
    let shown = account.new_order(&order(&["a.example"])).await.unwrap();
    assert_eq!(shown.profile.as_deref(), Some("short"));
    stub.control().switch(|switches| switches.profiles.clear());
    let vanished = problem(account.new_order(&order(&["a.example"])).await);
    assert_eq!(vanished.kind(), ProblemKind::InvalidProfile);
}

#[tokio::test]
async fn dates_are_ignored_honoured_or_refused() {
    let (stub, account) = with_account(|_| {}).await;
    let end = "2100-01-01T00:00:00Z".parse().unwrap();
    let soon =
        issue_leaf(&account, &["a.example"]).await.not_before() + SignedDuration::from_hours(48);
    let ending = |not_after| NewOrder {
        not_after: Some(not_after),
        ..order_for(&["a.example"])
    };
    let switch = |dates| stub.control().switch(|switches| switches.dates = dates);

    assert_eq!(
        account.new_order(&ending(end)).await.unwrap().not_after,
        None
    );
    switch(Dates::Honoured);
    let pem = issue_order(&account, &ending(soon), &pair())
        .await
        .unwrap()
        .pem;
    assert_eq!(Chain::from_pem(&pem).unwrap().leaf().not_after(), soon);
    switch(Dates::Refused);
    let refused = problem(account.new_order(&ending(end)).await);
    assert_eq!(refused.kind(), ProblemKind::Malformed);
}

#[tokio::test]
async fn replaces_is_judged_as_the_standard_says() {
    let (stub, account) = with_account(|switches| switches.ari = Ari::Computed).await;
    issue(&account, &["a.example"]).await.unwrap();
    let id = stub.control().certificates()[0].ari_id.clone();
    let order = replacing(&["a.example"], &id);

    let foreign = problem(register(&stub).await.new_order(&order).await);
    let unknown = problem(
        account
            .new_order(&replacing(&["a.example"], "AAAA.BBBB"))
            .await,
    );
    let disjoint = problem(account.new_order(&replacing(&["b.example"], &id)).await);
    let good = issue_order(&account, &order, &pair()).await;
    let twice = problem(account.new_order(&order).await);

    assert_eq!(
        (foreign.status, foreign.kind()),
        (Some(403), ProblemKind::Unauthorized)
    );
    assert_eq!(unknown.status, Some(404));
    assert_eq!(disjoint.kind(), ProblemKind::Malformed);
    good.unwrap();
    assert_eq!(
        (twice.status, twice.kind()),
        (Some(409), ProblemKind::AlreadyReplaced)
    );
    let certificates = stub.control().certificates();
    assert_eq!(
        certificates[0].replaced_by.as_ref(),
        Some(&certificates[1].ari_id)
    );
}

#[tokio::test]
async fn replaces_can_be_refused_or_ignored_whatever_it_says() {
    let (stub, account) = with_account(|_| {}).await;
    issue(&account, &["a.example"]).await.unwrap();
    let id = stub.control().certificates()[0].ari_id.clone();
    let order = replacing(&["a.example"], &id);
    for (rule, status) in [
        (Replaces::Conflict, 409),
        (Replaces::Forbidden, 403),
        (Replaces::NotFound, 404),
    ] {
        stub.control().switch(|switches| switches.replaces = rule);
        let error = account.new_order(&order).await.unwrap_err();
        assert!(error.may_be_due_to_replaces(), "{error:?}");
        assert_eq!(error.problem().unwrap().status, Some(status));
    }

    stub.control()
        .switch(|switches| switches.replaces = Replaces::Ignored);
    assert_eq!(account.new_order(&order).await.unwrap().replaces, None);
    stub.control()
        .switch(|switches| switches.replaces = Replaces::Ok);
    assert_eq!(account.new_order(&order).await.unwrap().replaces, Some(id));
}

#[tokio::test]
async fn an_unfinished_order_is_given_again() {
    let (stub, account) = with_account(|switches| {
        switches.order_reuse = OrderReuse::Unfinished;
    })
    .await;
    let first = account.new_order(&order_for(&["a.example"])).await.unwrap();
    let again = account.new_order(&order_for(&["a.example"])).await.unwrap();
    let other = account.new_order(&order_for(&["b.example"])).await.unwrap();

    assert_eq!(again.url, first.url);
    assert_ne!(other.url, first.url);
    issue(&account, &["a.example"]).await.unwrap();
    let next = account.new_order(&order_for(&["a.example"])).await.unwrap();
    assert_ne!(next.url, first.url);
    assert_eq!(
        account.order(&first.url).await.unwrap().status,
        OrderStatus::Valid
    );
    assert_eq!(stub.control().issued(), 1);
}
