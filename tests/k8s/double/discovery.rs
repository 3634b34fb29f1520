//! What APIs there are, for clients that ask first.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::resource::Resource;

/// The document at a path that is about the API itself.
pub fn document(path: &str) -> Option<Value> {
    match path.trim_end_matches('/') {
        "/version" => Some(json!({"major": "1", "minor": "32", "gitVersion": "v1.32.13", "platform": "linux/amd64"})),
        "/api" => Some(json!({"kind": "APIVersions", "versions": ["v1"]})),
        "/apis" => Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups()})),
        "/api/v1" => Some(resources("")),
        path => {
            let group = path.strip_prefix("/apis/")?.strip_suffix("/v1")?;
            let known = Resource::ALL.iter().any(|resource| !group.is_empty() && resource.group == group);
            known.then(|| resources(group))
        }
    }
}

fn groups() -> Vec<Value> {
    let names: BTreeSet<&str> =
        Resource::ALL.iter().map(|resource| resource.group).filter(|name| !name.is_empty()).collect();
    let version = |name: &str| json!({"groupVersion": format!("{name}/v1"), "version": "v1"});
    let group = |name: &str| json!({"name": name, "versions": [version(name)], "preferredVersion": version(name)});
    names.into_iter().map(group).collect()
}

fn resources(group: &str) -> Value {
    let of_group: Vec<&Resource> = Resource::ALL.iter().filter(|resource| resource.group == group).collect();
    let version = of_group.first().map(|resource| resource.api_version()).unwrap_or_default();
    let resource = |resource: &&Resource| {
        let (name, kind, namespaced) = (resource.plural, resource.kind, resource.namespaced);
        json!({"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "list", "watch"]})
    };
    let resources: Vec<Value> = of_group.iter().map(resource).collect();
    json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources})
}
