//! Which service a probe checks: the target and the module of a request, against what the command names.

use std::sync::Arc;

use crate::clean::{clean, redacted_url};
use crate::cli::validate::targets::Targets;
use crate::model::{CheckSpec, DeclaredDetail, Service};

/// Why a request cannot be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ProbeRefusal {
    /// The request itself is wrong.
    Invalid(String),
    /// The target is not one that may be probed.
    Forbidden(String),
}

/// The service to check for a request.
///
/// # Errors
/// Without a target, for an unknown module, and for a target that `services` do not have, unless `allow_any`.
pub(super) fn service_of(
    services: &[Service],
    (target, module): (Option<&str>, Option<&str>),
    allow_any: bool,
) -> Result<Service, ProbeRefusal> {
    let Some(target) = target.filter(|target| !target.is_empty()) else {
        return Err(ProbeRefusal::Invalid("the parameter target is missing".to_owned()));
    };
    let module = module.filter(|module| !module.is_empty()).map(|name| module_of(services, name)).transpose()?;

    let known = match services.iter().find(|service| service.has_name(target)) {
        Some(service) => Some(service.clone()),
        None => known_endpoint(services, target)?,
    };
    let is_known = known.is_some();
    let service = match known {
        Some(service) => service,
        None if allow_any => Targets::one(target).map_err(|error| ProbeRefusal::Invalid(error.to_string()))?,
        None => {
            let shown = clean(&redacted_url(target));
            return Err(ProbeRefusal::Forbidden(format!(
                "{shown} is not a target of this exporter (--allow-any-target)"
            )));
        }
    };

    let Some(module) = module else { return Ok(service) };
    if !is_known && !module.script.is_empty() {
        let why = "a module with a script checks only the targets of this exporter";
        return Err(ProbeRefusal::Forbidden(why.to_owned()));
    }
    Ok(with_options(service, &module))
}

/// The options of the service with that name.
fn module_of(services: &[Service], name: &str) -> Result<Arc<CheckSpec>, ProbeRefusal> {
    let service = services.iter().find(|service| service.has_name(name));
    let declared = service.and_then(|service| service.detail.downcast_ref::<DeclaredDetail>());
    declared.map(|declared| Arc::clone(&declared.ask)).ok_or_else(|| {
        let known: Vec<String> =
            services.iter().filter_map(|service| Some(service.name.as_ref()?.to_string())).collect();
        ProbeRefusal::Invalid(format!("there is no module {}; the modules are {}", clean(name), known.join(", ")))
    })
}

/// The service with this endpoint, with no other. A URL must be the same in everything that the services file says of it.
fn known_endpoint(services: &[Service], target: &str) -> Result<Option<Service>, ProbeRefusal> {
    let asked = Targets::one(target).map_err(|error| ProbeRefusal::Invalid(error.to_string()))?;
    let [wanted] = &asked.endpoints[..] else { return Ok(None) };
    let wanted_spec = spec_of(&asked);

    let known = services.iter().find_map(|service| {
        let endpoint = service.endpoints.iter().find(|endpoint| endpoint.to_string() == wanted.to_string())?;
        let spec = spec_of(service);
        let is_same = wanted_spec.protocol.is_none()
            || (spec.protocol == wanted_spec.protocol && path_of(&spec) == path_of(&wanted_spec));
        is_same.then(|| Service { endpoints: vec![endpoint.clone()], ..service.clone() })
    });
    Ok(known)
}

fn path_of(spec: &CheckSpec) -> &str {
    spec.path.as_ref().map_or("/", |path| path.as_str())
}

fn spec_of(service: &Service) -> Arc<CheckSpec> {
    let declared = service.detail.downcast_ref::<DeclaredDetail>();
    declared.map(|declared| Arc::clone(&declared.ask)).unwrap_or_default()
}

/// The service with the options of a module. A URL that the module does not know says its own protocol and path.
fn with_options(service: Service, module: &CheckSpec) -> Service {
    let declared = service.detail.downcast_ref::<DeclaredDetail>();
    let (from, labels) = declared.map(|declared| (declared.from.clone(), declared.labels.clone())).unwrap_or_default();
    let own = if service.source == "given" { spec_of(&service).over(module) } else { module.clone() };
    let detail = DeclaredDetail { from, labels, protocol: own.protocol.clone(), ask: Arc::new(own) };
    let Service { id, name, namespace, source, endpoints, health, findings, detail: _ } = service;
    Service { id, name, namespace, source, endpoints, health, findings, detail }.erase()
}
