//! From a request to its reply: user, permission, resource, fault.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;

use super::access::name_of;
use super::answer::{self, Body};
use super::connection::Connection;
use super::faults::Fault;
use super::proxy::Proxied;
use super::resource::Place;
use super::status::{status, version_too_large};
use super::{ReceivedRequest, Shared, discovery, list, proxy, watch};

/// The query of a request, decoded.
pub type Query = BTreeMap<String, String>;

pub async fn answer(request: Request<Incoming>, connection: Arc<Connection>) -> Response<Body> {
    let shared = Arc::clone(&connection.shared);
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    shared.asked.send_modify(|asked| *asked += 1);
    let fault = shared.faults.lock().unwrap().take(&format!("{path}?{query}"));
    let response = match fault {
        Some(Fault::Stall) => std::future::pending().await,
        Some(fault @ (Fault::StallAfter(_) | Fault::CutAfter(..))) => {
            let response = respond(&request, &connection, &decode(&query), true);
            answer::spoilt(response, fault, &connection).await
        }
        Some(fault) => failed(&fault),
        None => match Proxied::parse(&path) {
            Some(proxied) => hand_on(&request, &connection, &proxied, &query).await,
            None => respond(&request, &connection, &decode(&query), false),
        },
    };
    let gzip = response.headers().contains_key(header::CONTENT_ENCODING);
    let (version, status) = (format!("{:?}", request.version()), response.status().as_u16());
    shared.seen.lock().unwrap().push(ReceivedRequest { path, query, version, gzip, status });
    response
}

/// The request for a pod or a service, for a user with permission.
async fn hand_on(
    request: &Request<Incoming>,
    connection: &Connection,
    proxied: &Proxied,
    query: &str,
) -> Response<Body> {
    let shared = &connection.shared;
    let Ok(user) = who(request, connection) else {
        return answer::json(401, &status(401, "Unauthorized", "Unauthorized"));
    };
    let Proxied { resource, namespace, name, .. } = proxied;
    let subresource = format!("{}/proxy", resource.plural);
    if !shared.access.lock().unwrap().may(&user, &subresource, Some(namespace)) {
        let message = format!(
            "{subresource} \"{name}\" is forbidden: User \"{user}\" cannot get resource \"{subresource}\" in API group \"\" in the namespace \"{namespace}\""
        );
        return answer::json(403, &status(403, "Forbidden", &message));
    }
    proxy::hand_on(shared, proxied, query).await
}

/// `short`: of a watch, only the events available at once.
fn respond(request: &Request<Incoming>, connection: &Connection, query: &Query, short: bool) -> Response<Body> {
    let shared = &connection.shared;
    // Before the permission is looked at: a watch that still has it ends with those that are open.
    let ended = shared.ended.subscribe();
    let Ok(user) = who(request, connection) else {
        return answer::json(401, &status(401, "Unauthorized", "Unauthorized"));
    };
    let path = request.uri().path();
    if let Some(document) = discovery::document(path) {
        return answer::json(200, &document);
    }
    let Some(place) = Place::parse(path) else { return not_found() };
    let Place { resource, namespace, name } = &place;
    let watches = query.get("watch").is_some_and(|value| value == "true" || value == "1");
    // The permission for a namespace is the one within it.
    let scope = if resource.plural == "namespaces" { name } else { namespace };
    if !shared.access.lock().unwrap().may(&user, resource.plural, scope.as_deref()) {
        let verb = if name.is_some() {
            "get"
        } else if watches {
            "watch"
        } else {
            "list"
        };
        return forbidden(&user, verb, &place);
    }
    let takes = |header: header::HeaderName, word: &str| {
        request.headers().get_all(header).iter().any(|value| value.to_str().is_ok_and(|text| text.contains(word)))
    };
    if let Some(name) = name {
        let found = shared.store.lock().unwrap().get(*resource, namespace.as_deref().unwrap_or_default(), name);
        return match found {
            Some(object) => answer::full(200, "application/json", object.text.clone()),
            None => {
                let message = format!("{} \"{name}\" not found", resource.qualified());
                answer::json(404, &status(404, "NotFound", &message))
            }
        };
    }
    if watches {
        return watch::watch(shared, &place, query, ended, short);
    }
    let wanted = list::Wanted {
        metadata_only: takes(header::ACCEPT, "as=PartialObjectMetadataList"),
        gzip: takes(header::ACCEPT_ENCODING, "gzip"),
    };
    list::list(shared, &place, query, wanted)
}

fn who(request: &Request<Incoming>, connection: &Connection) -> Result<String, ()> {
    let token = request
        .headers()
        .get(header::AUTHORIZATION)
        .map(|value| value.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default().to_owned());
    let name = match &connection.certificate {
        Some(certificate) if token.is_none() => Some(name_of(&connection.shared, certificate)?),
        _ => None,
    };
    connection.shared.access.lock().unwrap().who(token.as_deref(), name.as_deref())
}

fn not_found() -> Response<Body> {
    answer::json(404, &status(404, "NotFound", "the server could not find the requested resource"))
}

fn forbidden(user: &str, verb: &str, place: &Place) -> Response<Body> {
    let Place { resource, namespace, name } = place;
    let group = resource.group;
    let qualified = resource.qualified();
    let object = name.as_ref().map(|name| format!(" \"{name}\"")).unwrap_or_default();
    let place = match namespace {
        Some(namespace) => format!("in the namespace \"{namespace}\""),
        None => "at the cluster scope".to_owned(),
    };
    let plural = resource.plural;
    let message = format!(
        "{qualified}{object} is forbidden: User \"{user}\" cannot {verb} resource \"{plural}\" in API group \"{group}\" {place}"
    );
    answer::json(403, &status(403, "Forbidden", &message))
}

fn failed(fault: &Fault) -> Response<Body> {
    match fault {
        Fault::Status(code, reason, message) => answer::json(*code, &status(*code, reason, message)),
        Fault::TooManyRequests => {
            let text = "Too many requests, please try again later.";
            let mut response = answer::full(429, "text/plain; charset=utf-8", text);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
        Fault::VersionTooLarge => {
            let mut response = answer::json(504, &version_too_large(u64::MAX, 0));
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
        Fault::NoSuchResource => not_found(),
        Fault::Malformed => answer::full(200, "application/json", "{\"items\": [}\n"),
        Fault::Endless => {
            let mebibyte = bytes::Bytes::from(vec![b'x'; 1 << 20]);
            answer::streamed(futures_util::stream::repeat_with(move || Ok(mebibyte.clone())))
        }
        Fault::Bomb => {
            // A gibibyte of blanks in a mebibyte.
            let mebibyte = super::gzip::gzip(&vec![b' '; 1 << 20]);
            let mut response = answer::full(200, "application/json", mebibyte.repeat(1024));
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response
        }
        Fault::Nothing | Fault::Stall | Fault::StallAfter(_) | Fault::CutAfter(..) => not_found(),
    }
}

/// `a=b&c=%2Fd` as a map.
fn decode(query: &str) -> Query {
    let plain = |text: &str| {
        let mut bytes = Vec::new();
        let mut left = text.bytes();
        while let Some(byte) = left.next() {
            bytes.push(match byte {
                b'+' => b' ',
                b'%' => {
                    let digits = [left.next(), left.next()].map(|digit| char::from(digit.unwrap_or(b'0')));
                    u8::from_str_radix(&digits.iter().collect::<String>(), 16).unwrap_or(b'?')
                }
                byte => byte,
            });
        }
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (plain(key), plain(value)))
        .collect()
}
