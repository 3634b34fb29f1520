//! The order in which one call should try the backends.

/// How far a sequence is followed to find the next backends. Those that it did not show by then come in any order.
const MAX_STEPS: usize = 4_096;

/// The first `count` different numbers of a sequence, in the order in which they come.
pub(super) fn distinct(sequence: impl Iterator<Item = usize>, count: usize) -> Vec<usize> {
    let mut seen: Vec<bool> = Vec::new();
    let mut order = Vec::with_capacity(count);

    for index in sequence.take(MAX_STEPS.max(count)) {
        if order.len() == count {
            break;
        }
        if seen.len() <= index {
            seen.resize(index + 1, false);
        }
        if !std::mem::replace(&mut seen[index], true) {
            order.push(index);
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_comes_once_and_an_endless_sequence_is_not_followed_for_ever() {
        assert_eq!(distinct([2, 2, 0, 2, 1, 7].into_iter(), 3), [2, 0, 1]);
        assert_eq!(distinct(std::iter::repeat(5), 2), [5]);
        assert!(distinct(std::iter::empty(), 2).is_empty());
    }
}
