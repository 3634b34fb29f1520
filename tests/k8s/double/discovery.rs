//! API discovery, for clients that use it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::resource::Resource;

/// The document at a path that is about the API itself.
pub fn document(path: &str) -> Option<Value> {
    match path.trim_end_matches('/') {
        "/version" => Some(json!({"major": "1", "minor": "32", "gitVersion": "v1.32.13", "platform": "linux/amd64"})),
        "/api" => Some(json!({"kind": "APIVersions", "versions": ["v1"]})),
        "/apis" => Some(json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups()})),
        "/api/v1" => resources("", "v1"),
        path => match path.strip_prefix("/apis/")?.split_once('/') {
            Some((group, version)) => resources(group, version),
            None => {
                let mut group = group(&path["/apis/".len()..])?;
                (group["kind"], group["apiVersion"]) = (json!("APIGroup"), json!("v1"));
                Some(group)
            }
        },
    }
}

fn groups() -> Vec<Value> {
    let names: BTreeSet<&str> = Resource::ALL.iter().map(|resource| resource.group).collect();
    names.into_iter().filter_map(group).collect()
}

/// A group with its versions, `v1` before others.
fn group(name: &str) -> Option<Value> {
    let of_group = Resource::ALL.iter().filter(|resource| !name.is_empty() && resource.group == name);
    let versions: BTreeSet<&str> = of_group.map(|resource| resource.version).collect();
    let version = |version: &&str| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    let all: Vec<Value> = versions.iter().map(version).collect();
    let preferred = all.first()?.clone();
    Some(json!({"name": name, "versions": all, "preferredVersion": preferred}))
}

fn resources(group: &str, version: &str) -> Option<Value> {
    let is_it = |resource: &&Resource| resource.group == group && resource.version == version;
    let found: Vec<&Resource> = Resource::ALL.iter().filter(is_it).collect();
    let version = found.first()?.api_version();
    let resource = |resource: &&Resource| {
        let (name, kind, namespaced) = (resource.plural, resource.kind, resource.namespaced);
        json!({"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "list", "watch"]})
    };
    let resources: Vec<Value> = found.iter().map(resource).collect();
    Some(json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}))
}
