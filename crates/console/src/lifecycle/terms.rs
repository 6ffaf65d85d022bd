//! How a certificate is to be issued: what a request or a change asks for, checked as a whole.
//!
//! Before it: [`super::request`] or [`super::change`] has read what an operator wants into a [`Draft`]. After it: the
//! draft is written, and every order keeps a copy of its terms.

use std::net::IpAddr;

use evercert_acme::vendors::Support;
use evercert_api::certificates::IssueRequest;
use evercert_api::terms::IssueTerms;
use evercert_api::{Problem, ProblemCode};
use evercert_db::DbError;
use evercert_db::certificates::{Certificate, KeyPolicy};
use evercert_db::terms::Terms;
use evercert_db::vendors::Vendor;
use evercert_types::{
    CertificateId, ChallengeChoice, DnsProviderId, DomainName, KeyAlgorithm, KeyCustody, Secret,
    StoreKind, SubjectError, VendorId, format_span, parse_span,
};
use evercert_x509::{Csr, KeyPair};
use jiff::SignedDuration;

use super::failure::sentence;
use super::renewals::check_maintenance;
use super::request::{check_challenges, mode, vendor_named};
use super::{LifecycleError, csr, messages, preflight};
use crate::state::Console;

/// More names than any CA puts into one certificate.
const MOST_NAMES: usize = 100;
/// A shorter lifetime could not be renewed in time.
const SHORTEST_LIFE: SignedDuration = SignedDuration::from_hours(1);
/// A longer lifetime is a slip of the pen.
const LONGEST_LIFE: SignedDuration = SignedDuration::from_hours(24 * 3650);

/// A certificate as it shall be, with the key and CSR that came with the wish.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) certificate: Certificate,
    pub(crate) keys: Vec<KeyAlgorithm>,
    /// A private key that was uploaded.
    pub(crate) key: Option<KeyPair>,
    /// The CSR that orders use, if one was uploaded now or earlier.
    pub(crate) csr: Option<Csr>,
}

/// Reads a request into a draft; parts are checked one by one, the whole by [`Draft::check`].
pub(crate) async fn draft(
    console: &Console,
    request: IssueRequest,
    vendor: &Vendor,
) -> Result<Draft, LifecycleError> {
    let key = request.key_pem.as_ref().map(read_key).transpose()?;
    let mut keys = request.keys;
    let (mut names, mut ips) = (distinct(request.domains), distinct(request.ips));
    let mut uploaded = None;
    if let Some(pem) = blank_is_none(request.csr_pem) {
        let (csr, algorithm) = csr::read(&pem)?;
        csr::check_names(&csr, &names, &ips)?;
        (names, ips) = (distinct(csr.names()), distinct(csr.ips()));
        keys = keys_of_csr(&keys, algorithm)?;
        uploaded = Some(csr);
    }
    if let (true, Some(key)) = (keys.is_empty(), &key) {
        keys = vec![key.algorithm()];
    }
    let custody = match (&uploaded, &key) {
        (Some(_), None) => KeyCustody::External,
        _ => KeyCustody::Console,
    };
    let terms = Terms {
        ips,
        subject: request.subject,
        csr: uploaded.as_ref().map(Csr::to_pem),
        custody,
        lifetime_secs: read_lifetime(blank_is_none(request.lifetime))?,
        profile_mode: request.profile_mode,
        preferred_chain: blank_is_none(request.preferred_chain),
        provider: provider_named(console, blank_is_none(request.dns_provider)).await?,
        challenge: request.challenge,
        maintenance: check_maintenance(request.maintenance.as_deref())?,
        failover: failover_named(console, blank_is_none(request.failover)).await?,
        alone: !request.share,
    };
    let now = console.now();
    Ok(Draft {
        certificate: Certificate {
            id: CertificateId::new(),
            name: request.name,
            store: request.store,
            names,
            vendor_id: Some(vendor.id),
            renewal_mode: mode(request.auto_renew),
            key_policy: key_policy(request.reuse_key),
            profile: blank_is_none(request.profile),
            selector: request.scope,
            labels: request.labels,
            terms,
            paused: false,
            created_at: now,
            updated_at: now,
        },
        keys: check_keys(&keys)?,
        key,
        csr: uploaded,
    })
}

impl Draft {
    /// Checks that its parts fit each other and the vendor; answers what the operator should be warned of.
    pub(crate) async fn check(
        &mut self,
        console: &Console,
        vendor: &Vendor,
    ) -> Result<Vec<String>, LifecycleError> {
        let warnings = self.check_parts(vendor)?;
        self.check_provider(console).await?;
        Ok(warnings)
    }

    /// The same, but for who proves the names.
    pub(crate) fn check_parts(&mut self, vendor: &Vendor) -> Result<Vec<String>, LifecycleError> {
        self.check_identifiers(vendor)?;
        self.check_key()?;
        self.check_subject()?;
        let certificate = &self.certificate;
        check_profile(vendor, certificate.profile.as_deref())?;
        check_lifetime(vendor, certificate.terms.lifetime_secs)?;
        if certificate.terms.failover == Some(vendor.id) {
            let detail = format!("\"{}\" cannot stand in for itself", vendor.name);
            return Err(invalid("/failover", detail).into());
        }
        Ok(self.warnings())
    }

    fn check_identifiers(&self, vendor: &Vendor) -> Result<(), LifecycleError> {
        let (names, terms) = (&self.certificate.names, &self.certificate.terms);
        preflight::names::check_wanted(vendor, names)?;
        let count = names.len() + terms.ips.len();
        if count == 0 {
            let detail = "a certificate needs at least one domain, or an IP address";
            return Err(invalid("/domains", detail).into());
        }
        if count > MOST_NAMES {
            let detail = format!("{count} names are more than the {MOST_NAMES} a CA takes");
            return Err(invalid("/domains", detail).into());
        }
        if let (Some(challenge), Some(at)) = (
            terms.challenge.filter(|challenge| !challenge.is_dns()),
            names.iter().position(DomainName::is_wildcard),
        ) {
            let detail = format!("{} cannot be proved by {challenge}", names[at]);
            return Err(invalid(&format!("/domains/{at}"), detail)
                .with_remedy("Wildcards are proved by DNS only: leave the challenge out, or use dns-01-manual.")
                .into());
        }
        match terms.ips.first() {
            Some(ip) => check_address(vendor, *ip, terms.challenge),
            None => Ok(()),
        }
    }

    fn check_key(&self) -> Result<(), LifecycleError> {
        if let (Some(csr), Some(key)) = (&self.csr, &self.key) {
            csr::check_key(csr, key)?;
        }
        if let Some(key) = &self.key
            && !self.keys.contains(&key.algorithm())
        {
            let asked: Vec<&str> = self.keys.iter().map(|key| key.as_str()).collect();
            let detail = format!(
                "the uploaded key is {}, the certificate has {}",
                key.algorithm(),
                asked.join(", ")
            );
            return Err(invalid("/key_pem", detail)
                .with_remedy("Leave the key algorithms out, or upload a key of one of them.")
                .into());
        }
        let certificate = &self.certificate;
        if certificate.terms.custody == KeyCustody::External
            && certificate.store == StoreKind::ZeroTouch
        {
            let detail = "the zero-touch store delivers private keys, and this one's is elsewhere";
            return Err(invalid("/store", detail)
                .with_remedy("Upload the key with the CSR, or use the certificate store.")
                .into());
        }
        Ok(())
    }

    /// A CSR has a subject of its own; the common name is one of the names, in their form.
    fn check_subject(&mut self) -> Result<(), LifecycleError> {
        let subject = &mut self.certificate.terms.subject;
        if self.csr.is_some() && !subject.is_empty() {
            let detail = "the subject is in the CSR; it cannot be asked for beside it";
            return Err(invalid("/subject", detail).into());
        }
        subject.check().map_err(|error| subject_problem(&error))?;
        let Some(common_name) = &mut subject.common_name else {
            return Ok(());
        };
        let name = DomainName::new(common_name)
            .ok()
            .filter(|name| self.certificate.names.contains(name));
        let Some(name) = name else {
            let detail = format!("the common name \"{common_name}\" is none of the domains");
            return Err(invalid("/subject/common_name", detail)
                .with_remedy(
                    "Add it to the domains, or leave it out: clients look at the names only.",
                )
                .into());
        };
        if name.as_str().len() > 64 {
            let detail = format!("the common name {name} has more than 64 characters");
            return Err(invalid("/subject/common_name", detail).into());
        }
        *common_name = name.to_string();
        Ok(())
    }

    /// Every name needs someone who proves it.
    pub(crate) async fn check_provider(&self, console: &Console) -> Result<(), LifecycleError> {
        let terms = &self.certificate.terms;
        let by_provider = matches!(terms.challenge, None | Some(ChallengeChoice::Dns01));
        if terms.provider.is_some() && !by_provider {
            let detail = "a DNS provider proves names by dns-01 only";
            return Err(invalid("/dns_provider", detail)
                .with_remedy("Leave the provider or the challenge out.")
                .into());
        }
        check_challenges(console, &self.certificate).await
    }

    fn warnings(&self) -> Vec<String> {
        let mut warnings = self.csr.as_ref().map(csr::warnings).unwrap_or_default();
        let certificate = &self.certificate;
        let is_automatic = certificate.renewal_mode == evercert_types::RenewalMode::Automatic;
        if certificate.terms.csr.is_some() && is_automatic {
            warnings.push(format!(
                "renewals use the same CSR, and so the same key: upload another one when the key is to change, \
                 `evercert cert change {} --csr FILE`",
                certificate.name
            ));
        }
        warnings
    }
}

/// A certificate's terms as the API shows them.
pub(crate) async fn view(
    console: &Console,
    certificate: &Certificate,
) -> Result<IssueTerms, DbError> {
    let terms = certificate.terms.clone();
    let dns_provider = match terms.provider {
        Some(id) => console.db.dns_provider(id).await?,
        None => None,
    };
    let failover = match terms.failover {
        Some(id) => console.db.vendor(id).await?,
        None => None,
    };
    Ok(IssueTerms {
        ips: terms.ips,
        subject: terms.subject,
        custody: terms.custody,
        csr_pem: terms.csr,
        reuse_key: certificate.key_policy == KeyPolicy::Reuse,
        profile: certificate.profile.clone(),
        profile_mode: terms.profile_mode,
        preferred_chain: terms.preferred_chain,
        lifetime: terms
            .lifetime_secs
            .map(|secs| format_span(SignedDuration::from_secs(secs))),
        dns_provider: dns_provider.map(|provider| provider.name),
        challenge: terms.challenge,
        failover: failover.map(|vendor| vendor.name),
        maintenance: terms.maintenance,
        share: !terms.alone,
    })
}

/// What is known of the CA that a vendor connects to; none for a directory that is not in our table.
pub(crate) fn known(vendor: &Vendor) -> Option<&'static evercert_acme::Vendor> {
    let code = vendor.options.type_code.as_deref();
    code.and_then(evercert_acme::vendors::vendor)
        .or_else(|| evercert_acme::vendors::vendor_of(&vendor.directory_url))
}

fn check_address(
    vendor: &Vendor,
    ip: IpAddr,
    challenge: Option<ChallengeChoice>,
) -> Result<(), LifecycleError> {
    if challenge.is_some_and(ChallengeChoice::is_dns) {
        let detail = format!("the address {ip} cannot be proved by a DNS record");
        return Err(invalid("/challenge", detail)
            .with_remedy("Use http-01 or tls-alpn-01, or issue addresses and domains apart.")
            .into());
    }
    let known = known(vendor).filter(|known| known.ip_identifiers == Support::No);
    let Some(known) = known else { return Ok(()) };
    let detail = format!("{} issues no certificates for IP addresses", known.name);
    Err(invalid("/ips/0", detail)
        .with_remedy("Use another CA vendor, such as Let's Encrypt with the profile shortlived, or a private CA.")
        .into())
}

/// The algorithm of a CSR's key is the certificate's; another one cannot be asked for beside it.
pub(crate) fn keys_of_csr(
    asked: &[KeyAlgorithm],
    algorithm: KeyAlgorithm,
) -> Result<Vec<KeyAlgorithm>, LifecycleError> {
    if asked.is_empty() || asked == [algorithm] {
        return Ok(vec![algorithm]);
    }
    let asked: Vec<&str> = asked.iter().map(|key| key.as_str()).collect();
    let detail = format!("the CSR's key is {algorithm}, not {}", asked.join(", "));
    Err(invalid("/keys", detail)
        .with_remedy("Leave the key algorithms out: they are read from the CSR.")
        .into())
}

/// Reads an uploaded private key.
pub(crate) fn read_key(pem: &Secret<String>) -> Result<KeyPair, LifecycleError> {
    KeyPair::from_pem(pem.expose()).map_err(|error| {
        invalid("/key_pem", sentence(&error))
            .with_remedy(error.remedy())
            .into()
    })
}

/// Reads a requested lifetime, in seconds.
pub(crate) fn read_lifetime(text: Option<String>) -> Result<Option<i64>, LifecycleError> {
    let Some(text) = text else { return Ok(None) };
    let life = parse_span(&text).map_err(|error| invalid("/lifetime", error.to_string()))?;
    if !(SHORTEST_LIFE..=LONGEST_LIFE).contains(&life) {
        let detail = format!(
            "a lifetime of {text} cannot be asked for: it lies between {} and {}",
            format_span(SHORTEST_LIFE),
            format_span(LONGEST_LIFE)
        );
        return Err(invalid("/lifetime", detail).into());
    }
    Ok(Some(life.as_secs()))
}

fn check_lifetime(vendor: &Vendor, lifetime: Option<i64>) -> Result<(), LifecycleError> {
    let known = known(vendor).filter(|known| known.not_after == Support::No);
    let (Some(known), Some(_)) = (known, lifetime) else {
        return Ok(());
    };
    let detail = format!("{} does not issue for a requested lifetime", known.name);
    let profiles = profiles(vendor);
    let remedy = match profiles.is_empty() {
        true => "Leave the lifetime out.".to_owned(),
        false => format!(
            "Leave the lifetime out; the profile decides it: {}.",
            profiles.join(", ")
        ),
    };
    Err(invalid("/lifetime", detail).with_remedy(remedy).into())
}

fn check_profile(vendor: &Vendor, profile: Option<&str>) -> Result<(), LifecycleError> {
    let offered = profiles(vendor);
    let Some(profile) = profile.filter(|profile| !offered.contains(profile)) else {
        return Ok(());
    };
    let detail = format!(
        "the CA vendor \"{}\" has no profile \"{profile}\"",
        vendor.name
    );
    let problem = invalid("/profile", detail);
    Err(match offered.is_empty() {
        true => problem.with_remedy("Leave the profile out: this CA has none."),
        false => problem.with_remedy(format!("Use one of {}.", offered.join(", "))),
    }
    .into())
}

/// The profiles that the CA's directory listed when it was last read.
fn profiles(vendor: &Vendor) -> Vec<&str> {
    let listed = vendor.capabilities["profiles"].as_array();
    listed
        .map(|list| list.iter().filter_map(|one| one.as_str()).collect())
        .unwrap_or_default()
}

/// The DNS provider of a name, which must be active.
pub(crate) async fn provider_named(
    console: &Console,
    name: Option<String>,
) -> Result<Option<DnsProviderId>, LifecycleError> {
    let Some(name) = name else { return Ok(None) };
    let found = console.db.dns_provider_by_name(&name).await?;
    match found.filter(|provider| provider.active) {
        Some(provider) => Ok(Some(provider.id)),
        None => {
            let detail = format!("no active DNS provider is called \"{name}\".");
            let mut problem = Problem::new(ProblemCode::DnsProviderNotFound, detail)
                .known_as(messages::provider_missing(&name))
                .at("/dns_provider");
            // What is missing is not what the path names.
            problem.status = 422;
            Err(problem.into())
        }
    }
}

/// The vendor that may stand in.
pub(crate) async fn failover_named(
    console: &Console,
    name: Option<String>,
) -> Result<Option<VendorId>, LifecycleError> {
    let Some(name) = name else { return Ok(None) };
    match vendor_named(console, &name).await {
        Ok(vendor) => Ok(Some(vendor.id)),
        Err(LifecycleError::Problem(problem)) => Err((*problem).at("/failover").into()),
        Err(error) => Err(error),
    }
}

/// One key algorithm, or one of each family; none means the default.
pub(crate) fn check_keys(keys: &[KeyAlgorithm]) -> Result<Vec<KeyAlgorithm>, LifecycleError> {
    match keys {
        [] => Ok(vec![KeyAlgorithm::EcdsaP256]),
        [one] => Ok(vec![*one]),
        [one, other] if one.family() != other.family() => Ok(vec![*one, *other]),
        _ => {
            let detail = "give one key algorithm, or one of RSA and one of ECDSA";
            Err(invalid("/keys", detail).into())
        }
    }
}

pub(crate) const fn key_policy(reuse: bool) -> KeyPolicy {
    if reuse {
        KeyPolicy::Reuse
    } else {
        KeyPolicy::Rotate
    }
}

/// Each once, in the order they were given.
pub(crate) fn distinct<T: PartialEq>(given: Vec<T>) -> Vec<T> {
    let mut kept = Vec::with_capacity(given.len());
    for one in given {
        if !kept.contains(&one) {
            kept.push(one);
        }
    }
    kept
}

pub(crate) fn blank_is_none(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
        .map(|text| text.trim().to_owned())
}

fn subject_problem(error: &SubjectError) -> LifecycleError {
    let pointer = match error {
        SubjectError::Value { field, .. } => format!("/subject/{field}"),
        _ => "/subject".to_owned(),
    };
    invalid(&pointer, error.to_string()).into()
}

fn invalid(pointer: &str, detail: impl Into<String>) -> Problem {
    Problem::new(ProblemCode::Invalid, detail).at(pointer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_wanted_once() {
        assert_eq!(distinct(vec!["a", "b", "a"]), ["a", "b"]);
    }

    #[test]
    fn two_keys_are_of_two_families() {
        use KeyAlgorithm::{EcdsaP256, EcdsaP384, Rsa2048};

        assert_eq!(check_keys(&[]).unwrap(), [EcdsaP256]);
        assert_eq!(check_keys(&[Rsa2048, EcdsaP384]).unwrap().len(), 2);
        assert!(check_keys(&[EcdsaP256, EcdsaP384]).is_err());
        assert!(check_keys(&[EcdsaP256, Rsa2048, EcdsaP384]).is_err());
    }

    #[test]
    fn a_csr_brings_its_key_algorithm() {
        use KeyAlgorithm::{EcdsaP256, Rsa2048};

        assert_eq!(keys_of_csr(&[], Rsa2048).unwrap(), [Rsa2048]);
        assert_eq!(keys_of_csr(&[Rsa2048], Rsa2048).unwrap(), [Rsa2048]);
        assert!(keys_of_csr(&[EcdsaP256], Rsa2048).is_err());
        assert!(keys_of_csr(&[EcdsaP256, Rsa2048], Rsa2048).is_err());
    }

    #[test]
    fn lifetimes_are_plausible() {
        let read = |text: &str| read_lifetime(Some(text.to_owned()));

        assert_eq!(read("30d").unwrap(), Some(30 * 86_400));
        assert_eq!(read_lifetime(None).unwrap(), None);
        for bad in ["30", "10m", "-1d", "20000d", "soon"] {
            let problem = read(bad).unwrap_err().to_problem();
            assert_eq!(problem.pointer.as_deref(), Some("/lifetime"), "{bad}");
        }
    }
}
