//! The resources that the double knows.

/// A kind of object: its path and its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Resource {
    /// `""` for the core group.
    pub group: &'static str,
    pub version: &'static str,
    /// As in a path.
    pub plural: &'static str,
    pub kind: &'static str,
    pub namespaced: bool,
}

const fn core(plural: &'static str, kind: &'static str, namespaced: bool) -> Resource {
    Resource { group: "", version: "v1", plural, kind, namespaced }
}

const fn grouped(group: &'static str, plural: &'static str, kind: &'static str) -> Resource {
    Resource { group, version: "v1", plural, kind, namespaced: true }
}

impl Resource {
    pub const SERVICES: Self = core("services", "Service", true);
    pub const ENDPOINTS: Self = core("endpoints", "Endpoints", true);
    pub const PODS: Self = core("pods", "Pod", true);
    pub const NAMESPACES: Self = core("namespaces", "Namespace", false);
    pub const SLICES: Self = grouped("discovery.k8s.io", "endpointslices", "EndpointSlice");
    pub const INGRESSES: Self = grouped("networking.k8s.io", "ingresses", "Ingress");
    pub const GATEWAYS: Self = grouped("gateway.networking.k8s.io", "gateways", "Gateway");
    pub const HTTP_ROUTES: Self = grouped("gateway.networking.k8s.io", "httproutes", "HTTPRoute");
    pub const GRPC_ROUTES: Self = grouped("gateway.networking.k8s.io", "grpcroutes", "GRPCRoute");
    /// As the experimental channel of the Gateway API has it up to 1.3.
    pub const TLS_ROUTES: Self =
        Self { version: "v1alpha2", ..grouped("gateway.networking.k8s.io", "tlsroutes", "TLSRoute") };
    pub const ALL: [Self; 10] = [
        Self::SERVICES,
        Self::ENDPOINTS,
        Self::PODS,
        Self::NAMESPACES,
        Self::SLICES,
        Self::INGRESSES,
        Self::GATEWAYS,
        Self::HTTP_ROUTES,
        Self::GRPC_ROUTES,
        Self::TLS_ROUTES,
    ];

    /// `v1`, `discovery.k8s.io/v1`.
    pub fn api_version(self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// `services`, `endpointslices.discovery.k8s.io`.
    pub fn qualified(self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }
}

/// The object or list of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub resource: Resource,
    pub namespace: Option<String>,
    pub name: Option<String>,
}

impl Place {
    /// Reads `/api/v1/namespaces/shop/services/web` and its like.
    pub fn parse(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group, version, rest) = match parts.as_slice() {
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let find = |plural: &str| {
            let is =
                |resource: &&Resource| (resource.group, resource.version, resource.plural) == (group, version, plural);
            Resource::ALL.iter().find(is).copied()
        };
        let (plural, namespace, name) = match rest {
            ["namespaces", namespace, plural] => (*plural, Some(*namespace), None),
            ["namespaces", namespace, plural, name] => (*plural, Some(*namespace), Some(*name)),
            [plural] => (*plural, None, None),
            [plural, name] => (*plural, None, Some(*name)),
            _ => return None,
        };
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Some(Self { resource: find(plural)?, namespace: owned(namespace), name: owned(name) })
    }
}
