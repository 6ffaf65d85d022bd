//! Each reason for which an item is not served.

use super::super::samples::{Store, chains};
use super::*;
use crate::tls::samples::now;

fn code(item: &Item, chains: &Chains) -> Result<(), String> {
    verify(item, chains, None, now(), &mut Interner::default())
        .map(drop)
        .map_err(|rejection| rejection.code)
}

#[test]
fn a_good_item_with_its_chain_is_staged() {
    let store = Store::new();
    let item = store.item("www.a.example *.a.example");

    let verified = verify(
        &item,
        &chains(&store),
        None,
        now(),
        &mut Interner::default(),
    )
    .unwrap();
    let record = verified.record;

    assert_eq!(record.parts().chain.len(), 1);
    assert!(record.claims("*.a.example"));
    assert!(is_same(&record, &item, &chains(&store)));
}

#[test]
fn each_defect_has_its_code() {
    let store = Store::new();
    let good = store.item("a.example");
    let other = store.item("b.example");
    let chains = chains(&store);
    let broken = |change: &dyn Fn(&mut Item)| {
        let mut item = good.clone();
        change(&mut item);
        code(&item, &chains)
    };

    assert_eq!(broken(&|_| ()), Ok(()));
    assert_eq!(
        broken(&|item| item.key = other.key.clone()),
        Err("key_mismatch".into())
    );
    let wrong = |item: &mut Item| item.id.algorithm = evercert_types::KeyAlgorithm::Rsa2048;
    assert_eq!(broken(&wrong), Err("key_mismatch".into()));
    assert_eq!(
        broken(&|item| item.leaf = other.leaf.clone()),
        Err("fingerprint_mismatch".into())
    );
    assert_eq!(
        broken(&|item| item.leaf = "?".into()),
        Err("malformed".into())
    );
    assert_eq!(
        broken(&|item| item.names = other.names.clone()),
        Err("name_invalid".into())
    );
    assert_eq!(
        broken(&|item| item.names.clear()),
        Err("name_invalid".into())
    );
    assert_eq!(
        broken(&|item| item.not_after = now()),
        Err("malformed".into())
    );
    let garbage = ItemKey::Transport {
        data: Secret::new(STANDARD.encode(b"garbage")),
    };
    assert_eq!(
        broken(&|item| item.key = garbage.clone()),
        Err("key_invalid".into())
    );
    assert_eq!(code(&good, &Chains::new()), Err("chain_broken".into()));
    assert_eq!(
        code(&store.expired_item("e.example"), &chains),
        Err("expired".into())
    );
    assert_eq!(
        code(
            &store.item_with_foreign_chain("f.example"),
            &Store::foreign_chains(&store)
        ),
        Err("chain_broken".into())
    );
}
