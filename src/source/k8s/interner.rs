//! Shares equal texts: thousands of endpoints name the same nodes, zones and ports.

use std::collections::BTreeSet;
use std::sync::Arc;

/// Texts in use, each once.
#[derive(Debug, Default)]
pub(super) struct Interner {
    texts: BTreeSet<Arc<str>>,
    /// The number of texts at which unused ones are dropped. A watch runs for months, and nodes come and go.
    limit: usize,
}

/// The number of texts below which unused ones are kept.
const MIN_LIMIT: usize = 1_024;

impl Interner {
    /// The shared copy of a text.
    pub(super) fn share(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }

        if self.texts.len() >= self.limit {
            self.texts.retain(|text| Arc::strong_count(text) > 1);
            self.limit = MIN_LIMIT.max(2 * self.texts.len());
        }
        let shared = Arc::<str>::from(text);
        self.texts.insert(Arc::clone(&shared));
        shared
    }

    /// As [`share`](Self::share); `None` for an empty text.
    pub(super) fn share_filled(&mut self, text: Option<&str>) -> Option<Arc<str>> {
        text.filter(|text| !text.is_empty()).map(|text| self.share(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_are_one_and_unused_ones_are_dropped() {
        let mut interner = Interner::default();
        let kept = interner.share("node-a");
        for number in 0..10 * MIN_LIMIT {
            interner.share(&format!("node-{number}"));
        }

        assert!(Arc::ptr_eq(&kept, &interner.share("node-a")));
        assert!(interner.texts.len() <= MIN_LIMIT, "{}", interner.texts.len());
        assert_eq!([interner.share_filled(Some("")), interner.share_filled(None)], [None, None]);
    }
}
