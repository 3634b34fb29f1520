//! Namespaces, names and labels: how objects refer to each other.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::clean::clean;

/// The label of a slice that names its service.
pub(super) const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// Namespace and name.
pub(super) type ObjectKey = (String, String);

pub(super) fn key(metadata: &ObjectMeta) -> ObjectKey {
    (metadata.namespace.clone().unwrap_or_default(), metadata.name.clone().unwrap_or_default())
}

/// The stable id of a service.
pub(super) fn id((namespace, name): &ObjectKey) -> String {
    format!("k8s/{}/{}", clean(namespace), clean(name))
}

/// Whether a text may be a part of a request's path without escaping.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.starts_with('.') && text.bytes().all(is_name_byte)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')
}
