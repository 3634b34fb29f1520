//! Where a key stands in a YAML document. The parser only knows where the section around it begins.

use crate::source::file::Step;

/// The line and the column of a key, both counted from 1. Only the usual form is found: one key to a line, indented by
/// spaces.
pub(super) fn find(text: &str, path: &[Step]) -> Option<(usize, usize)> {
    // The sections around the current line, each with its indentation.
    let mut around: Vec<(usize, &str)> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let trimmed = line.trim_start_matches(' ');
        let Some((key, _)) = trimmed.split_once(':').filter(|_| !trimmed.starts_with(['#', '-'])) else { continue };
        let indentation = line.len() - trimmed.len();
        around.retain(|(outer, _)| *outer < indentation);
        around.push((indentation, key.trim_matches(['"', '\''])));

        let keys = around.iter().map(|(_, key)| Step::Key((*key).to_owned()));
        if around.len() == path.len() && keys.eq(path.iter().cloned()) {
            return Some((number + 1, indentation + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# port: 1\nserver:\n  host: x\n  \"port\": 2\n\nregistry:\n    a:\n        port: 3\n    b: 4\nport: 5\n";

    #[test]
    fn a_key_is_found_at_its_own_line() {
        for (path, place) in [
            (&["server"] as &[&str], Some((2, 1))),
            (&["server", "host"], Some((3, 3))),
            (&["server", "port"], Some((4, 3))),
            (&["registry", "a", "port"], Some((8, 9))),
            (&["registry", "b"], Some((9, 5))),
            (&["port"], Some((10, 1))),
            (&["registry", "port"], None),
        ] {
            let steps: Vec<Step> = path.iter().map(|key| Step::Key((*key).to_owned())).collect();
            assert_eq!(find(TEXT, &steps), place, "{path:?}");
        }
    }
}
