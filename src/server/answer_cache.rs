//! Answers about a service that were written before.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;

/// Longer answers are written anew each time: they would double the memory of a large service.
const MAX_BYTES: usize = 256 * 1024;

/// An answer that was written.
#[derive(Clone, Debug)]
pub(super) struct WrittenAnswer {
    /// Its JSON.
    pub(super) json: Bytes,
    /// The index of the newest record of a node that is part of it; 0 without any.
    pub(super) newest_node: u64,
    /// The state of the nodes that it was made of.
    pub(super) nodes_version: u64,
}

/// The last answer of one kind about a service. It lasts until the service changes, because a changed service is another
/// view, or until a node does.
#[derive(Debug, Default)]
pub(super) struct AnswerCache(ArcSwapOption<WrittenAnswer>);

impl AnswerCache {
    /// The answer for this state of the nodes, written now if there is none.
    pub(super) fn get(&self, nodes_version: u64, write: impl FnOnce() -> WrittenAnswer) -> WrittenAnswer {
        let known = self.0.load();
        if let Some(known) = known.as_deref().filter(|known| known.nodes_version == nodes_version) {
            return known.clone();
        }

        let answer = write();
        if answer.json.len() <= MAX_BYTES {
            self.0.store(Some(Arc::new(answer.clone())));
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &'static str, nodes_version: u64) -> WrittenAnswer {
        WrittenAnswer { json: Bytes::from_static(text.as_bytes()), newest_node: 0, nodes_version }
    }

    #[test]
    fn an_answer_lasts_until_a_node_changes() {
        let cache = AnswerCache::default();
        assert_eq!(cache.get(1, || answer("[1]", 1)).json, "[1]");
        assert_eq!(cache.get(1, || unreachable!()).json, "[1]");
        assert_eq!(cache.get(2, || answer("[2]", 2)).json, "[2]");
        assert_eq!(cache.get(2, || unreachable!()).json, "[2]");
    }

    #[test]
    fn a_long_answer_is_not_kept() {
        let cache = AnswerCache::default();
        let long = WrittenAnswer { json: Bytes::from(vec![b' '; MAX_BYTES + 1]), ..answer("", 1) };
        assert_eq!(cache.get(1, || long).json.len(), MAX_BYTES + 1);
        assert_eq!(cache.get(1, || answer("[]", 1)).json, "[]");
    }
}
