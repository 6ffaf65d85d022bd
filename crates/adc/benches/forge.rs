//! Making client certificates: certificates a second on one core, beside the machine's own rate of signatures, and
//! what a certificate made before adds to opening a connection.
//!
//! `cargo bench -p evercert-adc --bench forge`; the last line is one JSON object.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use evercert_adc::measure::ForgeProbe;
use evercert_testkit::card::{Card, CardAuthority};
use evercert_types::{Clock, KeyAlgorithm, SystemClock};
use evercert_x509::KeyPair;
use evercert_x509::forge::{FieldPolicy, ForgingCa, LeafKey, Original, forge};

/// How long each measurement runs.
const SPAN: Duration = Duration::from_secs(2);

#[expect(clippy::print_stdout, reason = "printing is what a benchmark is for")]
fn main() {
    let now = SystemClock.now();
    let cards = CardAuthority::new("Card CA", KeyAlgorithm::EcdsaP256, now);
    let (card, _) = cards.issue(&Card::person("alice", now));
    let p256 = CardAuthority::new("Forging CA", KeyAlgorithm::EcdsaP256, now);
    let p384 = CardAuthority::new("Forging CA", KeyAlgorithm::EcdsaP384, now);
    let rsa = CardAuthority::new("Forging CA", KeyAlgorithm::Rsa2048, now);
    let reused = LeafKey::generate(KeyAlgorithm::EcdsaP256).expect("random octets");
    let policy = FieldPolicy::default();
    let make = |authority: &CardAuthority, key: &dyn Fn() -> LeafKey| {
        let ca = ForgingCa::new(&authority.chain(), authority.key().clone()).expect("a CA");
        rate(|| {
            let original = Original::read(card.der()).expect("a certificate");
            let made = forge(&ca, &policy, &key(), &original, now);
            black_box(made.expect("a good certificate"));
        })
    };
    let mut results: BTreeMap<&str, f64> = BTreeMap::new();
    let signer = KeyPair::generate(KeyAlgorithm::EcdsaP256).expect("random octets");
    results.insert(
        "sign_p256_per_s",
        rate(|| drop(black_box(signer.sign(&[7; 700])))),
    );
    results.insert(
        "forge_p256_reused_key_per_s",
        make(&p256, &|| reused.clone()),
    );
    let fresh = || LeafKey::generate(KeyAlgorithm::EcdsaP256).expect("random octets");
    results.insert("forge_p256_fresh_key_per_s", make(&p256, &fresh));
    results.insert(
        "forge_p384_reused_key_per_s",
        make(&p384, &|| reused.clone()),
    );
    results.insert(
        "forge_rsa2048_reused_key_per_s",
        make(&rsa, &|| reused.clone()),
    );
    let dir = tempfile::tempdir().expect("a temporary directory");
    let probe = ForgeProbe::new(dir.path(), &p256.chain(), p256.key(), card.der());
    let with_cache = rate(|| drop(black_box(probe.hit())));
    let without = rate(|| drop(black_box(probe.plain())));
    results.insert("plain_config_us", 1e6 / without);
    results.insert("cache_hit_us", 1e6 / with_cache);
    results.insert("cache_hit_added_us", 1e6 / with_cache - 1e6 / without);
    for (name, value) in &results {
        println!("{name:32} {value:12.2}");
    }
    let json: Vec<String> = results
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value:.2}"))
        .collect();
    println!("{{{}}}", json.join(","));
}

/// How often a second it can be done, one after the other.
fn rate(mut work: impl FnMut()) -> f64 {
    // The first ones warm caches.
    (0..100).for_each(|_| work());
    let start = Instant::now();
    let mut done = 0u32;
    while start.elapsed() < SPAN {
        (0..100).for_each(|_| work());
        done += 100;
    }
    f64::from(done) / start.elapsed().as_secs_f64()
}
