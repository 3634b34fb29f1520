//! Entry point of the fuzz target for targets and documents. Requires `--cfg fuzzing`.

use super::evidence_files::parse_text;
use crate::clean::redacted_url;
use crate::model::{HostPort, Listing, ProxyUrl, ServiceUrl};
use crate::source::file::{Syntax, read_text};

/// Reads `input` as a target of `validate` and of the exporter's `/probe`, as a listing, as a services file, or as evidence,
/// which is scored. The first byte chooses.
pub fn document(input: &[u8]) {
    let Some((choice, bytes)) = input.split_first() else { return };
    let text = String::from_utf8_lossy(bytes);
    match choice % 5 {
        0 => {
            let _ = (text.parse::<ServiceUrl>(), text.parse::<HostPort>(), text.parse::<ProxyUrl>());
            let _ = redacted_url(&text);
        }
        1 => drop(Listing::from_json(bytes)),
        2 => drop(read_text(&text, Syntax::Toml)),
        3 => drop(read_text(&text, Syntax::Yaml)),
        _ => {
            let Ok(read) = parse_text(&text) else { return };
            for evidence in read.evidence.iter().flatten() {
                let _ = evidence.health(&read.ignored);
            }
        }
    }
}
