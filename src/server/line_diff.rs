//! The difference of two texts, line by line.

use std::fmt::Write as _;

/// The most comparisons for a shortest difference. Above it, everything between the first and the last difference is shown as
/// replaced.
const MAX_COMPARISONS: usize = 4 << 20;

/// What becomes of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LineChange<'t> {
    Same(&'t str),
    Removed(&'t str),
    Added(&'t str),
}

/// The lines of both texts, each with ` `, `-` or `+` before it. Empty if the texts are the same.
pub(super) fn line_diff(old: &str, new: &str) -> String {
    if old == new {
        return String::new();
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let start = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let end = old[start..].iter().rev().zip(new[start..].iter().rev()).take_while(|(old, new)| old == new).count();

    let mut changes: Vec<LineChange<'_>> = old[..start].iter().map(|line| LineChange::Same(line)).collect();
    changes.extend(middle(&old[start..old.len() - end], &new[start..new.len() - end]));
    changes.extend(old[old.len() - end..].iter().map(|line| LineChange::Same(line)));

    let mut text = String::new();
    for change in changes {
        let (mark, line) = match change {
            LineChange::Same(line) => (' ', line),
            LineChange::Removed(line) => ('-', line),
            LineChange::Added(line) => ('+', line),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{mark}{line}");
    }
    text
}

/// The shortest difference of what begins and ends with other lines.
fn middle<'t>(old: &[&'t str], new: &[&'t str]) -> Vec<LineChange<'t>> {
    let removed = old.iter().map(|line| LineChange::Removed(line));
    if old.len().saturating_mul(new.len()) > MAX_COMPARISONS {
        return removed.chain(new.iter().map(|line| LineChange::Added(line))).collect();
    }

    // The longest common subsequence of what is left from each pair of positions on.
    let width = new.len() + 1;
    let mut longest = vec![0_u32; (old.len() + 1) * width];
    for at in (0..old.len()).rev() {
        for other in (0..new.len()).rev() {
            longest[at * width + other] = if old[at] == new[other] {
                longest[(at + 1) * width + other + 1] + 1
            } else {
                longest[(at + 1) * width + other].max(longest[at * width + other + 1])
            };
        }
    }

    let (mut at, mut other) = (0, 0);
    let mut changes = Vec::with_capacity(old.len() + new.len());
    while at < old.len() || other < new.len() {
        if at < old.len() && other < new.len() && old[at] == new[other] {
            changes.push(LineChange::Same(old[at]));
            (at, other) = (at + 1, other + 1);
        } else if at < old.len()
            && (other == new.len() || longest[(at + 1) * width + other] >= longest[at * width + other + 1])
        {
            changes.push(LineChange::Removed(old[at]));
            at += 1;
        } else {
            changes.push(LineChange::Added(new[other]));
            other += 1;
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_marked() {
        assert_eq!(line_diff("a\nb\nc\n", "a\nx\nc\n"), " a\n-b\n+x\n c\n");
        assert_eq!(line_diff("a\nb", "a\nb\nc"), " a\n b\n+c\n");
        assert_eq!(line_diff("", "a"), "+a\n");
        assert_eq!(line_diff("a\nb\nc\nd", "b\nd\ne"), "-a\n b\n-c\n d\n+e\n");
        assert_eq!(line_diff("same", "same"), "");
    }

    #[test]
    fn texts_that_are_too_long_to_compare_are_replaced_as_a_whole() {
        let [old, new] = ["a", "b"].map(|word| format!("x\n{}y\n", format!("{word}\n").repeat(3_000)));
        let diff = line_diff(&old, &new);
        assert!(diff.starts_with(" x\n-a\n") && diff.ends_with("+b\n y\n"));
        assert_eq!(diff.lines().count(), 6_002);
    }
}
