//! The beginning of the journey: what is wanted is checked and written, in one transaction.
//!
//! After it: a worker claims the job and [`super::issue`] drives the order.

use evercert_api::certificates::IssueRequest;
use evercert_api::{Problem, ProblemCode};
use evercert_db::DbError;
use evercert_db::certificates::{Certificate, KeyPolicy};
use evercert_db::slots::{Due, Slot};
use evercert_db::terms::Terms;
use evercert_db::vendors::Vendor;
use evercert_db::versions::Version;
use evercert_types::{
    CertificateId, DomainName, KeyAlgorithm, OperationId, RenewalMode, VersionState,
};

use super::failure::Life;
use super::plan::{Wanted, WantedOrder, enqueue, replaced_by};
use super::renew::{Facts, due, jitter_of};
use super::{Actor, LifecycleError, check_name, messages, preflight};
use crate::state::Console;

/// More names than any CA puts into one certificate.
const MOST_NAMES: usize = 100;

/// How much an operator insists on a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// What is due, or has never been issued.
    IfDue,
    /// Everything, now.
    Forced,
}

/// Makes a certificate and orders its first versions.
///
/// # Errors
/// A problem that points into the request: names, vendor, mapping, key algorithms; a name that is taken.
pub async fn request_issue(
    console: &Console,
    actor: &Actor,
    request: IssueRequest,
) -> Result<OperationId, LifecycleError> {
    check_name(&request.name, 128, "-_.*", "/name")?;
    let names = check_domains(&request.domains)?;
    let keys = check_keys(&request.keys)?;
    let vendor = vendor_named(console, &request.vendor).await?;
    preflight::names::check_wanted(&vendor, &names)?;
    check_profile(&vendor, request.profile.as_deref())?;
    check_mappings(console, &names).await?;
    let now = console.now();
    let certificate = Certificate {
        id: CertificateId::new(),
        name: request.name,
        store: request.store,
        names,
        vendor_id: Some(vendor.id),
        renewal_mode: mode(request.auto_renew),
        key_policy: if request.reuse_key {
            KeyPolicy::Reuse
        } else {
            KeyPolicy::Rotate
        },
        profile: request.profile,
        selector: request.scope,
        labels: request.labels,
        terms: Terms::default(),
        paused: false,
        created_at: now,
        updated_at: now,
    };
    let id = write_request(console, actor, &certificate, &vendor, &keys).await?;
    console.bells.orders.notify_one();
    tracing::info!(
        certificate.name = certificate.name,
        operation.id = %id,
        actor = actor.as_str(),
        "a certificate was requested"
    );
    Ok(id)
}

async fn write_request(
    console: &Console,
    actor: &Actor,
    certificate: &Certificate,
    vendor: &Vendor,
    keys: &[KeyAlgorithm],
) -> Result<OperationId, LifecycleError> {
    let wanted_order = |algorithm: &KeyAlgorithm| WantedOrder {
        algorithm: *algorithm,
        reason: "missing".to_owned(),
        replaces: None,
    };
    let wanted = Wanted {
        kind: "issue",
        actor,
        certificate,
        vendor,
        orders: keys.iter().map(wanted_order).collect(),
    };
    let due = Due {
        at: console.now(),
        reason: "missing".to_owned(),
    };
    let mut tx = console.db.begin_write().await?;
    tx.insert_certificate(certificate, keys)
        .await
        .map_err(|error| name_taken(error, &certificate.name))?;
    for key in keys {
        tx.set_due(certificate.id, *key, Some(&due)).await?;
    }
    let id = enqueue(&mut tx, &wanted).await?;
    tx.commit().await?;
    Ok(id)
}

/// Orders new versions of a certificate that is there.
///
/// # Errors
/// When there is no such certificate, it has no vendor, an order of it is running, or, unless forced, it is not due.
pub async fn renew(
    console: &Console,
    actor: &Actor,
    name: &str,
    renewal: Renewal,
) -> Result<OperationId, LifecycleError> {
    let certificate = certificate_named(console, name).await?;
    let vendor = match certificate.vendor_id {
        Some(id) => console.db.vendor(id).await?,
        None => None,
    };
    let vendor = vendor.ok_or_else(|| {
        let detail = format!("the certificate \"{name}\" has no CA vendor to order from");
        Problem::new(ProblemCode::Invalid, detail)
            .known_as(messages::NO_VENDOR)
            .with_remedy("Give it one: change its vendor.")
    })?;
    preflight::names::check_stored(&vendor, &certificate.names)?;
    let mut orders = Vec::new();
    for slot in console.db.slots(certificate.id).await? {
        let Some(reason) = reason_now(console, &certificate, &vendor, &slot, renewal).await? else {
            continue;
        };
        orders.push(WantedOrder {
            algorithm: slot.algorithm,
            replaces: replaced_by(&console.db, &vendor, slot.active_version_id).await?,
            reason,
        });
    }
    if orders.is_empty() {
        return Err(not_due(console, &certificate).await?.into());
    }
    let wanted = Wanted {
        kind: "renew",
        actor,
        certificate: &certificate,
        vendor: &vendor,
        orders,
    };
    let mut tx = console.db.begin_write().await?;
    let id = match enqueue(&mut tx, &wanted).await {
        Err(error) if error.is_conflict() => {
            let detail = format!("an order of \"{name}\" is running");
            return Err(LifecycleError::new(ProblemCode::CertificateBusy, detail));
        }
        other => other?,
    };
    tx.commit().await?;
    console.bells.orders.notify_one();
    Ok(id)
}

/// Why a slot is renewed when an operator asks, or none when it is left alone. The operator stands in for the
/// automatic: a manual certificate is judged by the same rules.
async fn reason_now(
    console: &Console,
    certificate: &Certificate,
    vendor: &Vendor,
    slot: &Slot,
    renewal: Renewal,
) -> Result<Option<String>, DbError> {
    if renewal == Renewal::Forced {
        return Ok(Some("forced".to_owned()));
    }
    let active = match slot.active_version_id {
        Some(id) => console.db.version(id).await?,
        None => None,
    };
    let now = console.now();
    let facts = Facts {
        now,
        mode: RenewalMode::Automatic,
        active: active.as_ref().map(life_and_state),
        ari: slot.ari.as_ref(),
        renew_before: vendor.renew_before,
        jitter: jitter_of(&certificate.id.to_string()),
    };
    Ok(due(&facts)
        .filter(|due| due.at <= now)
        .map(|due| due.reason))
}

fn life_and_state(version: &Version) -> (Life, VersionState) {
    let life = Life {
        not_before: version.not_before,
        not_after: version.not_after,
    };
    (life, version.state)
}

async fn not_due(console: &Console, certificate: &Certificate) -> Result<Problem, DbError> {
    let slots = console.db.slots(certificate.id).await?;
    let next = slots
        .iter()
        .filter_map(|slot| slot.due.as_ref())
        .min_by_key(|due| due.at);
    let detail = match next {
        Some(due) => format!(
            "\"{}\" is not due before {} ({})",
            certificate.name, due.at, due.reason
        ),
        None => format!("\"{}\" is not due", certificate.name),
    };
    Ok(Problem::new(ProblemCode::Invalid, detail)
        .known_as(messages::NOT_CHANGED)
        .with_remedy("Force the renewal if it is wanted all the same: `--force`; it counts against the CA's limits."))
}

fn check_domains(domains: &[DomainName]) -> Result<Vec<DomainName>, LifecycleError> {
    let mut names: Vec<DomainName> = Vec::new();
    for domain in domains {
        if !names.contains(domain) {
            names.push(domain.clone());
        }
    }
    if names.is_empty() {
        let problem = Problem::new(
            ProblemCode::Invalid,
            "a certificate needs at least one domain",
        );
        return Err(problem.at("/domains").into());
    }
    if names.len() > MOST_NAMES {
        let detail = format!(
            "{} domains are more than the {MOST_NAMES} a CA takes",
            names.len()
        );
        return Err(Problem::new(ProblemCode::Invalid, detail)
            .at("/domains")
            .into());
    }
    Ok(names)
}

fn check_keys(keys: &[KeyAlgorithm]) -> Result<Vec<KeyAlgorithm>, LifecycleError> {
    match keys {
        [] => Ok(vec![KeyAlgorithm::EcdsaP256]),
        [one] => Ok(vec![*one]),
        [one, other] if one.family() != other.family() => Ok(vec![*one, *other]),
        _ => {
            let detail = "give one key algorithm, or one of RSA and one of ECDSA";
            Err(Problem::new(ProblemCode::Invalid, detail)
                .at("/keys")
                .into())
        }
    }
}

fn check_profile(vendor: &Vendor, profile: Option<&str>) -> Result<(), LifecycleError> {
    let offered = vendor.capabilities["profiles"].as_array();
    let offered: Vec<&str> = offered
        .map(|list| list.iter().filter_map(|one| one.as_str()).collect())
        .unwrap_or_default();
    match profile {
        Some(profile) if !offered.contains(&profile) => {
            let detail = format!(
                "the CA vendor \"{}\" has no profile \"{profile}\"",
                vendor.name
            );
            let problem = Problem::new(ProblemCode::Invalid, detail).at("/profile");
            Err(match offered.is_empty() {
                true => problem.with_remedy("Leave the profile out: this CA has none."),
                false => problem.with_remedy(format!("Use one of {}.", offered.join(", "))),
            }
            .into())
        }
        _ => Ok(()),
    }
}

/// Every name must lie in a domain that is mapped to an active provider.
pub(crate) async fn check_mappings(
    console: &Console,
    names: &[DomainName],
) -> Result<(), LifecycleError> {
    let Some((index, failure)) = preflight::mapping::failure(&console.db, names).await? else {
        return Ok(());
    };
    let code = match failure.code.as_str() {
        "domain.unmapped" => ProblemCode::DomainUnmapped,
        "dns_provider.none_active" => ProblemCode::DnsProviderNoneActive,
        _ => ProblemCode::DnsProviderNotFound,
    };
    let mut problem = failure.to_problem(code).at(format!("/domains/{index}"));
    // What is missing is not what the path names.
    problem.status = 422;
    Err(problem.into())
}

/// The vendor of a name.
pub(crate) async fn vendor_named(console: &Console, name: &str) -> Result<Vendor, LifecycleError> {
    let found = console.db.vendor_by_name(name).await?;
    found.ok_or_else(|| {
        let detail = format!("there is no CA vendor \"{name}\"");
        let mut problem = Problem::new(ProblemCode::CaVendorNotFound, detail)
            .known_as(messages::NO_VENDOR)
            .at("/vendor");
        // What is missing is not what the path names.
        problem.status = 422;
        problem.into()
    })
}

/// The certificate of a name.
pub(crate) async fn certificate_named(
    console: &Console,
    name: &str,
) -> Result<Certificate, LifecycleError> {
    let found = console.db.certificate_by_name(name).await?;
    found.ok_or_else(|| not_found(name))
}

pub(crate) fn not_found(name: &str) -> LifecycleError {
    let detail = format!("there is no certificate \"{name}\"");
    LifecycleError::new(ProblemCode::CertificateNotFound, detail)
}

pub(crate) fn name_taken(error: DbError, name: &str) -> LifecycleError {
    if error.is_conflict() {
        let detail = format!("there is a certificate \"{name}\" already");
        return Problem::new(ProblemCode::Conflict, detail)
            .at("/name")
            .into();
    }
    error.into()
}

pub(crate) const fn mode(auto_renew: bool) -> RenewalMode {
    if auto_renew {
        RenewalMode::Automatic
    } else {
        RenewalMode::Manual
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(texts: &[&str]) -> Vec<DomainName> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_name_given_twice_counts_once() {
        let given = names(&["a.example", "b.example", "A.example"]);

        assert_eq!(
            check_domains(&given).unwrap(),
            names(&["a.example", "b.example"])
        );
        assert!(check_domains(&[]).is_err());
    }

    #[test]
    fn two_keys_are_of_two_families() {
        use KeyAlgorithm::{EcdsaP256, EcdsaP384, Rsa2048};

        assert_eq!(check_keys(&[]).unwrap(), [EcdsaP256]);
        assert_eq!(check_keys(&[Rsa2048, EcdsaP384]).unwrap().len(), 2);
        assert!(check_keys(&[EcdsaP256, EcdsaP384]).is_err());
        assert!(check_keys(&[EcdsaP256, Rsa2048, EcdsaP384]).is_err());
    }
}
