//! Costs of the certificate table: nanoseconds a look-up at 100,000 names, and microseconds an item to take over.
//!
//! `cargo bench -p evercert-adc`; the last line is one JSON object.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use evercert_adc::measure::{Probe, Sample};
use evercert_api::sync::{Item, ItemId, ItemKey};
use evercert_types::{CertificateId, Clock, DomainName, KeyAlgorithm, Secret, SystemClock};
use evercert_x509::KeyPair;
use evercert_x509::mint::{Authority, LeafRequest};
use jiff::SignedDuration;

const NAMES: usize = 100_000;
const ITEMS: usize = 2_000;

#[expect(clippy::print_stdout, reason = "printing is what a benchmark is for")]
fn main() {
    let ca = authority();
    let sample = sample(&ca);
    let names: Vec<DomainName> = (0..NAMES)
        .map(|i| name(&format!("h{i}.example.com")))
        .collect();
    let mut results: BTreeMap<&str, f64> = BTreeMap::new();

    let mut probe = Probe::new(Arc::new(SystemClock));
    let mut ids = Vec::new();
    let took = time(|| ids = probe.serve_copies(&sample, &names));
    results.insert("insert_us_per_name", micros(took, NAMES));
    probe.serve_copies(&sample, &[name("*.wild.example.com")]);
    // A stride that is no divisor visits every name in an order the caches do not like.
    let order: Vec<&str> = (0..NAMES)
        .map(|i| names[i * 7919 % NAMES].as_str())
        .collect();
    let hit = time(|| {
        order
            .iter()
            .for_each(|n| assert!(black_box(probe.look_up(n))))
    });
    results.insert("look_up_hit_ns", nanos(hit, NAMES));
    let decide = time(|| {
        order
            .iter()
            .for_each(|n| assert!(black_box(probe.decide(n))))
    });
    results.insert("decide_exact_ns", nanos(decide, NAMES));
    let wild = time(|| (0..NAMES).for_each(|_| assert!(probe.decide("x.wild.example.com"))));
    results.insert("decide_wildcard_ns", nanos(wild, NAMES));
    let miss = time(|| (0..NAMES).for_each(|_| assert!(!probe.decide("nobody.example.org"))));
    results.insert("decide_miss_ns", nanos(miss, NAMES));
    let renew = time(|| {
        for (id, name) in ids.iter().zip(&names).take(ITEMS) {
            probe.renew_copy(&sample, *id, name);
        }
    });
    results.insert("renew_us_per_item", micros(renew, ITEMS));

    let restored = Probe::new(Arc::new(SystemClock));
    let took = time(|| assert_eq!(restored.restore_copies(&sample, &names), NAMES));
    results.insert("restore_us_per_item", micros(took, NAMES));
    let items: Vec<Item> = (0..ITEMS)
        .map(|i| item(&ca, &format!("i{i}.example.net")))
        .collect();
    let took = time(|| assert_eq!(restored.put(&items, &BTreeMap::new()), NAMES + ITEMS));
    results.insert("verify_and_apply_us_per_item", micros(took, ITEMS));
    let took = time(|| assert_eq!(restored.put(&items, &BTreeMap::new()), NAMES + ITEMS));
    results.insert("apply_unchanged_us_per_item", micros(took, ITEMS));

    for (what, value) in &results {
        println!("{what:>32} {value:>12.2}");
    }
    println!("{}", serde_json::json!(results));
}

fn time(work: impl FnOnce()) -> Duration {
    let began = Instant::now();
    work();
    began.elapsed()
}

fn nanos(took: Duration, count: usize) -> f64 {
    took.as_secs_f64() * 1e9 / count as f64
}

fn micros(took: Duration, count: usize) -> f64 {
    took.as_secs_f64() * 1e6 / count as f64
}

fn name(text: &str) -> DomainName {
    text.parse().expect("the benchmark's own names are good")
}

fn authority() -> Authority {
    let years = SignedDuration::from_hours(24 * 3650);
    let now = SystemClock.now();
    Authority::self_signed("Bench Root", KeyAlgorithm::EcdsaP256, years, now)
        .expect("a CA can be made")
}

fn sample(ca: &Authority) -> Sample {
    let key = key();
    let leaf = leaf(ca, &key, "sample.example.com");
    Sample {
        not_after: leaf.not_after(),
        leaf: leaf.der().to_vec(),
        pkcs8: key.to_pkcs8_der().expose().clone(),
    }
}

fn item(ca: &Authority, text: &str) -> Item {
    let key = key();
    let leaf = leaf(ca, &key, text);
    Item {
        id: ItemId {
            certificate: CertificateId::new(),
            algorithm: KeyAlgorithm::EcdsaP256,
        },
        generation: 1,
        name: text.to_owned(),
        names: vec![name(text)],
        not_before: leaf.not_before(),
        not_after: leaf.not_after(),
        leaf: STANDARD.encode(leaf.der()),
        fingerprint: leaf.fingerprint(),
        chain: None,
        key: ItemKey::Transport {
            data: Secret::new(STANDARD.encode(key.to_pkcs8_der().expose())),
        },
        committed_at_ms: 0,
    }
}

fn key() -> KeyPair {
    KeyPair::generate(KeyAlgorithm::EcdsaP256).expect("a key can be made")
}

fn leaf(ca: &Authority, key: &KeyPair, text: &str) -> evercert_x509::Certificate {
    let validity = SignedDuration::from_hours(24 * 90);
    let request = LeafRequest::for_key(key, &[name(text)], validity, SystemClock.now());
    ca.issue(&request).expect("a certificate can be issued")
}
