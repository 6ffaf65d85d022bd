//! Whether the CA can be reached, knows our account, and issues what is asked for.

use evercert_acme::vendors::{self, Support};
use evercert_acme::{AccountKey, Client, NewAccount};
use evercert_api::preflight::PreflightCheck;
use evercert_db::vendors::Vendor;
use evercert_types::KeyAlgorithm;

use super::check::Probe;
use super::subject::{Subject, Way};
use super::{clock, names};
use crate::lifecycle::failure::{Failure, Stage};
use crate::lifecycle::{acme_clients, messages};
use crate::state::Console;

/// What was learnt of a CA.
#[derive(Debug, Default)]
pub(crate) struct Ca {
    /// Its names in CAA records.
    pub(crate) identities: Vec<String>,
    pub(crate) account: Option<String>,
}

/// Directory, nonce, clock, account, terms.
pub(crate) async fn reach(console: &Console, subject: &Subject) -> (Vec<PreflightCheck>, Ca) {
    let mut ca = Ca::default();
    let Some(vendor) = &subject.vendor else {
        return (vec![no_vendor(subject)], ca);
    };
    let mut checks = vec![Probe::new("vendor").passed(format!("it is \"{}\"", vendor.name))];
    let probe = Probe::new("directory");
    let client = match acme_clients::connect(console, vendor).await {
        Ok(client) => client,
        Err(error) => {
            checks.push(probe.failed_as(&Failure::acme(Stage::Account, &error)));
            return (checks, ca);
        }
    };
    let directory = client.directory();
    checks.push(probe.passed(format!("read {}", directory.url)));
    ca.identities.clone_from(&directory.meta.caa_identities);
    let probe = Probe::new("nonce");
    checks.push(match client.probe().await {
        Ok(()) => probe.passed("the CA gives nonces"),
        Err(error) => probe.failed_as(&Failure::acme(Stage::Account, &error)),
    });
    checks.push(skew(&client));
    let (check, account) = account(console, vendor, &client).await;
    checks.push(check);
    ca.account = account;
    checks.push(terms(vendor, &client));
    (checks, ca)
}

fn no_vendor(subject: &Subject) -> PreflightCheck {
    let detail = match &subject.vendor_name {
        Some(name) => format!("{} There is no CA vendor \"{name}\".", messages::NO_VENDOR),
        None => format!("{} The certificate has no CA vendor.", messages::NO_VENDOR),
    };
    PreflightCheck {
        known_as: Some(messages::NO_VENDOR.to_owned()),
        ..Probe::new("vendor").failed(
            detail,
            "List the vendors with `evercert ca-vendor list`, or add one.",
        )
    }
}

fn skew(client: &Client) -> PreflightCheck {
    let probe = Probe::new("clock");
    match client.clock_skew() {
        None => probe.skipped("the CA's answers carry no date"),
        Some(skew) => match clock::warning(skew) {
            Some((detail, remedy)) => probe.warning(detail, remedy),
            None => probe.passed(clock::describe(skew)),
        },
    }
}

/// The account's URL as the CA has it; a key that is not registered yet will be at the first order.
async fn account(
    console: &Console,
    vendor: &Vendor,
    client: &Client,
) -> (PreflightCheck, Option<String>) {
    let probe = Probe::new("account");
    let saved = match console.db.account_of(vendor.id).await {
        Ok(Some(saved)) => saved,
        Ok(None) => {
            return (
                probe.failed("no account key is saved", "Add the vendor again."),
                None,
            );
        }
        Err(error) => return (probe.failed_as(&Failure::from(error)), None),
    };
    let key = match AccountKey::from_pkcs8_der(saved.key.expose()) {
        Ok(key) => key,
        Err(error) => {
            return (
                probe.failed(error.to_string(), "Add the vendor again."),
                None,
            );
        }
    };
    let existing = NewAccount {
        only_return_existing: true,
        ..NewAccount::default()
    };
    match client.new_account(&key, &existing).await {
        Ok(account) => {
            let url = account.url().to_owned();
            (probe.passed(url.clone()), Some(url))
        }
        Err(error) => (
            probe.failed_as(&Failure::acme(Stage::Account, &error)),
            None,
        ),
    }
}

fn terms(vendor: &Vendor, client: &Client) -> PreflightCheck {
    let probe = Probe::new("terms_of_service");
    match (&vendor.options.terms_agreed, &client.directory().meta.tos) {
        (_, None) => probe.passed("the CA has none"),
        (Some(agreed), Some(now)) if agreed != now => probe.warning(
            format!("they changed from {agreed} to {now}"),
            "Read them; the CA may want them to be agreed to anew.",
        ),
        (_, Some(now)) => probe.passed(now.clone()),
    }
}

/// Whether the CA issues for so many names, with these keys, in this profile, for wildcards and addresses.
pub(crate) fn offer(subject: &Subject) -> Vec<PreflightCheck> {
    let Some(vendor) = &subject.vendor else {
        return Vec::new();
    };
    let known = names::description(vendor);
    let mut checks = vec![count(subject, known), keys(subject, vendor, known)];
    checks.extend(profile(subject, vendor));
    checks.extend(wildcards(subject, known));
    checks.extend(addresses(subject, known));
    checks
}

fn count(subject: &Subject, known: Option<&vendors::Vendor>) -> PreflightCheck {
    let probe = Probe::new("names_count");
    let count = subject.texts.len() + subject.ips.len();
    let of_profile = subject.profile().and_then(|name| {
        let mut profiles = known?.known_profiles.iter();
        profiles.find(|profile| profile.name == name)
    });
    let limit = of_profile.map(|profile| profile.max_names);
    let limit = limit.or_else(|| known.and_then(|known| known.max_names));
    match limit {
        Some(limit) if count > usize::from(limit) => probe.failed(
            format!("{count} names are more than the {limit} the CA puts into one certificate"),
            "Split them into several certificates, or use a wildcard.",
        ),
        Some(limit) => probe.passed(format!("{count} of at most {limit}")),
        None => probe.passed(format!("{count}; the CA's limit is not known")),
    }
}

fn keys(subject: &Subject, vendor: &Vendor, known: Option<&vendors::Vendor>) -> PreflightCheck {
    let probe = Probe::new("keys");
    let wanted: &[KeyAlgorithm] = match subject.keys.as_slice() {
        [] => &[KeyAlgorithm::EcdsaP256],
        keys => keys,
    };
    let url = vendor.directory_url.trim_end_matches('/');
    let taken = known.map(|known| {
        let directory = known.directories.iter().find(|one| one.url == url);
        directory
            .and_then(|one| one.key_types)
            .unwrap_or(known.key_types)
    });
    let refused: Vec<String> = wanted
        .iter()
        .filter(|key| taken.is_some_and(|taken| !taken.contains(key)))
        .map(ToString::to_string)
        .collect();
    let listed: Vec<String> = wanted.iter().map(ToString::to_string).collect();
    if refused.is_empty() {
        return probe.passed(listed.join(", "));
    }
    let taken: Vec<String> = taken
        .into_iter()
        .flatten()
        .map(ToString::to_string)
        .collect();
    probe.failed(
        format!("the CA takes no key of {}", refused.join(", ")),
        format!("Use one of {}.", taken.join(", ")),
    )
}

fn profile(subject: &Subject, vendor: &Vendor) -> Option<PreflightCheck> {
    let wanted = subject.profile()?;
    let probe = Probe::new("profile");
    let offered = vendor.capabilities["profiles"].as_array();
    let offered = offered.into_iter().flatten().filter_map(|one| one.as_str());
    let offered: Vec<&str> = offered.collect();
    Some(if offered.contains(&wanted) {
        probe.passed(wanted)
    } else {
        let detail = format!("the CA offers no profile \"{wanted}\"");
        match offered.as_slice() {
            [] => probe.failed(detail, "Leave the profile out: this CA has none."),
            some => probe.failed(detail, format!("Use one of {}.", some.join(", "))),
        }
    })
}

fn wildcards(subject: &Subject, known: Option<&vendors::Vendor>) -> Option<PreflightCheck> {
    let names = subject.names();
    let wildcard = names.iter().find(|name| name.is_wildcard())?;
    let probe = Probe::new("wildcard");
    Some(if matches!(subject.way, Way::Http | Way::TlsAlpn) {
        probe.failed(
            format!("{wildcard} cannot be proved by {}", subject.way.method()),
            "Prove wildcards by dns-01 (RFC 8555 §8.4).",
        )
    } else if known.is_some_and(|known| known.wildcard == Support::No) {
        probe.failed(
            format!("the CA does not issue for {wildcard}"),
            "Name the hosts one by one, or use another CA.",
        )
    } else {
        probe.passed("wildcards are issued")
    })
}

fn addresses(subject: &Subject, known: Option<&vendors::Vendor>) -> Option<PreflightCheck> {
    let first = subject.ips.first()?;
    let probe = Probe::new("ip_addresses");
    let support = known.map_or(Support::Depends, |known| known.ip_identifiers);
    Some(if subject.way.method() == "dns-01" {
        probe.failed(
            format!("{first} cannot be proved by dns-01 (RFC 8738 §7)"),
            "Prove addresses by http-01 or tls-alpn-01.",
        )
    } else {
        match support {
            Support::Yes => probe.passed("addresses are issued"),
            Support::No => probe.failed(
                format!("the CA does not issue for addresses such as {first}"),
                "Use a name, or a CA that does.",
            ),
            Support::Depends => probe.warning(
                format!("whether the CA issues for {first} depends on product or profile"),
                "Let's Encrypt does in its profile shortlived.",
            ),
        }
    })
}
