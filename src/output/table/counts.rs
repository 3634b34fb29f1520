//! `--group-by FIELD --counts`: how many rows each value has, the most first.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::{BOLD, Field, GAP, toned, truncated};
use crate::output::RenderOptions;

/// Writes one line for each group. `has_header`: whether the names of the columns come first.
///
/// # Errors
/// If writing fails.
pub(super) fn write(
    out: &mut (dyn Write + Send),
    page: &RenderOptions,
    (field, has_header): (Field, bool),
    groups: &[String],
) -> io::Result<()> {
    const COUNT: &str = "COUNT";

    let counts = counted(groups);
    let most = counts.first().map_or(0, |(_, count)| *count).to_string().len();
    let width = if has_header { COUNT.len().max(most) } else { most };
    if has_header {
        let header = format!("{COUNT:>width$}{GAP}{}", field.name().to_uppercase().replace('_', "-"));
        writeln!(out, "{}", toned(&header, page.color.then_some(BOLD)))?;
    }

    let room = page.width.map_or(usize::MAX, |columns| usize::from(columns).saturating_sub(width + GAP.len()));
    for (group, count) in counts {
        let group = if group.is_empty() { "none" } else { group };
        writeln!(out, "{count:>width$}{GAP}{}", truncated(group, room))?;
    }
    Ok(())
}

/// The groups with their sizes, the largest first, and by name among equals.
fn counted(groups: &[String]) -> Vec<(&str, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for group in groups {
        *counts.entry(group).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_group_comes_first() {
        let groups = ["b", "a", "c", "a", "c", ""].map(str::to_owned);
        assert_eq!(counted(&groups), [("a", 2), ("c", 2), ("", 1), ("b", 1)]);
    }
}
