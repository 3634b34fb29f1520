//! How much one turn may take: PostgreSQL ends it after two seconds, and the other servers wait for theirs.

use std::time::Duration;

/// The fewest commands, and leases that expire, of one turn.
const MIN_SIZE: usize = 64;
/// The most.
const MAX_SIZE: usize = 2_048;
/// A turn that took this server less can take more next time.
const SHORT_TURN: Duration = Duration::from_millis(100);
/// A turn that took it longer was too large.
const LONG_TURN: Duration = Duration::from_millis(400);

/// The size of the next turn, by how long this machine took for the last ones.
#[derive(Debug)]
pub(super) struct TurnSize(usize);

impl Default for TurnSize {
    fn default() -> Self {
        Self(4 * MIN_SIZE)
    }
}

impl TurnSize {
    /// The most commands, and leases that expire, of the next turn.
    pub(super) fn get(&self) -> usize {
        self.0
    }

    /// Notes how much a turn had, and how long this server took to work it out.
    pub(super) fn note(&mut self, size: usize, took: Duration) {
        if took > LONG_TURN {
            self.0 = (self.0 / 2).max(MIN_SIZE);
        } else if took < SHORT_TURN && size >= self.0 {
            self.0 = (self.0 * 2).min(MAX_SIZE);
        }
    }

    /// Notes that a turn came to nothing.
    pub(super) fn note_failure(&mut self) {
        self.0 = (self.0 / 2).max(MIN_SIZE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_grow_while_full_ones_are_short_and_shrink_when_they_are_long() {
        let mut size = TurnSize::default();
        size.note(255, Duration::ZERO);
        assert_eq!(size.get(), 256, "it was not full");
        size.note(256, Duration::from_millis(99));
        assert_eq!(size.get(), 512);
        size.note(9_999, Duration::from_millis(100));
        assert_eq!(size.get(), 512, "it is just right");

        for _ in 0..9 {
            size.note(9_999, Duration::ZERO);
        }
        assert_eq!(size.get(), MAX_SIZE);
        size.note(1, Duration::from_millis(401));
        assert_eq!(size.get(), MAX_SIZE / 2);
        for _ in 0..9 {
            size.note_failure();
        }
        assert_eq!(size.get(), MIN_SIZE);
    }
}
