//! The common parts of the rows of Ingresses and Gateway API routes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::object_key::key;
use crate::clean::{Untrusted, clean};
use crate::model::{Address, Endpoint, K8sRouteDetail, Service};

/// Any host.
pub(super) const ANY: &str = "*";

/// The row of a route or an Ingress.
pub(super) fn row(
    kind: &str,
    metadata: &ObjectMeta,
    endpoints: Vec<Endpoint>,
    detail: K8sRouteDetail,
) -> Service<K8sRouteDetail> {
    let (namespace, name) = key(metadata);
    let id = format!("k8s/{}/{}/{}", clean(&namespace), kind.to_ascii_lowercase(), clean(&name));

    let mut service = Service::new(id, "k8s", endpoints, detail);
    (service.namespace, service.name) = (Some(namespace.into()), Some(name.into()));
    service
}

/// Whether a text is one host, and not a pattern of many.
pub(super) fn is_one_host(host: &str) -> bool {
    !host.contains('*')
}

/// The IP address or the name of a load balancer.
pub(super) fn address(text: &str) -> Address {
    text.parse().map_or_else(|_| Address::Name(text.into()), Address::Ip)
}

pub(super) fn text(text: Option<String>) -> Option<Untrusted> {
    text.filter(|text| !text.is_empty()).map(Untrusted::from)
}

pub(super) fn port_number(number: i32) -> Option<u16> {
    u16::try_from(number).ok().filter(|number| *number > 0)
}
