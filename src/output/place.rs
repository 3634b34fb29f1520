//! Where an endpoint is, for people: its address and what is requested there.

use crate::clean::clean;
use crate::model::{DeclaredDetail, Endpoint, HttpPath, Service};

/// The address of an endpoint, with the path that its URL or its services file names. Endpoints of one host differ only in that.
pub(super) fn place_with_path(service: &Service, endpoint: &Endpoint) -> String {
    let declared = service.detail.downcast_ref::<DeclaredDetail>();
    let path = declared.and_then(|declared| declared.ask.path.as_ref()).map(HttpPath::shown);
    match path.filter(|path| *path != "/") {
        Some(path) => format!("{endpoint}{}", clean(path)),
        None => endpoint.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{CheckSpec, HostPort};

    #[test]
    fn a_path_tells_the_endpoints_of_a_host_apart() {
        let endpoint = "10.0.0.5:80".parse::<HostPort>().unwrap().endpoint();
        for (path, shown) in [
            (None, "10.0.0.5:80"),
            (Some("/"), "10.0.0.5:80"),
            (Some("/health"), "10.0.0.5:80/health"),
            (Some("/x?token=s3cret"), "10.0.0.5:80/x?token=***"),
        ] {
            let path: Option<&str> = path;
            let ask = CheckSpec { path: path.map(|path| path.parse().unwrap()), ..CheckSpec::default() };
            let detail = DeclaredDetail { ask: Arc::new(ask), ..DeclaredDetail::default() };
            let service = Service::new("given/a", "given", vec![endpoint.clone()], detail).erase();
            assert_eq!(place_with_path(&service, &endpoint), shown);
        }
    }
}
