//! Intermediates, held once however many certificates name them.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use evercert_types::Fingerprint;
use evercert_x509::sha256;

/// The certificates between a leaf and its root, as DER, in order; may be empty.
pub(crate) type Intermediates = [Box<[u8]>];

/// Hands out one copy of equal chains; used by the control thread only.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    chains: HashMap<Fingerprint, Weak<Intermediates>>,
    inserts: usize,
}

impl Interner {
    /// The shared copy of a chain.
    pub(crate) fn intern(&mut self, ders: Vec<Vec<u8>>) -> Arc<Intermediates> {
        let key = chain_key(&ders);
        if let Some(held) = self.chains.get(&key).and_then(Weak::upgrade) {
            return held;
        }
        let shared: Arc<Intermediates> = ders.into_iter().map(Vec::into_boxed_slice).collect();
        self.chains.insert(key, Arc::downgrade(&shared));
        self.forget_dead();
        shared
    }

    /// How many distinct chains are in use.
    #[cfg(test)]
    pub(crate) fn live(&self) -> usize {
        self.chains
            .values()
            .filter(|chain| chain.strong_count() > 0)
            .count()
    }

    /// Drops entries of chains that nobody holds, now and then.
    fn forget_dead(&mut self) {
        self.inserts += 1;
        if self.inserts >= 64.max(self.chains.len()) {
            self.chains.retain(|_, chain| chain.strong_count() > 0);
            self.inserts = 0;
        }
    }
}

/// Digest over lengths and contents, so that two ways to cut the same bytes differ.
fn chain_key(ders: &[Vec<u8>]) -> Fingerprint {
    let mut digests = Vec::with_capacity(ders.len() * 32);
    for der in ders {
        digests.extend_from_slice(&sha256(der).0);
    }
    sha256(&digests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_chains_share_one_copy_and_die_with_their_last_holder() {
        let mut interner = Interner::default();

        let first = interner.intern(vec![vec![1, 2], vec![3]]);
        let second = interner.intern(vec![vec![1, 2], vec![3]]);
        let other = interner.intern(vec![vec![1], vec![2, 3]]);

        assert!(Arc::ptr_eq(&first, &second));
        assert!(!Arc::ptr_eq(&first, &other));
        drop((first, second, other));
        assert_eq!(interner.live(), 0);
    }
}
