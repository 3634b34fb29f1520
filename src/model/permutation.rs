//! Permutations of a range without a table.

/// A pseudo-random permutation of `0..len` that takes no memory.
///
/// A four-round Feistel network on the smallest even number of bits that holds `len`, walked along its cycle
/// until the image lies below `len` again: Luby and Rackoff, "How to construct pseudorandom permutations" (1988);
/// Black and Rogaway, "Ciphers with arbitrary finite domains" (2002), method 3. The round function is the
/// finaliser of `splitmix64` (Steele, Lea and Flood, 2014). It spreads probes; it keeps no secret.
#[derive(Clone, Copy, Debug)]
pub struct Permutation {
    len: u64,
    /// Bits of one half.
    half: u32,
    seed: u64,
}

const ROUNDS: u64 = 4;

impl Permutation {
    /// A permutation of `0..len`; the seed selects the order.
    pub fn new(len: u64, seed: u64) -> Self {
        let bits = u64::BITS - len.saturating_sub(1).leading_zeros();
        Self { len, half: bits.div_ceil(2).max(1), seed }
    }

    /// The image of `index`, which must be below the length; other values are returned unchanged.
    pub fn at(&self, index: u64) -> u64 {
        if index >= self.len {
            return index;
        }
        // The network permutes at most four times as many numbers as there are, so the walk is short; and as it
        // permutes them, the walk comes back below `len` at the latest where it began.
        let mut image = self.network(index);
        while image >= self.len {
            image = self.network(image);
        }
        image
    }

    fn network(&self, value: u64) -> u64 {
        let mask = (1 << self.half) - 1;
        let (mut left, mut right) = (value >> self.half, value & mask);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ (mix(right ^ self.seed.rotate_left(16) ^ (round << 56)) & mask));
        }
        left << self.half | right
    }
}

/// Spreads the bits of a number over all of it.
pub(super) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_number_comes_exactly_once(len in 1_u64..5000, seed: u64) {
            let order = Permutation::new(len, seed);
            let mut seen = vec![false; usize::try_from(len).unwrap()];
            for index in 0..len {
                let at = usize::try_from(order.at(index)).unwrap();
                prop_assert!(!seen[at], "{at} comes twice");
                seen[at] = true;
            }
        }

        #[test]
        fn large_ranges_keep_their_bounds(len in 1_u64 << 40..1 << 62, seed: u64, index: u64) {
            prop_assert!(Permutation::new(len, seed).at(index % len) < len);
        }
    }

    #[test]
    fn neighbours_do_not_stay_together() {
        let order = Permutation::new(65_535, 7);
        let near = (1..65_535_u64).filter(|&i| order.at(i).abs_diff(order.at(i - 1)) < 16).count();
        // Of a random order 0.05% would: 32 of these.
        assert!(near < 200, "{near} neighbours stay neighbours");
        assert_ne!(order.at(5), Permutation::new(65_535, 8).at(5));
    }
}
