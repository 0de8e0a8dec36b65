//! Numbers that look random and are the same everywhere, so that a seed names an input.
//!
//! In a test file: `#[path = "…/crates/document/tests/mutations/random.rs"] mod random;`.

#![allow(dead_code, unreachable_pub, reason = "each test uses a part, from wherever it is")]

/// SplitMix64 (Steele, Lea, Flood 2014), from this seed.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `bound`, without it.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    pub fn of<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}
