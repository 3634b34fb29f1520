//! What `--version` prints; `-V` prints its first line without the commit.

use std::sync::LazyLock;

/// The optional features of this build.
macro_rules! features {
    ($($name:literal),*) => { [$(($name, cfg!(feature = $name))),*] };
}

const FEATURES: &[(&str, bool)] = &features![
    "bodies", "cli", "consul", "etcd", "grpc", "html", "k8s", "live", "otel", "postgres", "redis", "registry", "serve"
];

/// Version and commit, target, features.
pub(super) static LONG: LazyLock<String> = LazyLock::new(|| {
    let named = |present: bool| -> Vec<&str> {
        FEATURES.iter().filter(|&&(_, is_present)| is_present == present).map(|&(name, _)| name).collect()
    };
    let commit = match env!("PORTOLAN_COMMIT") {
        "" if cfg!(debug_assertions) => "not recorded in debug builds",
        "" => "unknown: not built from a checkout",
        commit => commit,
    };
    let without = named(false);
    let without = if without.is_empty() { String::new() } else { format!(" (without {})", without.join(" ")) };
    format!(
        "{}\ncommit    {commit}\ntarget    {}\nfeatures  {}{without}",
        env!("CARGO_PKG_VERSION"),
        env!("PORTOLAN_TARGET"),
        named(true).join(" "),
    )
});

#[cfg(test)]
mod tests {
    use super::*;

    /// `Cargo.toml` is the list of features.
    #[test]
    fn every_feature_is_named() {
        let manifest: toml::Table = include_str!("../../Cargo.toml").parse().unwrap();
        let mut names: Vec<&str> = manifest["features"].as_table().unwrap().keys().map(String::as_str).collect();
        names.retain(|&name| name != "default");
        names.sort_unstable();
        let named: Vec<&str> = FEATURES.iter().map(|(name, _)| *name).collect();
        assert_eq!(named, names);
    }
}
