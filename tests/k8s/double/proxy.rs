//! The proxy: a request to a pod or a service is forwarded over a real connection, and its reply returned.

use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Shared;
use super::answer::{self, Body};
use super::resource::Resource;
use super::status::status;
use super::store::{Object, Store};

/// What a path asks to be handed on: `/api/v1/namespaces/NS/pods/[https:]NAME[:PORT]/proxy/PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxied {
    pub resource: Resource,
    pub namespace: String,
    pub name: String,
    pub port: String,
    pub tls: bool,
    pub path: String,
}

impl Proxied {
    pub fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/api/v1/namespaces/")?;
        let (namespace, rest) = rest.split_once('/')?;
        let (plural, rest) = rest.split_once('/')?;
        let (place, path) = rest.split_once("/proxy")?;
        let resource = [Resource::PODS, Resource::SERVICES].into_iter().find(|resource| resource.plural == plural)?;
        let (tls, place) = place.strip_prefix("https:").map_or((false, place), |place| (true, place));
        let place = place.strip_prefix("http:").unwrap_or(place);
        let (name, port) = place.split_once(':').unwrap_or((place, ""));
        let path = if path.is_empty() { "/" } else { path };
        let owned = str::to_owned;
        Some(Self {
            resource,
            namespace: owned(namespace),
            name: owned(name),
            port: owned(port),
            tls,
            path: owned(path),
        })
    }
}

/// Hands a GET on, as far as tests need it: to an address and port, in the clear.
pub async fn hand_on(shared: &Shared, proxied: &Proxied, query: &str) -> Response<Body> {
    let Proxied { resource, namespace, name, port, .. } = proxied;
    let address = {
        let store = shared.store.lock().unwrap();
        let Some(object) = store.get(*resource, namespace, name) else {
            let message = format!("{} \"{name}\" not found", resource.plural);
            return answer::json(404, &status(404, "NotFound", &message));
        };
        if *resource == Resource::PODS { of_pod(&object, port) } else { of_service(&store, &object, port) }
    };
    let Some(address) = address else {
        let message = format!("no endpoints available for service \"{name}\"");
        return answer::json(503, &status(503, "ServiceUnavailable", &message));
    };
    let target = if query.is_empty() { proxied.path.clone() } else { format!("{}?{query}", proxied.path) };
    match exchange(address, &target).await {
        Ok(response) => response,
        Err(error) => {
            let why = error.to_string().to_lowercase();
            let why = why.split(" (os error").next().unwrap_or_default();
            let message = format!("error trying to reach service: dial tcp {address}: connect: {why}");
            answer::json(503, &status(503, "ServiceUnavailable", &message))
        }
    }
}

fn of_pod(pod: &Arc<Object>, port: &str) -> Option<SocketAddr> {
    format!("{}:{port}", pod.value["status"]["podIP"].as_str()?).parse().ok()
}

/// The first ready endpoint of the port of that name or number.
fn of_service(store: &Store, service: &Arc<Object>, asked: &str) -> Option<SocketAddr> {
    let ports = service.value["spec"]["ports"].as_array()?;
    let is_it =
        |port: &&Value| port["name"] == asked || port["port"].as_u64().is_some_and(|port| port.to_string() == asked);
    let name = ports.iter().find(is_it)?["name"].clone();
    let slices = store.select(Resource::SLICES, Some(service.namespace()), &super::selector::Selector::default(), None);
    let own = slices
        .into_iter()
        .filter(|slice| slice.value["metadata"]["labels"]["kubernetes.io/service-name"] == service.name());
    own.into_iter().find_map(|slice| {
        let port = slice.value["ports"].as_array()?.iter().find(|port| port["name"] == name)?["port"].as_u64()?;
        let ready = |endpoint: &&Value| endpoint["conditions"]["ready"] != false;
        let endpoint = slice.value["endpoints"].as_array()?.iter().find(ready)?;
        format!("{}:{port}", endpoint["addresses"][0].as_str()?).parse().ok()
    })
}

async fn exchange(address: SocketAddr, target: &str) -> std::io::Result<Response<Body>> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(format!("GET {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())
        .await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    let mut fields = [httparse::EMPTY_HEADER; 32];
    let mut head = httparse::Response::new(&mut fields);
    let invalid = || std::io::Error::other("malformed HTTP response");
    let Ok(httparse::Status::Complete(length)) = head.parse(&bytes) else { return Err(invalid()) };
    let mut response = answer::full(head.code.unwrap_or(0), "text/plain", bytes[length..].to_vec());
    for field in head.headers.iter().filter(|field| !field.name.eq_ignore_ascii_case("content-length")) {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| invalid())?;
        response.headers_mut().insert(name, HeaderValue::from_bytes(field.value).map_err(|_| invalid())?);
    }
    Ok(response.map(BodyExt::boxed_unsync))
}
