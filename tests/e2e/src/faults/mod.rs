//! Faults on the way: [`dns`] between a CA and the name servers, [`http`] in front of an API; thrown by [`Dice`].

pub mod dns;
pub mod http;

use std::sync::Mutex;

/// Random numbers that are the same in each run, as far as their order is.
#[derive(Debug)]
pub struct Dice(Mutex<u64>);

impl Dice {
    /// Dice that begin with a seed.
    pub const fn new(seed: u64) -> Self {
        Self(Mutex::new(seed | 1))
    }

    /// A number below `sides`.
    ///
    /// # Panics
    /// When there are no sides.
    pub fn roll(&self, sides: u64) -> u64 {
        let mut state = self.0.lock().expect("nothing panics while it is held");
        // xorshift64*
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % sides
    }

    /// Whether something that happens in so many of a thousand cases happens now.
    pub fn happens(&self, per_mille: u64) -> bool {
        self.roll(1_000) < per_mille
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_is_about_a_fifth_and_the_same_each_time() {
        let throw = || {
            let dice = Dice::new(42);
            (0..10_000)
                .map(|_| dice.happens(200))
                .collect::<Vec<bool>>()
        };

        let first = throw();

        let hits = first.iter().filter(|hit| **hit).count();
        assert!((1_800..2_200).contains(&hits), "{hits}");
        assert_eq!(first, throw());
    }
}
