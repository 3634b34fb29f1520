//! Prometheus (its HTTP API, "Build Information"), and its exporters, recognised by the metric `NAME_build_info` that the
//! client libraries write (Prometheus' "Writing exporters").

use super::application::{Application, PageRequest, at};
use super::page::HttpPage;
use crate::clean::Untrusted;
use crate::model::Identity;

pub(super) struct Prometheus;

impl Application for Prometheus {
    fn suspects(&self, front: &HttpPage) -> bool {
        // The front page redirects to the expression browser: the path of version 2, version 3, or Debian.
        front.field_begins("location", "/graph")
            || front.field_begins("location", "/query")
            || front.field_begins("location", "/classic/graph")
            || front.holds("<title>Prometheus")
    }

    fn request(&self) -> PageRequest {
        PageRequest::page("/api/v1/status/buildinfo")
    }

    fn recognise(&self, page: &HttpPage) -> Option<Identity> {
        if page.path != "/api/v1/status/buildinfo" {
            return None;
        }
        let json = page.json()?;
        let (version, go) = (at(&json, "/data/version")?, at(&json, "/data/goVersion")?);
        Some(Identity::of("prometheus").product("Prometheus").version(version).fact("go_version", go))
    }
}

pub(super) struct Exporter;

impl Application for Exporter {
    fn suspects(&self, front: &HttpPage) -> bool {
        front.holds("/metrics") || front.holds("\"metrics\"")
    }

    fn request(&self) -> PageRequest {
        PageRequest::page("/metrics")
    }

    fn recognise(&self, page: &HttpPage) -> Option<Identity> {
        if page.head.status != 200 || page.path != "/metrics" || !page.field_begins("content-type", "text/plain") {
            return None;
        }
        let identity = Identity::of("prometheus-exporter");

        let own = page.body.split(|byte| *byte == b'\n').find_map(build_info);
        let begins = page.body.starts_with(b"# HELP ") || page.body.starts_with(b"# TYPE ");
        match own {
            Some((name, version)) => Some(identity.product(name).version(version)),
            None => begins.then_some(identity),
        }
    }
}

/// `node_exporter_build_info{...,version="1.5.0"} 1`. Go's own metric does not count.
fn build_info(line: &[u8]) -> Option<(Untrusted, Untrusted)> {
    let at = line.windows(BUILD_INFO.len()).position(|window| window == BUILD_INFO)?;
    let (name, labels) = (&line[..at], &line[at + BUILD_INFO.len()..]);
    let plain = name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');

    if !plain || name.is_empty() || name == b"go" {
        return None;
    }

    let start = labels.windows(VERSION.len()).position(|window| window == VERSION)? + VERSION.len();
    // It must not be the end of another label such as `goversion`.
    if !matches!(labels.get(start.checked_sub(VERSION.len() + 1).unwrap_or(usize::MAX)), None | Some(b',')) {
        return build_info_after(name, &labels[start..]);
    }

    version_at(name, &labels[start..])
}

fn build_info_after(name: &[u8], labels: &[u8]) -> Option<(Untrusted, Untrusted)> {
    let comma = [&b","[..], VERSION].concat();
    let start = labels.windows(comma.len()).position(|window| window == comma)? + comma.len();
    version_at(name, &labels[start..])
}

fn version_at(name: &[u8], value: &[u8]) -> Option<(Untrusted, Untrusted)> {
    let end = value.iter().position(|byte| *byte == b'"')?;
    Some((Untrusted::from_bytes(name), Untrusted::from_bytes(&value[..end.min(64)])))
}

const BUILD_INFO: &[u8] = b"_build_info{";
const VERSION: &[u8] = b"version=\"";

#[cfg(test)]
mod tests {
    use super::super::application::page;
    use super::*;

    #[test]
    fn the_build_page_is_recognised() {
        let json = r#"{"status":"success","data":{"version":"2.42.0+ds","revision":"x","goVersion":"go1.19"}}"#;
        let answer = page("/api/v1/status/buildinfo", &format!("HTTP/1.1 200 OK\r\n\r\n{json}"));
        assert_eq!(Prometheus.recognise(&answer).unwrap().version, Some("2.42.0+ds".into()));
        assert!(Prometheus.suspects(&page("/", "HTTP/1.1 302 Found\r\nLocation: /graph\r\n\r\n")));
    }

    #[test]
    fn an_exporter_is_recognised_by_its_build_info() {
        let metrics = "# HELP a b\ngo_build_info{path=\"x\",version=\"(devel)\"} 1\n\
                       node_exporter_build_info{branch=\"HEAD\",goversion=\"go1.19\",version=\"1.5.0\"} 1\n";
        let answer =
            page("/metrics", &format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n\r\n{metrics}"));
        let identity = Exporter.recognise(&answer).unwrap();
        assert_eq!((identity.product, identity.version), (Some("node_exporter".into()), Some("1.5.0".into())));
        assert_eq!(build_info(b"x_build_info{version=\"2\"} 1"), Some(("x".into(), "2".into())));
        assert_eq!(build_info(b"x_build_info{goversion=\"2\"} 1"), None);
    }
}
