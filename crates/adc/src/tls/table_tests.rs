//! The table against a naive model, and against readers that look while it changes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use evercert_types::KeyAlgorithm;
use proptest::prelude::*;

use super::super::samples::Sampler;
use super::*;

fn served(table: &Table, name: &str) -> Vec<Arc<Record>> {
    let slot = match name.strip_prefix("*.") {
        Some(base) => table.wildcard(&format!("x.{base}")),
        None => table.exact(name),
    };
    slot.map(|slot| slot.load().served().to_vec())
        .unwrap_or_default()
}

#[test]
fn a_renewal_with_the_same_names_keeps_every_slot() {
    let sampler = Sampler::new();
    let table = Arc::new(Table::default());
    let mut writer = TableWriter::new(table.clone());
    let id = CertificateId::new();
    let spec = || sampler.spec("a.example *.b.example").certificate(id);
    writer.set(id, vec![spec().build()]);
    let slot = table.exact("a.example").unwrap();
    let renewed = spec().generation(2).build();

    writer.set(id, vec![renewed.clone()]);

    assert!(Arc::ptr_eq(&slot, &table.exact("a.example").unwrap()));
    assert!(Arc::ptr_eq(&served(&table, "*.b.example")[0], &renewed));
    assert!(table.wildcard("x.y.b.example").is_none());
    assert!(table.wildcard("b.example").is_none());
}

#[test]
fn a_record_is_never_served_for_a_name_only_its_sibling_has() {
    let sampler = Sampler::new();
    let table = Arc::new(Table::default());
    let mut writer = TableWriter::new(table.clone());
    let id = CertificateId::new();
    let ecdsa = sampler.spec("a.example b.example").certificate(id).build();
    let rsa = sampler
        .spec("a.example")
        .certificate(id)
        .algorithm(KeyAlgorithm::Rsa2048)
        .build();

    writer.set(id, vec![ecdsa, rsa]);

    assert_eq!(served(&table, "a.example").len(), 2);
    assert_eq!(served(&table, "b.example").len(), 1);
}

/// One change: certificate 0..4, its records as (algorithm, names, days); none removes it.
type Change = (usize, Vec<(bool, Vec<usize>, i64)>);

const NAMES: [&str; 5] = ["a.x", "b.x", "c.x", "*.x", "*.y"];

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let names = prop::collection::vec(0..NAMES.len(), 1..4);
    let record = (any::<bool>(), names, 10i64..14);
    prop::collection::vec((0usize..4, prop::collection::vec(record, 0..3)), 1..24)
}

fn build(sampler: &Sampler, id: CertificateId, change: &Change, step: usize) -> Vec<Arc<Record>> {
    let mut by_algorithm = BTreeMap::new();
    for (p384, names, days) in &change.1 {
        let algorithm = match p384 {
            true => KeyAlgorithm::EcdsaP384,
            false => KeyAlgorithm::EcdsaP256,
        };
        let mut names: Vec<&str> = names.iter().map(|n| NAMES[*n]).collect();
        names.sort_unstable();
        names.dedup();
        let spec = sampler
            .spec(&names.join(" "))
            .certificate(id)
            .algorithm(algorithm)
            .days(*days)
            .generation(i64::try_from(step).unwrap());
        by_algorithm.insert(algorithm, spec.build());
    }
    by_algorithm.into_values().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_is_served_is_what_a_naive_map_would_serve(changes in changes()) {
        let sampler = Sampler::new();
        let table = Arc::new(Table::default());
        let mut writer = TableWriter::new(table.clone());
        let ids: [CertificateId; 4] = std::array::from_fn(|_| CertificateId::new());
        let mut model: BTreeMap<CertificateId, Vec<Arc<Record>>> = BTreeMap::new();

        for (step, change) in changes.iter().enumerate() {
            let id = ids[change.0];
            let records = build(&sampler, id, change, step);
            model.insert(id, records.clone());
            writer.set(id, records);

            for name in NAMES {
                let candidates: Vec<_> = model.values().flatten()
                    .filter(|record| record.claims(name)).cloned().collect();
                let expected = CertificateSet::choose(candidates);
                let present = served(&table, name);
                prop_assert_eq!(format!("{:?}", expected.served()), format!("{present:?}"), "{}", name);
            }
        }
        for id in ids {
            writer.set(id, Vec::new());
        }
        prop_assert_eq!((table.len(), writer.specials.len(), writer.certificates.len()), (0, 0, 0));
    }
}

#[test]
fn readers_always_find_a_served_name_while_the_writer_swaps_and_contests_it() {
    let sampler = Sampler::new();
    let table = Arc::new(Table::default());
    let mut writer = TableWriter::new(table.clone());
    let (id, rival) = (CertificateId::new(), CertificateId::new());
    let names = "a.example b.example *.example";
    let generations: Vec<_> = (1..=8)
        .map(|g| sampler.spec(names).certificate(id).generation(g).build())
        .collect();
    let rivals = vec![
        sampler
            .spec("a.example *.example")
            .certificate(rival)
            .build(),
    ];
    writer.set(id, vec![generations[0].clone()]);
    let stop = AtomicBool::new(false);

    thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut looks = 0u64;
                    while !stop.load(Ordering::Relaxed) || looks < 1000 {
                        let [a, b] = ["a.example", "b.example"].map(|n| table.exact(n).unwrap());
                        assert!(!a.load().served().is_empty());
                        assert!(!b.load().served().is_empty());
                        let wild = table.wildcard("q.example").unwrap();
                        assert!(!wild.load().served().is_empty());
                        looks += 1;
                    }
                })
            })
            .collect();
        for round in 0..2000 {
            writer.set(id, vec![generations[round % generations.len()].clone()]);
            if round % 3 == 0 {
                writer.set(rival, rivals.clone());
            } else if round % 3 == 2 {
                writer.set(rival, Vec::new());
            }
        }
        stop.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().unwrap();
        }
    });
}
