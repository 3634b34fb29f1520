//! The Docker Engine API (its reference, `GET /version`).

use super::application::{Application, PageRequest, at};
use super::page::HttpPage;
use crate::model::Identity;

pub(super) struct Docker;

impl Application for Docker {
    fn suspects(&self, front: &HttpPage) -> bool {
        front.field_begins("server", "Docker/") || matches!(front.port, 2375 | 2376)
    }

    fn request(&self) -> PageRequest {
        PageRequest::page("/version")
    }

    fn recognise(&self, page: &HttpPage) -> Option<Identity> {
        let json = page.json()?;
        let (version, api) = (at(&json, "/Version")?, at(&json, "/ApiVersion")?);

        // Podman implements the same API and names itself as a component.
        let components = json.pointer("/Components").and_then(|list| list.as_array());
        let podman = components.is_some_and(|list| list.iter().any(|item| at(item, "/Name") == Some("Podman Engine")));

        let identity = Identity::of("docker")
            .product(if podman { "Podman" } else { "Docker Engine" })
            .version(version)
            .fact("api_version", api)
            .fact("auth_required", false)
            .fact_if("os", at(&json, "/Os").map(str::to_owned))
            .fact_if("arch", at(&json, "/Arch").map(str::to_owned))
            .fact_if("kernel", at(&json, "/KernelVersion").map(str::to_owned));
        Some(identity)
    }
}

#[cfg(test)]
mod tests {
    use super::super::application::page;
    use super::*;

    #[test]
    fn the_version_page_is_recognised() {
        let json = r#"{"Version":"20.10.24","ApiVersion":"1.41","Os":"linux","Arch":"amd64"}"#;
        let identity = Docker.recognise(&page("/version", &format!("HTTP/1.1 200 OK\r\n\r\n{json}"))).unwrap();
        assert_eq!((identity.protocol(), identity.version.clone()), ("docker", Some("20.10.24".into())));
        assert!(Docker.suspects(&page("/", "HTTP/1.1 404 Not Found\r\nServer: Docker/20.10 (linux)\r\n\r\n")));
    }
}
