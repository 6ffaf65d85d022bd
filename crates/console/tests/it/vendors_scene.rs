//! A Console without tasks, stub CAs, and certificates that any CA might have issued.

use std::sync::Arc;

use evercert_api::Problem;
use evercert_api::ca_vendors::{CaVendor, NewCaVendor};
use evercert_api::certificates::ImportRequest;
use evercert_console::lifecycle::{LifecycleError, import, vendors};
use evercert_console::{Console, Environment};
use evercert_testkit::acme_stub::{AcmeStub, StubOptions};
use evercert_types::{KeyAlgorithm, ManualClock, Secret, StoreKind};
use evercert_x509::KeyPair;
use evercert_x509::mint::{Authority, LeafRequest};
use jiff::SignedDuration;
use tempfile::TempDir;

use crate::world::{actor, ca_vendor, console_config, standing_clock};

const DAY: SignedDuration = SignedDuration::from_hours(24);

pub(crate) struct Scene {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) console: Console,
    _dir: TempDir,
}

impl Scene {
    pub(crate) async fn start() -> Self {
        let clock = standing_clock();
        let dir = tempfile::tempdir().unwrap();
        let nowhere = ([127, 0, 0, 1], 9).into();
        let config = console_config(dir.path(), clock.clone(), nowhere);
        let console = Console::open_in(config, Environment::default())
            .await
            .unwrap();
        Self {
            clock,
            console,
            _dir: dir,
        }
    }

    /// A stub by the same clock.
    pub(crate) async fn stub(&self, options: StubOptions) -> AcmeStub {
        AcmeStub::start(options.with_clock(self.clock.clone()))
            .await
            .unwrap()
    }

    pub(crate) async fn add(&self, new: NewCaVendor) -> Result<CaVendor, Problem> {
        vendors::add_vendor(&self.console, &actor(), new)
            .await
            .map(|added| added.vendor)
            .map_err(|error| problem(&error))
    }

    pub(crate) async fn show(&self, name: &str) -> CaVendor {
        vendors::show(&self.console, name).await.unwrap()
    }

    /// The account key that is saved for a vendor.
    pub(crate) async fn account_key(&self, name: &str) -> Vec<u8> {
        let db = &self.console.db;
        let vendor = db.vendor_by_name(name).await.unwrap().unwrap();
        let account = db.account_of(vendor.id).await.unwrap().unwrap();
        account.key.expose().clone()
    }

    /// Imports a certificate of a CA with this name, for 90 days, mapped to nobody.
    pub(crate) async fn import(&self, name: &str, store: StoreKind, issuer: &str) {
        self.import_for(name, store, issuer, DAY * 90).await;
    }

    pub(crate) async fn import_for(
        &self,
        name: &str,
        store: StoreKind,
        issuer: &str,
        life: SignedDuration,
    ) {
        let request = foreign(name, store, issuer, life, self.console.now());
        import::import(&self.console, &actor(), request)
            .await
            .unwrap();
    }
}

/// A certificate of some CA, ready to be imported.
pub(crate) fn foreign(
    name: &str,
    store: StoreKind,
    issuer: &str,
    life: SignedDuration,
    now: jiff::Timestamp,
) -> ImportRequest {
    let algorithm = KeyAlgorithm::EcdsaP256;
    let root = Authority::self_signed("Some Root", algorithm, DAY * 3_000, now).unwrap();
    let issuing = root
        .intermediate(issuer, algorithm, DAY * 2_000, now)
        .unwrap();
    let key = KeyPair::generate(algorithm).unwrap();
    let domain = format!("{name}.example.test").parse().unwrap();
    let leaf = LeafRequest::for_key(&key, &[domain], life, now);
    let chain = issuing.issue_chain(&leaf).unwrap();
    ImportRequest {
        name: name.to_owned(),
        store,
        chain_pem: chain.to_pem(),
        content: None,
        format: Default::default(),
        password: None,
        key_pem: Some(Secret::new(key.to_pkcs8_pem().expose().clone())),
        key_content: None,
        labels: Default::default(),
        scope: Default::default(),
        vendor: None,
        auto_renew: false,
    }
}

/// A vendor at a stub, of a type, with the presets' binding when a key id is given.
pub(crate) fn at_stub(
    name: &str,
    type_code: &str,
    stub: &AcmeStub,
    kid: Option<&str>,
) -> NewCaVendor {
    let hmac = base64url(StubOptions::EAB_HMAC);
    NewCaVendor {
        type_code: Some(type_code.to_owned()),
        eab_kid: kid.map(str::to_owned),
        eab_hmac: kid.map(|_| Secret::new(hmac)),
        ..ca_vendor(name, stub.directory_url(), stub.ca_bundle_pem().to_owned())
    }
}

pub(crate) fn problem(error: &LifecycleError) -> Problem {
    error.to_problem()
}

/// Base64url without padding (RFC 4648 §5).
pub(crate) fn base64url(octets: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for group in octets.chunks(3) {
        let mut bits = [0; 3];
        bits[..group.len()].copy_from_slice(group);
        let bits = u32::from_be_bytes([0, bits[0], bits[1], bits[2]]);
        for place in 0..=group.len() {
            let digit = (bits >> (18 - 6 * place)) & 63;
            text.push(char::from(DIGITS[digit as usize]));
        }
    }
    text
}
