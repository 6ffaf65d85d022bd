//! What a change asks for of a certificate's terms: read before, checked and applied under the certificate's lock.
//!
//! Before it: [`super::change`] holds the certificate. After it: the plan finds out whether the version in force still
//! has what is wanted, and the next order is made with the new terms.

use evercert_api::certificates::CertificateChange;
use evercert_api::{Problem, ProblemCode};
use evercert_db::certificates::Certificate;
use evercert_db::slots::Slot;
use evercert_db::{DbError, Tx};
use evercert_types::{DnsProviderId, KeyAlgorithm, KeyCustody, SubjectTerms, VendorId};
use evercert_x509::{Csr, KeyPair};

use super::request::warned;
use super::terms::{self, Draft, blank_is_none, distinct};
use super::{LifecycleError, csr};
use crate::state::Console;

/// The part of a change that concerns terms, its names looked up and its files read.
pub(crate) struct TermsChange {
    change: CertificateChange,
    provider: Option<Option<DnsProviderId>>,
    failover: Option<Option<VendorId>>,
    lifetime: Option<Option<i64>>,
    key: Option<KeyPair>,
    csr: Option<Option<(Csr, KeyAlgorithm)>>,
}

/// Reads the terms of a change; none when it concerns other things only.
///
/// # Errors
/// A problem that points into the request.
pub(crate) async fn read(
    console: &Console,
    change: &CertificateChange,
) -> Result<Option<TermsChange>, LifecycleError> {
    if !concerns_terms(change) {
        return Ok(None);
    }
    let provider = match change.dns_provider.clone() {
        Some(name) => Some(terms::provider_named(console, blank(name)).await?),
        None => None,
    };
    let failover = match change.failover.clone() {
        Some(name) => Some(terms::failover_named(console, blank(name)).await?),
        None => None,
    };
    let lifetime = change.lifetime.clone();
    let csr = match change.csr_pem.clone().map(blank) {
        Some(Some(pem)) => Some(Some(csr::read(&pem)?)),
        Some(None) => Some(None),
        None => None,
    };
    Ok(Some(TermsChange {
        provider,
        failover,
        lifetime: lifetime
            .map(|text| terms::read_lifetime(blank(text)))
            .transpose()?,
        key: change.key_pem.as_ref().map(terms::read_key).transpose()?,
        csr,
        change: change.clone(),
    }))
}

fn blank(text: Option<String>) -> Option<String> {
    blank_is_none(text)
}

fn concerns_terms(change: &CertificateChange) -> bool {
    change.domains.is_some()
        || change.ips.is_some()
        || change.subject.is_some()
        || change.keys.is_some()
        || change.key_pem.is_some()
        || change.csr_pem.is_some()
        || change.reuse_key.is_some()
        || change.profile.is_some()
        || change.profile_mode.is_some()
        || change.preferred_chain.is_some()
        || change.lifetime.is_some()
        || change.dns_provider.is_some()
        || change.challenge.is_some()
        || change.failover.is_some()
        || change.share.is_some()
}

impl TermsChange {
    /// Applies it to a certificate that is held; answers its slots as they are then, and the zero-touch store's
    /// revision when an item left it.
    ///
    /// # Errors
    /// A problem that points into the request; the unit of work is to be dropped then.
    pub(crate) async fn apply(
        &self,
        console: &Console,
        tx: &mut Tx,
        certificate: &mut Certificate,
        slots: Vec<Slot>,
    ) -> Result<(Vec<Slot>, Option<i64>), LifecycleError> {
        let vendor = match certificate.vendor_id {
            Some(id) => tx.vendor(id).await?,
            None => None,
        };
        let vendor = vendor.ok_or_else(|| {
            let detail = format!("\"{}\" has no CA vendor to order from", certificate.name);
            Problem::new(ProblemCode::Invalid, detail)
                .at("/vendor")
                .with_remedy("Give it one in the same change.")
        })?;
        self.apply_plain(certificate);
        let csr = self.apply_csr(console, certificate, &slots).await?;
        let mut draft = Draft {
            keys: self.keys(&slots)?,
            certificate: certificate.clone(),
            key: self.key.clone(),
            csr,
        };
        let mut warnings = draft.check_parts(&vendor)?;
        if self.concerns_proof() {
            draft.check_provider(console).await?;
        }
        *certificate = draft.certificate;
        if self.csr.is_none() {
            // Told when the CSR was uploaded.
            warnings.clear();
        }
        for warning in warnings {
            let event = warned(certificate, None, &warning, tx.now());
            tx.add_event(&event).await?;
        }
        let revision = change_slots(tx, certificate, &slots, &draft.keys).await?;
        if let Some(key) = &self.key {
            let der = key.to_pkcs8_der();
            tx.set_slot_key(certificate.id, key.algorithm(), Some(&der))
                .await?;
        }
        let held = tx.hold_certificate(certificate.id).await?;
        Ok((held.map_or(slots, |(_, slots)| slots), revision))
    }

    fn concerns_proof(&self) -> bool {
        let change = &self.change;
        change.domains.is_some()
            || change.ips.is_some()
            || change.dns_provider.is_some()
            || change.challenge.is_some()
            || self.csr.is_some()
    }

    fn apply_plain(&self, certificate: &mut Certificate) {
        let change = &self.change;
        let terms = &mut certificate.terms;
        if let Some(names) = &change.domains {
            certificate.names = distinct(names.clone());
        }
        if let Some(ips) = &change.ips {
            terms.ips = distinct(ips.clone());
        }
        if let Some(subject) = &change.subject {
            terms.subject = subject.clone();
        }
        if let Some(reuse) = change.reuse_key {
            certificate.key_policy = terms::key_policy(reuse);
        }
        if let Some(profile) = &change.profile {
            certificate.profile = blank_is_none(profile.clone());
        }
        if let Some(mode) = change.profile_mode {
            terms.profile_mode = mode;
        }
        if let Some(chain) = &change.preferred_chain {
            terms.preferred_chain = blank_is_none(chain.clone());
        }
        if let Some(challenge) = change.challenge {
            terms.challenge = challenge;
        }
        if let Some(share) = change.share {
            terms.alone = !share;
        }
        terms.lifetime_secs = self.lifetime.unwrap_or(terms.lifetime_secs);
        terms.provider = self.provider.unwrap_or(terms.provider);
        terms.failover = self.failover.unwrap_or(terms.failover);
    }

    /// The CSR that orders use from now on, if any, with the names that it brings.
    async fn apply_csr(
        &self,
        console: &Console,
        certificate: &mut Certificate,
        slots: &[Slot],
    ) -> Result<Option<Csr>, LifecycleError> {
        let asked = self.change.domains.clone().unwrap_or_default();
        let addresses = self.change.ips.clone().unwrap_or_default();
        match &self.csr {
            Some(None) => {
                certificate.terms.csr = None;
                certificate.terms.custody = KeyCustody::Console;
                Ok(None)
            }
            Some(Some((csr, _))) => {
                csr::check_names(csr, &asked, &addresses)?;
                certificate.names = distinct(csr.names());
                let terms = &mut certificate.terms;
                terms.ips = distinct(csr.ips());
                terms.csr = Some(csr.to_pem());
                if self.change.subject.is_none() {
                    // It was for the CSRs that the Console made.
                    terms.subject = SubjectTerms::default();
                }
                terms.custody = match self.key.is_some() || has_key(console, csr, slots).await? {
                    true => KeyCustody::Console,
                    false => KeyCustody::External,
                };
                Ok(Some(csr.clone()))
            }
            None => {
                let Some(pem) = certificate.terms.csr.clone() else {
                    return Ok(None);
                };
                let (csr, _) = csr::read(&pem)?;
                csr::check_names(&csr, &asked, &addresses)?;
                if self.key.is_some() {
                    certificate.terms.custody = KeyCustody::Console;
                }
                Ok(Some(csr))
            }
        }
    }

    /// All key algorithms from now on.
    fn keys(&self, slots: &[Slot]) -> Result<Vec<KeyAlgorithm>, LifecycleError> {
        let asked = self.change.keys.as_deref();
        if let Some(Some((_, algorithm))) = &self.csr {
            return terms::keys_of_csr(asked.unwrap_or_default(), *algorithm);
        }
        match asked {
            Some(keys) => terms::check_keys(keys),
            None => Ok(slots.iter().map(|slot| slot.algorithm).collect()),
        }
    }
}

/// Whether a key in the Console is the one that a CSR was made with.
async fn has_key(console: &Console, csr: &Csr, slots: &[Slot]) -> Result<bool, DbError> {
    for slot in slots {
        let Some(active) = slot.active_version_id else {
            continue;
        };
        let der = console.db.version_key(active).await?;
        let key = der.map(|der| KeyPair::from_pkcs8_der(der.expose()));
        if matches!(key, Some(Ok(key)) if csr.is_of(&key)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Adds the slots of new key algorithms and removes those of others, with their items in the zero-touch store.
async fn change_slots(
    tx: &mut Tx,
    certificate: &Certificate,
    slots: &[Slot],
    keys: &[KeyAlgorithm],
) -> Result<Option<i64>, LifecycleError> {
    let mut revision = None;
    for slot in slots {
        let algorithm = slot.algorithm;
        if keys.contains(&algorithm) {
            continue;
        }
        if tx.running_order(certificate.id, algorithm).await?.is_some() {
            let detail = format!("an order for the {algorithm} key is running");
            return Err(Problem::new(ProblemCode::CertificateBusy, detail)
                .at("/keys")
                .into());
        }
        let removed = tx.remove_store_item(certificate.id, algorithm).await?;
        revision = removed.max(revision);
        tx.remove_slot(certificate.id, algorithm).await?;
    }
    for (position, algorithm) in (0i64..).zip(keys) {
        tx.insert_slot(certificate.id, *algorithm, position).await?;
    }
    Ok(revision)
}
