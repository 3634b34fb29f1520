//! The id of an instance that gives itself none: the same after a restart, and another one on another machine.

/// The longest id that a registry takes.
const MAX_ID: usize = crate::model::MAX_ID_BYTES;

/// The name of this machine; empty if it cannot be read.
pub(super) fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    name.trim().to_owned()
}

/// The id that these words make, as in `web1:shop:8080`. A program that crashed and starts again replaces its own registration.
pub(super) fn instance_id(words: &[&str]) -> String {
    let text = words.join(":");
    let cleaned = text.chars().map(|c| if c.is_ascii_alphanumeric() || "_.:-".contains(c) { c } else { '-' });
    let cleaned: String = cleaned.collect();
    cleaned.trim_start_matches(|c: char| !c.is_ascii_alphanumeric()).chars().take(MAX_ID).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_only_what_registries_take() {
        assert_eq!(instance_id(&["web1", "shop", "8080"]), "web1:shop:8080");
        assert_eq!(instance_id(&["", "shop/a b", "::1", "80"]), "shop-a-b:::1:80");
        assert_eq!(instance_id(&[&"x".repeat(200)]).len(), MAX_ID);
    }
}
