//! Names of services, with wildcards.

use glob::Pattern;

use crate::clean::clean;
use crate::error::{Error, Result};

/// Selects services by their names; without a pattern, all of them.
#[derive(Clone, Debug)]
pub(super) struct NameFilter(Vec<Pattern>);

impl NameFilter {
    /// # Errors
    /// A pattern is invalid.
    pub(super) fn new(patterns: &[String]) -> Result<Self> {
        let patterns = patterns.iter().map(|text| {
            Pattern::new(text).map_err(|error| {
                Error::usage(format!("the name '{}'", clean(text)), error.msg, "* and ? are wildcards, [*] is a star")
            })
        });
        patterns.collect::<Result<_>>().map(Self)
    }

    /// The pattern that matches only this name.
    pub(super) fn exact(name: &str) -> String {
        Pattern::escape(name)
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| pattern.matches(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_selected_by_patterns() {
        let filter = NameFilter::new(&["web".to_owned(), "shop-*".to_owned(), NameFilter::exact("a*b")]).unwrap();
        let matching: Vec<_> =
            ["web", "web2", "shop-1", "a*b", "axb"].into_iter().filter(|n| filter.matches(n)).collect();
        assert_eq!(matching, ["web", "shop-1", "a*b"]);
        assert!(NameFilter::new(&[]).unwrap().matches("anything"));
        let error = NameFilter::new(&["a[".to_owned()]).unwrap_err();
        assert!(error.to_string().starts_with("cannot use the name 'a['"), "{error}");
    }
}
