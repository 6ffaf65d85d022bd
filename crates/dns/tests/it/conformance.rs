//! What every provider must do, run against each on a real server.

use std::net::SocketAddr;
use std::path::PathBuf;

use evercert_dns::{DnsError, Fault, Provider, Settings, TxtTarget};

use crate::harness::{FIRST, NAME, SECOND, provider, txt};

/// A provider type with a server behind it.
pub(crate) struct Subject {
    pub(crate) code: &'static str,
    pub(crate) settings: Settings,
    /// Settings whose credentials the server does not accept, and the secret in them.
    pub(crate) refused: Option<(Settings, &'static str)>,
    pub(crate) shown: Shown,
    /// Whether it can say that a value was there before.
    pub(crate) sees_presence: bool,
}

/// Where the values can be seen.
pub(crate) enum Shown {
    Dns(SocketAddr),
    /// `NAME. VALUE` lines.
    File(PathBuf),
}

impl Shown {
    async fn values(&self, name: &str) -> Vec<String> {
        match self {
            Self::Dns(server) => txt(*server, name).await,
            Self::File(path) => {
                let text = std::fs::read_to_string(path).unwrap_or_default();
                let owner = format!("{name}. ");
                let mut values: Vec<String> = text
                    .lines()
                    .filter_map(|line| Some(line.strip_prefix(&owner)?.to_owned()))
                    .collect();
                values.sort_unstable();
                values
            }
        }
    }
}

pub(crate) async fn conforms(subject: &Subject) {
    let first = TxtTarget::new(NAME, FIRST);
    let second = TxtTarget::new(NAME, SECOND);
    let provider = provider(subject.code, &subject.settings);

    checks_change_nothing(subject, &*provider).await;
    values_come_and_go_alone(subject, &*provider, &first, &second).await;
    a_fresh_provider_removes_without_receipt(subject, &second).await;
    parallel_writers_lose_nothing(subject).await;
    bad_credentials_are_named(subject, &first).await;
}

async fn checks_change_nothing(subject: &Subject, provider: &dyn Provider) {
    let report = provider.check(None).await.unwrap();
    assert!(!report.notes.is_empty());
    provider.check(Some(NAME)).await.unwrap();

    assert_eq!(subject.shown.values(NAME).await, [""; 0]);
}

async fn values_come_and_go_alone(
    subject: &Subject,
    provider: &dyn Provider,
    first: &TxtTarget,
    second: &TxtTarget,
) {
    provider.remove(first, None).await.unwrap();
    let receipt = provider.add(first).await.unwrap();
    assert!(receipt.created);
    let again = provider.add(first).await.unwrap();
    assert_eq!(again.created, !subject.sees_presence);
    assert_eq!(subject.shown.values(NAME).await, [FIRST]);

    provider.add(second).await.unwrap();
    assert_eq!(subject.shown.values(NAME).await, [FIRST, SECOND]);

    provider.remove(first, Some(&receipt)).await.unwrap();
    assert_eq!(subject.shown.values(NAME).await, [SECOND]);
    provider.remove(first, Some(&receipt)).await.unwrap();
    assert_eq!(subject.shown.values(NAME).await, [SECOND]);
}

async fn a_fresh_provider_removes_without_receipt(subject: &Subject, second: &TxtTarget) {
    let fresh = provider(subject.code, &subject.settings);

    fresh.remove(second, None).await.unwrap();

    assert_eq!(subject.shown.values(NAME).await, [""; 0]);
}

/// Ten values at one name by ten providers at once, as ten orders would.
async fn parallel_writers_lose_nothing(subject: &Subject) {
    let targets: Vec<TxtTarget> = (0..10)
        .map(|number| TxtTarget::new(NAME, format!("value-{number}")))
        .collect();
    let mut adding = tokio::task::JoinSet::new();
    for target in targets.clone() {
        let provider = provider(subject.code, &subject.settings);
        adding.spawn(async move { provider.add(&target).await });
    }
    for outcome in adding.join_all().await {
        outcome.unwrap();
    }
    let expected: Vec<&str> = targets.iter().map(|target| target.value.as_str()).collect();
    assert_eq!(subject.shown.values(NAME).await, expected);

    let mut removing = tokio::task::JoinSet::new();
    for target in targets {
        let provider = provider(subject.code, &subject.settings);
        removing.spawn(async move { provider.remove(&target, None).await });
    }
    for outcome in removing.join_all().await {
        outcome.unwrap();
    }
    assert_eq!(subject.shown.values(NAME).await, [""; 0]);
}

async fn bad_credentials_are_named(subject: &Subject, target: &TxtTarget) {
    let Some((settings, secret)) = &subject.refused else {
        return;
    };
    let provider = provider(subject.code, settings);
    let outcomes = [
        provider.add(target).await.unwrap_err(),
        provider.remove(target, None).await.unwrap_err(),
        provider.check(Some(NAME)).await.unwrap_err(),
    ];
    // Not every server looks at credentials before it is asked for a zone that it holds.
    let unnamed = provider.check(None).await.err();
    for error in outcomes.into_iter().chain(unnamed) {
        is_a_credentials_fault(&error, secret);
        assert_eq!(error.provider(), subject.code);
    }
}

fn is_a_credentials_fault(error: &DnsError, secret: &str) {
    assert_eq!(error.fault(), Fault::Credentials, "{error}");
    assert!(!error.is_retryable());
    assert!(error.remedy().contains("key"), "{}", error.remedy());
    let shown = format!("{error} {error:?} {}", error.remedy());
    assert!(!shown.contains(secret), "{shown}");
}
