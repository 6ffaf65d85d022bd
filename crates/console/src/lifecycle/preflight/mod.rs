//! What stands against an order, found before it is placed.
//!
//! [`report`](of_request) checks everything and answers a list for people; `light` is what every order checks
//! first, for nothing but a look into the DNS beside the account.

pub(crate) mod caa;
mod check;
pub(crate) mod clock;
mod dns;
mod ledger;
mod light;
pub(crate) mod mapping;
pub(crate) mod names;
mod reach;
mod subject;
mod vendor;

use std::collections::BTreeSet;
use std::time::Duration;

use evercert_api::preflight::{
    PreflightCheck, PreflightOptions, PreflightOutcome, PreflightReport, PreflightRequest,
};
use evercert_db::DbError;
use evercert_db::terms::KeyCustody;
use evercert_types::{DomainName, StoreKind};

use self::caa::{Finding, Question};
use self::check::Probe;
use self::subject::{Subject, Way};
use self::vendor::Ca;
use super::LifecycleError;
use super::authorize::each;
use crate::state::Console;

/// How long one question for CAA records may take.
const CAA_LIMIT: Duration = Duration::from_secs(5);

/// Checks whether what a request asks for could be issued; saves and orders nothing.
///
/// # Errors
/// When the request cannot be understood, or the database fails; all else is in the report.
pub async fn of_request(
    console: &Console,
    request: PreflightRequest,
) -> Result<PreflightReport, LifecycleError> {
    let subject = Subject::of_request(console, request).await?;
    Ok(report(console, &subject).await?)
}

/// Checks whether a certificate could be renewed, through its vendor or another one; it is not touched.
///
/// # Errors
/// When there is no such certificate, or the database fails; all else is in the report.
pub async fn of_certificate(
    console: &Console,
    name: &str,
    options: PreflightOptions,
) -> Result<PreflightReport, LifecycleError> {
    let subject = Subject::of_certificate(console, name, options).await?;
    Ok(report(console, &subject).await?)
}

async fn report(console: &Console, subject: &Subject) -> Result<PreflightReport, DbError> {
    let mut checks = name_checks(subject);
    let (of_ca, ca) = vendor::reach(console, subject).await;
    checks.extend(of_ca);
    checks.extend(vendor::offer(subject));
    checks.extend(ledger::check(console, subject).await?);
    checks.extend(store(console, subject).await?);
    let names = bases(&subject.names());
    let of_names = names.iter().map(|name| of_name(console, subject, name));
    let of_names: Vec<Vec<PreflightCheck>> = each(of_names.collect()).await?;
    checks.extend(of_names.into_iter().flatten());
    checks.extend(caa_checks(console, subject, &ca).await);
    let count = |outcome| checks.iter().filter(|one| one.outcome == outcome).count() as u32;
    let failed = count(PreflightOutcome::Failed);
    Ok(PreflightReport {
        ok: failed == 0,
        failed,
        warnings: count(PreflightOutcome::Warning),
        at: console.now(),
        checks,
    })
}

/// One check a name, for its form and the CA's rules.
fn name_checks(subject: &Subject) -> Vec<PreflightCheck> {
    let audience = subject.audience();
    let judge = |text: &String| {
        let probe = Probe::about("name", text);
        match names::read(text, audience) {
            Err(fault) => {
                let known_as = fault.known_as(text);
                let detail = fault.describe(text);
                let detail = match known_as.ends_with(&detail) {
                    true => known_as.clone(),
                    false => format!("{known_as} {detail}"),
                };
                PreflightCheck {
                    known_as: Some(known_as),
                    ..probe.failed(detail, fault.remedy)
                }
            }
            Ok(name) if text.trim().ends_with('.') => probe.warning(
                format!("Domain name ends in a dot: it is read as {name}"),
                "Leave the dot out.",
            ),
            Ok(name) => probe.passed(format!("{name} can be issued for")),
        }
    };
    subject.texts.iter().map(judge).collect()
}

/// Names with the same challenge name once: `*.example.com` and `example.com` share one.
fn bases(names: &[DomainName]) -> Vec<DomainName> {
    let mut seen = BTreeSet::new();
    let mut bases = Vec::new();
    for name in names {
        if seen.insert(name.base().to_owned()) {
            bases.push(name.clone());
        }
    }
    bases
}

async fn of_name(
    console: &Console,
    subject: &Subject,
    name: &DomainName,
) -> Result<Vec<PreflightCheck>, DbError> {
    match subject.way {
        Way::Dns => dns::check(console, subject, name).await,
        Way::ManualDns => {
            let why = "the operator writes the record";
            Ok(vec![Probe::about("mapping", name.base()).skipped(why)])
        }
        Way::Http | Way::TlsAlpn => {
            let check = reach::check(console, subject, name).await;
            Ok(check.into_iter().collect())
        }
    }
}

async fn caa_checks(console: &Console, subject: &Subject, ca: &Ca) -> Vec<PreflightCheck> {
    let names = subject.names();
    if ca.identities.is_empty() {
        let why = "the CA's directory names no CAA identity";
        return vec![Probe::new("caa").skipped(why)];
    }
    let resolver = match caa::resolver(console, CAA_LIMIT) {
        Ok(resolver) => resolver,
        Err(error) => return vec![Probe::new("caa").skipped(error.to_string())],
    };
    let probes: Vec<Probe> = names
        .iter()
        .map(|name| Probe::about("caa", name.as_str()))
        .collect();
    let tree = resolver.caa(names.iter().map(DomainName::base)).await;
    let question = Question {
        identities: &ca.identities,
        account: ca.account.as_deref(),
        method: subject.way.method(),
    };
    let each = probes.into_iter().zip(&names);
    each.map(|(probe, name)| match question.judge(&tree, name) {
        Finding::Allowed(detail) => probe.passed(detail),
        Finding::Against { detail, remedy } | Finding::Broken { detail, remedy } => {
            probe.warning(detail, remedy)
        }
        Finding::Unknown(why) => probe.skipped(why),
    })
    .collect()
}

/// What in the store would stand in the way of a stored certificate.
async fn store(console: &Console, subject: &Subject) -> Result<Option<PreflightCheck>, DbError> {
    let Some(certificate) = &subject.certificate else {
        return Ok(None);
    };
    let probe = Probe::new("store");
    let external = certificate.terms.custody == KeyCustody::External;
    if external && certificate.store == StoreKind::ZeroTouch {
        return Ok(Some(probe.failed(
            "its key is held elsewhere, and the zero-touch store needs it",
            "Keep it in the certificate store, or have a key made here.",
        )));
    }
    if certificate.paused {
        return Ok(Some(
            probe.warning("it is paused", "Resume it: renewals rest until then."),
        ));
    }
    let duplicates = console.db.duplicates_of(certificate).await?;
    Ok(Some(match duplicates.as_slice() {
        [] => probe.passed(format!("in the {} store, no duplicate", certificate.store)),
        others => probe.warning(
            format!("{} has the same names", others.join(", ")),
            "Remove one of them, so that it is not renewed twice.",
        ),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_share_a_record_are_tried_once() {
        let names = ["*.example.com", "example.com", "www.example.com"];
        let names = names.map(|name| name.parse().unwrap());

        let bases = bases(&names);

        let bases: Vec<&str> = bases.iter().map(|name| name.base()).collect();
        assert_eq!(bases, ["example.com", "www.example.com"]);
    }
}
