//! Consul (its API reference, `GET /v1/agent/self`).

use super::application::{Application, PageRequest, at};
use super::page::HttpPage;
use crate::model::Identity;

pub(super) struct Consul;

impl Application for Consul {
    fn suspects(&self, front: &HttpPage) -> bool {
        front.field_begins("location", "/ui/") || front.holds("Consul Agent") || matches!(front.port, 8500 | 8501)
    }

    fn request(&self) -> PageRequest {
        PageRequest::page("/v1/agent/self")
    }

    fn recognise(&self, page: &HttpPage) -> Option<Identity> {
        let identity = Identity::of("consul").product("Consul");
        if let Some(json) = page.json().filter(|json| json.pointer("/Config/Datacenter").is_some()) {
            let server = json.pointer("/Config/Server").and_then(serde_json::Value::as_bool);
            let identity = identity
                .version(at(&json, "/Config/Version")?)
                .fact("auth_required", false)
                .fact_if("server_mode", server)
                .fact_if("node", at(&json, "/Config/NodeName").map(str::to_owned))
                .fact_if("datacenter", at(&json, "/Config/Datacenter").map(str::to_owned));
            return Some(identity);
        }

        // Without permission, the response still carries this field.
        let denied = page.field("x-consul-default-acl-policy").is_some();
        denied.then(|| identity.fact("auth_required", page.head.status == 403))
    }
}

#[cfg(test)]
mod tests {
    use super::super::application::page;
    use super::*;

    #[test]
    fn an_agent_is_recognised() {
        let json = r#"{"Config":{"Datacenter":"dc1","NodeName":"n1","Server":true,"Version":"1.8.7"}}"#;
        let identity = Consul.recognise(&page("/v1/agent/self", &format!("HTTP/1.1 200 OK\r\n\r\n{json}"))).unwrap();
        assert_eq!((identity.protocol(), identity.version.clone()), ("consul", Some("1.8.7".into())));
        assert!(Consul.suspects(&page("/", "HTTP/1.1 301 Moved Permanently\r\nLocation: /ui/\r\n\r\n")));
    }
}
