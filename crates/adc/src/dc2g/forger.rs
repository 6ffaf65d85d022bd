//! Makes the certificate of one connection to a server, or finds the one made before.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use evercert_types::Fingerprint;
use evercert_x509::forge::{FieldPolicy, Forged, ForgingCa, Original, forge};
use evercert_x509::sha256;
use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;

use super::audit::{self, Record};
use super::cache::{Cache, Issued};
use super::deny::DenyList;
use super::identity::{RevocationStatus, VerifiedIdentity};
use super::keys::Keys;
use super::rate::Rate;
use super::refusal::Refusal;
use super::registry::Common;
use super::settings::{ForgerSettings, signed};
use super::statistics::{Counters, Statistics};

/// The forger of one profile with one set of settings.
#[derive(Debug)]
pub(crate) struct Forger {
    profile: Arc<str>,
    generation: u64,
    settings: ForgerSettings,
    fields: FieldPolicy,
    deny: DenyList,
    /// The forging CA's certificate and those above it.
    above: Vec<CertificateDer<'static>>,
    keys: Keys,
    cache: Cache,
    rate: Rate,
    counters: Counters,
    common: Arc<Common>,
}

/// Which connection a certificate is for.
#[derive(Clone, Debug)]
pub(crate) struct Occasion {
    pub(crate) vserver: Arc<str>,
    pub(crate) service: Arc<str>,
    pub(crate) client: IpAddr,
}

/// What a certificate is made from.
struct Source<'a> {
    der: &'a [u8],
    fingerprint: Fingerprint,
    word: &'static str,
}

impl Forger {
    /// With an empty cache, and the first key.
    ///
    /// # Errors
    /// With what is wrong with the settings, or when no key can be made.
    pub(crate) fn new(
        profile: &str,
        generation: u64,
        settings: ForgerSettings,
        common: &Arc<Common>,
    ) -> Result<Self, String> {
        let now = common.clock.now();
        let keys = Keys::new(settings.key_algorithm(), settings.key_rule(), now);
        let above = settings.ca.iter().flat_map(|ca| ca.chain().to_ders());
        Ok(Self {
            profile: profile.into(),
            generation,
            fields: settings.fields()?,
            deny: DenyList::new(&settings.view.deny),
            above: above.map(CertificateDer::from).collect(),
            keys: keys.map_err(|refusal| refusal.to_string())?,
            cache: Cache::new(settings.view.cache_size),
            rate: Rate::new(settings.view.rate),
            counters: Counters::new(common.metrics.clone()),
            common: common.clone(),
            settings,
        })
    }

    /// The profile's name.
    pub(crate) fn profile(&self) -> &str {
        &self.profile
    }

    /// Differs between forgers of an instance.
    pub(crate) const fn generation(&self) -> u64 {
        self.generation
    }

    pub(crate) const fn settings(&self) -> &ForgerSettings {
        &self.settings
    }

    /// The forging CA's subject as DER, for comparing with what a server lists.
    pub(crate) fn ca_subject(&self) -> Option<&[u8]> {
        let ca = self.settings.ca.as_ref()?;
        Some(ca.certificate().subject_der())
    }

    /// How often what is revoked has changed.
    pub(crate) fn revocations(&self) -> u64 {
        self.common.revocations()
    }

    /// The instance's clock.
    pub(crate) fn now(&self) -> Timestamp {
        self.common.clock.now()
    }

    /// The certificate for a client, or for the fall-back where it showed none.
    ///
    /// # Errors
    /// See [`Refusal`]; it is counted.
    pub(crate) fn certificate(
        &self,
        identity: Option<&VerifiedIdentity>,
        occasion: &Occasion,
    ) -> Result<Arc<Issued>, Refusal> {
        let found = self.find_or_make(identity, occasion);
        if let Err(refusal) = &found {
            self.counters.refused(refusal);
            tracing::warn!(
                ssl.profile = %self.profile,
                vserver.name = %occasion.vserver,
                service.name = %occasion.service,
                client = %occasion.client,
                reason = refusal.word(),
                %refusal,
                "no client certificate was made; the handshake with the service fails on purpose"
            );
        }
        found
    }

    /// Notes that a server asked for no certificate.
    pub(crate) fn not_asked(&self) {
        self.counters.not_asked();
    }

    /// Notes a refusal that was made elsewhere.
    pub(crate) fn refused(&self, refusal: &Refusal) {
        self.counters.refused(refusal);
    }

    fn find_or_make(
        &self,
        identity: Option<&VerifiedIdentity>,
        occasion: &Occasion,
    ) -> Result<Arc<Issued>, Refusal> {
        let now = self.now();
        let source = self.source(identity, now)?;
        // Read before the certificate is looked at: a change in between makes it stale at once.
        let revocations = self.revocations();
        if let Some(found) = self.cache.find(&source.fingerprint, now, revocations) {
            self.counters.hit();
            return Ok(found);
        }
        let ca = self.settings.ca.as_ref().ok_or(Refusal::NoForgingCa)?;
        let original = Original::read(source.der).map_err(Refusal::Certificate)?;
        if let Some(name) = self.deny.match_of(&original) {
            return Err(Refusal::Denied(name));
        }
        if !self.rate.take(Instant::now()) {
            return Err(Refusal::TooMany);
        }
        let key = self.keys.next(now)?;
        let forged =
            forge(ca, &self.fields, &key.leaf, &original, now).map_err(Refusal::Certificate)?;
        self.record(&source, &original, ca, &forged, occasion, now)?;
        let serial = hex(&forged.serial);
        let mut chain = Vec::with_capacity(self.above.len() + 1);
        chain.push(CertificateDer::from(forged.der));
        chain.extend_from_slice(&self.above);
        let issued = Arc::new(Issued::new(
            Arc::new(CertifiedKey::new(chain, key.signing)),
            forged.not_after,
            self.keep_until(now, forged.not_after),
            revocations,
            serial,
        ));
        self.counters.forged();
        self.retire(&self.cache.insert(source.fingerprint, issued.clone()));
        Ok(issued)
    }

    fn source<'a>(
        &'a self,
        identity: Option<&'a VerifiedIdentity>,
        now: Timestamp,
    ) -> Result<Source<'a>, Refusal> {
        if let Some(identity) = identity {
            identity
                .check(now)
                .map_err(|error| Refusal::NotVerified(error.to_string()))?;
            if identity.status() == RevocationStatus::Unknown
                && self.settings.view.drops_unknown_status
            {
                return Err(Refusal::UnknownStatus);
            }
            return Ok(Source {
                der: identity.der(),
                fingerprint: identity.fingerprint(),
                word: "client",
            });
        }
        let fallback = self.settings.fallback.as_ref();
        let fallback = fallback.ok_or(Refusal::NoClientCertificate)?;
        Ok(Source {
            der: fallback.der(),
            fingerprint: fallback.fingerprint(),
            word: "fallback",
        })
    }

    /// No longer than the profile says, and never so long that a connection could outlive its certificate at once.
    fn keep_until(&self, now: Timestamp, not_after: Timestamp) -> Timestamp {
        let lifetime = not_after.duration_since(now);
        let most = lifetime * 4 / 5;
        let wanted = signed(self.settings.view.cache_timeout);
        now.checked_add(most.min(wanted)).unwrap_or(not_after)
    }

    /// Writes the audit record; a certificate that cannot be recorded is not used.
    fn record(
        &self,
        source: &Source<'_>,
        original: &Original<'_>,
        ca: &ForgingCa,
        forged: &Forged,
        occasion: &Occasion,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let (subject, issuer) = (original.subject_text(), original.issuer_text());
        let (serial, forged_serial) = (original.serial_hex(), hex(&forged.serial));
        let made_from = audit::Original {
            subject: &subject,
            issuer: &issuer,
            serial: &serial,
            sha256: source.fingerprint.to_string(),
        };
        let made = audit::Forged {
            serial: &forged_serial,
            sha256: sha256(&forged.der).to_string(),
            not_after: forged.not_after.to_string(),
        };
        let record = Record::Forged {
            time: now.to_string(),
            profile: &self.profile,
            vserver: &occasion.vserver,
            service: &occasion.service,
            client: occasion.client,
            source: source.word,
            original: &made_from,
            forged: &made,
            forging_ca: ca.fingerprint().to_string(),
        };
        tracing::info!(
            ssl.profile = %self.profile,
            vserver.name = %occasion.vserver,
            service.name = %occasion.service,
            client = %occasion.client,
            source = source.word,
            original.subject = %subject,
            original.serial = %serial,
            forged.serial = %forged_serial,
            forged.not_after = %forged.not_after,
            "made a client certificate"
        );
        self.common.audit.append(&record).map_err(|error| {
            tracing::error!(%error, "the audit record of a client certificate could not be written");
            Refusal::Audit(error.to_string())
        })
    }

    fn retire(&self, gone: &[Arc<Issued>]) {
        for issued in gone {
            let record = Record::Retired {
                time: self.now().to_string(),
                profile: &self.profile,
                serial: &issued.serial,
                cache_hits: issued.uses(),
            };
            if let Err(error) = self.common.audit.append(&record) {
                tracing::error!(%error, "the audit record of a retired certificate could not be written");
            }
        }
    }

    /// Empties the cache; how many certificates that were.
    pub(crate) fn flush(&self) -> usize {
        let gone = self.cache.flush();
        self.retire(&gone);
        gone.len()
    }

    /// Takes out of the cache what will not be used any more.
    pub(crate) fn sweep(&self) {
        self.retire(&self.cache.sweep(self.now(), self.revocations()));
    }

    /// The counts of this profile.
    pub(crate) fn statistics(&self) -> Statistics {
        self.counters.read(self.cache.len())
    }
}

impl Drop for Forger {
    fn drop(&mut self) {
        self.flush();
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
