//! Puts an issued certificate into force: checked, then version, pointer, store item and plan in one transaction.
//!
//! Before it: [`super::issue`] has chain and key. After it: the zero-touch stream has a new revision.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use evercert_db::Tx;
use evercert_db::certificates::Certificate;
use evercert_db::events::Level;
use evercert_db::orders::OrderChange;
use evercert_db::slots::Slot;
use evercert_db::store_items::StorePut;
use evercert_db::versions::{Material, Version};
use evercert_types::{
    DomainName, KeyCustody, OrderState, Secret, StoreKind, VersionId, VersionState,
};
use evercert_x509::tls::crypto_provider;
use evercert_x509::{
    Chain, ChainError, Csr, KeyPair, MatchError, verify_addresses, verify_chain_links,
    verify_key_matches, verify_names, verify_request_matches,
};
use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::json;

use super::failure::{Class, Failure, Stage, sentence};
use super::issue::{Drive, Halt, Note};
use super::{plan, revoke, share};

impl Drive<'_> {
    /// Downloaded: checks what came and puts it into force.
    pub(crate) async fn install(&mut self) -> Result<(), Halt> {
        let chain_pem = self.order.chain_pem.clone().unwrap_or_default();
        let chain = Chain::from_pem(&chain_pem).map_err(|error| unusable_chain(&error))?;
        let der = self.console.db.order_key(self.order.id).await?;
        let key = self.check_key(&chain, der.as_ref())?;
        self.check(&chain)?;
        if let Some(key) = &key
            && revoke::is_compromised(self.console, self.certificate.id, key).await?
        {
            return Err(
                unusable("its key is known to others: it was revoked for that meanwhile").into(),
            );
        }
        let (id, algorithm) = (self.certificate.id, self.order.algorithm);
        let mut tx = self.console.db.begin_write().await?;
        // The scope or the renewal mode may have been changed since the order began.
        let group = share::hold(&mut tx, id, algorithm).await?;
        let group = group.ok_or(Halt::Lost)?;
        let certificate = &group.certificate;
        let generation = tx.next_generation(id, algorithm).await?;
        let mut version = version_of(certificate, &chain, self.console.now());
        version.algorithm = algorithm;
        version.generation = generation;
        version.vendor_id = Some(self.order.vendor_id);
        version.order_id = Some(self.order.id);
        let material = Material {
            version,
            chain_pem,
            key: der,
        };
        if let Some(changed) = self.changed_usage(&group.slot, &chain).await? {
            tx.add_event(&self.event(changed, Level::Warn)).await?;
        }
        tx.insert_version(&material).await?;
        // The version has it from now on.
        tx.set_slot_key(id, algorithm, None).await?;
        let own = activate(&mut tx, certificate, &material.version).await?;
        plan::after_install(&mut tx, certificate, &material.version).await?;
        let (served, others) = self.serve_partners(&mut tx, &group, &material).await?;
        let revision = own.max(others);
        let note = installed_note(&material.version, revision, &served);
        self.persist(tx, OrderState::Installed, OrderChange::Nothing, note)
            .await?;
        if let Some(revision) = revision {
            self.console.store_changed(revision);
        }
        tracing::info!(
            certificate.name = self.certificate.name,
            version.generation = generation,
            version.algorithm = %algorithm,
            store.revision = revision,
            "a version is in force"
        );
        Ok(())
    }

    /// The leaf is of the order's key, or where that is elsewhere, of its CSR.
    fn check_key(
        &self,
        chain: &Chain,
        der: Option<&Secret<Vec<u8>>>,
    ) -> Result<Option<KeyPair>, Failure> {
        let mismatch = |error: MatchError| unusable(sentence(&error));
        if let Some(der) = der {
            let key = KeyPair::from_pkcs8_der(der.expose());
            let key = key.map_err(|error| unusable(sentence(&error)))?;
            verify_key_matches(chain.leaf(), &key).map_err(mismatch)?;
            return Ok(Some(key));
        }
        let csr = self.order.terms.csr.as_deref();
        let csr = csr.filter(|_| self.order.terms.custody == KeyCustody::External);
        let csr = csr.ok_or_else(|| unusable("the order has no private key"))?;
        let csr = Csr::from_pem(csr).map_err(|error| unusable(sentence(&error)))?;
        verify_request_matches(chain.leaf(), &csr).map_err(mismatch)?;
        Ok(None)
    }

    /// Each certificate is signed by the next, every name is there, and it can serve TLS.
    fn check(&self, chain: &Chain) -> Result<(), Failure> {
        let mismatch = |error: MatchError| unusable(sentence(&error));
        let ips = &self.order.terms.ips;
        verify_chain_links(chain).map_err(|error| unusable_chain(&error))?;
        verify_names(chain.leaf(), &self.order.names).map_err(mismatch)?;
        verify_addresses(chain.leaf(), ips).map_err(mismatch)?;
        let not_after = chain.leaf().not_after();
        if not_after <= self.console.now() {
            return Err(unusable(format!("it expired at {not_after}")));
        }
        verify_as_client(chain, &self.order.names, ips, self.console.now()).map_err(unusable)
    }

    /// What of the extended key usage differs from the version in force: what else served with it may break.
    async fn changed_usage(&self, slot: &Slot, chain: &Chain) -> Result<Option<Note>, Halt> {
        let pem = match slot.active_version_id {
            Some(id) => self.console.db.version_chain(id).await?,
            None => None,
        };
        let Some(before) = pem.and_then(|pem| Chain::from_pem(&pem).ok()) else {
            return Ok(None);
        };
        let old: BTreeSet<&String> = before.leaf().extended_key_usages().iter().collect();
        let new: BTreeSet<&String> = chain.leaf().extended_key_usages().iter().collect();
        Ok((old != new).then(|| usage_changed(&old, &new)))
    }

    /// Installed: withdraws the responses; the order is done.
    pub(crate) async fn clean_up(&mut self) -> Result<(), Halt> {
        self.withdraw_values().await;
        let left = self.console.db.journal_of(self.order.id).await?.len();
        let note = match left {
            0 => Note::new("order.done", "The order is done"),
            left => Note::new(
                "order.done",
                format!("The order is done; {left} TXT values are still to be removed"),
            ),
        };
        let tx = self.console.db.begin_step().await?;
        self.persist(tx, OrderState::Done, OrderChange::Nothing, note)
            .await?;
        self.console.bells.renewal_info.notify_one();
        self.console.bells.revocations.notify_one();
        Ok(())
    }
}

/// Verifies the chain as a TLS client does that trusts its topmost certificate: extended key usage, constraints,
/// validity, name. A leaf that comes alone cannot be verified so.
fn verify_as_client(
    chain: &Chain,
    names: &[DomainName],
    ips: &[IpAddr],
    now: Timestamp,
) -> Result<(), String> {
    let host = match (names.first(), ips.first()) {
        (Some(name), _) if name.is_wildcard() => format!("any.{}", name.base()),
        (Some(name), _) => name.to_string(),
        (None, Some(ip)) => ip.to_string(),
        (None, None) => return Ok(()),
    };
    let Some((top, _)) = chain.intermediates().split_last() else {
        return Ok(());
    };
    let host = ServerName::try_from(host).map_err(|error| error.to_string())?;
    let words = |error: &dyn std::error::Error| error.to_string();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(top.der()))
        .map_err(|error| words(&error))?;
    let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), crypto_provider())
        .build()
        .map_err(|error| words(&error))?;
    let intermediates: Vec<CertificateDer<'_>> = chain
        .intermediates()
        .iter()
        .map(|one| CertificateDer::from(one.der()))
        .collect();
    // A certificate whose notBefore lies a little ahead is good from then on.
    let at = now.max(chain.leaf().not_before()).as_second();
    let at = UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(at).unwrap_or(0)));
    let leaf = CertificateDer::from(chain.leaf().der());
    verifier
        .verify_server_cert(&leaf, &intermediates, &host, &[], at)
        .map(drop)
        .map_err(|error| words(&error))
}

/// A version of a certificate, as a chain describes it; generation 0, of no order.
pub(crate) fn version_of(certificate: &Certificate, chain: &Chain, now: Timestamp) -> Version {
    let leaf = chain.leaf();
    Version {
        id: VersionId::new(),
        certificate_id: certificate.id,
        algorithm: leaf
            .key_algorithm()
            .unwrap_or(evercert_types::KeyAlgorithm::EcdsaP256),
        generation: 0,
        fingerprint: leaf.fingerprint(),
        serial: leaf.serial_hex(),
        issuer: leaf.issuer(),
        not_before: leaf.not_before(),
        not_after: leaf.not_after(),
        vendor_id: None,
        order_id: None,
        state: VersionState::Good,
        committed_at: now,
    }
}

/// Points the slot at a version and puts it into the zero-touch store, if the certificate is there; answers the
/// store's revision.
pub(crate) async fn activate(
    tx: &mut Tx,
    certificate: &Certificate,
    version: &Version,
) -> Result<Option<i64>, evercert_db::DbError> {
    tx.activate_version(certificate.id, version.algorithm, version.id)
        .await?;
    put_item(tx, certificate, version).await
}

/// Puts a version into the zero-touch store with the certificate's scope, if the certificate is there; answers the
/// store's revision.
pub(crate) async fn put_item(
    tx: &mut Tx,
    certificate: &Certificate,
    version: &Version,
) -> Result<Option<i64>, evercert_db::DbError> {
    if certificate.store != StoreKind::ZeroTouch {
        return Ok(None);
    }
    let put = StorePut {
        certificate_id: certificate.id,
        algorithm: version.algorithm,
        version_id: version.id,
        generation: version.generation,
        selector: &certificate.selector,
        fingerprint: version.fingerprint,
    };
    tx.put_store_item(&put).await.map(Some)
}

fn usage_changed(old: &BTreeSet<&String>, new: &BTreeSet<&String>) -> Note {
    let words = |usages: &BTreeSet<&String>| match usages.is_empty() {
        true => "none".to_owned(),
        false => usages
            .iter()
            .map(|one| one.as_str())
            .collect::<Vec<_>>()
            .join(", "),
    };
    let message = format!(
        "The CA changed the extended key usage from {} to {}",
        words(old),
        words(new)
    );
    let client = "clientAuth".to_owned();
    let remedy = (old.contains(&client) && !new.contains(&client)).then_some(
        "It cannot be used as a client certificate any more: where a service or monitor uses it for mutual TLS, \
         give that one a certificate of a private CA.",
    );
    Note::new("version.eku_changed", message)
        .with(json!({"before": old, "after": new, "remedy": remedy}))
}

fn installed_note(version: &Version, revision: Option<i64>, served: &[String]) -> Note {
    let mut message = format!(
        "Generation {} is in force until {}",
        version.generation, version.not_after
    );
    if !served.is_empty() {
        message += &format!(
            ", also in \"{}\": one order serves both stores",
            served.join("\", \"")
        );
    }
    Note::new("version.installed", message).with(json!({
        "version": version.id, "generation": version.generation, "algorithm": version.algorithm,
        "fingerprint": version.fingerprint, "not_after": version.not_after,
        "issuer": version.issuer, "store_revision": revision, "shared_with": served,
    }))
}

fn unusable(why: impl std::fmt::Display) -> Failure {
    Failure::new(
        Stage::Install,
        Class::Configuration,
        "certificate.unusable",
        format!("the issued certificate cannot be used: {why}"),
    )
    .with_remedy("The version in force was kept. Ask the CA about what it issued.")
    .losing_the_order()
}

fn unusable_chain(error: &ChainError) -> Failure {
    unusable(sentence(error))
}
