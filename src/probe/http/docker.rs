//! The API of the Docker Engine (its reference, `GET /version`).

use super::Page;
use super::application::{Application, PageRequest, at};
use crate::model::Identity;

pub(super) struct Docker;

impl Application for Docker {
    fn suspects(&self, front: &Page) -> bool {
        front.field_begins("server", "Docker/") || matches!(front.port, 2375 | 2376)
    }

    fn question(&self) -> PageRequest {
        PageRequest::page("/version")
    }

    fn recognise(&self, page: &Page) -> Option<Identity> {
        let json = page.json()?;
        let (version, api) = (at(&json, "/Version")?, at(&json, "/ApiVersion")?);
        let text = |path: &str| at(&json, path).map(str::to_owned);
        // Podman answers in the same words and says so.
        let components = json.pointer("/Components").and_then(|list| list.as_array());
        let podman = components.is_some_and(|list| list.iter().any(|item| at(item, "/Name") == Some("Podman Engine")));
        let identity = Identity::of("docker").product(if podman { "Podman" } else { "Docker Engine" }).version(version);
        let identity = identity.fact("api_version", api).fact("auth_required", false);
        Some(
            identity
                .fact_if("os", text("/Os"))
                .fact_if("arch", text("/Arch"))
                .fact_if("kernel", text("/KernelVersion")),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::application::page;
    use super::*;

    #[test]
    fn the_version_page_is_known() {
        let json = r#"{"Version":"20.10.24","ApiVersion":"1.41","Os":"linux","Arch":"amd64"}"#;
        let identity = Docker.recognise(&page("/version", &format!("HTTP/1.1 200 OK\r\n\r\n{json}"))).unwrap();
        assert_eq!((identity.word(), identity.version.clone()), ("docker", Some("20.10.24".into())));
        assert!(Docker.suspects(&page("/", "HTTP/1.1 404 Not Found\r\nServer: Docker/20.10 (linux)\r\n\r\n")));
    }
}
