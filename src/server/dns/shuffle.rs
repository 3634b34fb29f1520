//! A random order, made as far as it is read.

use std::hash::{BuildHasher, RandomState};

/// Makes random orders. Each loop has its own, so that none waits for another.
#[derive(Debug)]
pub(super) struct Shuffle {
    state: u64,
}

impl Shuffle {
    pub(super) fn new() -> Self {
        Self::seeded(RandomState::new().hash_one(0))
    }

    pub(super) fn seeded(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The numbers below `count` in a random order (Fisher and Yates). A reply that has room for ten of 5,000 takes ten.
    pub(super) fn order(&mut self, count: usize) -> impl Iterator<Item = usize> + use<> {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        RandomOrder { places: (0..count).collect(), at: 0, state: next(&mut self.state) }
    }
}

struct RandomOrder {
    places: Vec<u32>,
    at: usize,
    state: u64,
}

impl Iterator for RandomOrder {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let left = self.places.len().checked_sub(self.at).filter(|left| *left > 0)?;
        let drawn = (u128::from(next(&mut self.state)) * left as u128) >> 64;
        self.places.swap(self.at, self.at + usize::try_from(drawn).unwrap_or(0));
        let place = self.places[self.at];
        self.at += 1;
        usize::try_from(place).ok()
    }
}

/// A random number, by SplitMix64 (Steele, Lea, Flood 2014). Not for secrets.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_comes_once_and_first_equally_often() {
        let mut shuffle = Shuffle::seeded(7);
        let mut first = [0; 5];
        for _ in 0..10_000 {
            let order: Vec<usize> = shuffle.order(5).collect();
            first[order[0]] += 1;
            let mut sorted = order;
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4]);
        }
        assert!(first.iter().all(|count| (1_800..2_200).contains(count)), "{first:?}");
        assert_eq!(shuffle.order(0).next(), None);
    }
}
