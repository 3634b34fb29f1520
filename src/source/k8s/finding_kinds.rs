//! The findings of Kubernetes services: the rows of `portolan explain`.

use crate::model::FindingKind;

/// Every kind, for `portolan explain`.
pub(crate) static KINDS: &[&FindingKind] = &[
    &NO_POD,
    &NO_ENDPOINTS,
    &NONE_READY,
    &TARGET_PORT,
    &PORT_NAME,
    &PORT_WITHOUT_ENDPOINTS,
    &REFUSED,
    &TERMINATING_READY,
    &ONE_NODE,
    &BALANCER_PENDING,
    &SAME_SELECTOR,
    &NODE_PORT_TWICE,
    &NAME_UNRESOLVED,
    &NO_SERVICE,
];

pub(super) static NO_POD: FindingKind = FindingKind::of_unusable(
    "k8s-no-pod",
    "The service selects pods by labels, and no pod has these labels: it has no endpoints and cannot become ready",
    "`kubectl get pods -n NAMESPACE --show-labels` shows the labels of pods; compare them with `kubectl get service NAME -n NAMESPACE -o wide`",
);

pub(super) static NO_ENDPOINTS: FindingKind = FindingKind::of_unusable(
    "k8s-no-endpoints",
    "The service selects pods by labels, and has no endpoint: no pod with these labels has an address",
    "`kubectl get pods -n NAMESPACE -l LABELS -o wide` shows the pods with the labels, and why they have no address",
);

pub(super) static NONE_READY: FindingKind = FindingKind::of_unusable(
    "k8s-none-ready",
    "The service has endpoints, and none of them is ready: no request gets a reply",
    "`kubectl describe pods -n NAMESPACE -l LABELS` shows why a readiness probe fails",
);

pub(super) static TARGET_PORT: FindingKind = FindingKind::of_source(
    "k8s-target-port",
    "A port of the service has a targetPort that no container of its pods has: with a name it has no endpoint, and with a number \
     nothing listens there, unless a container serves a port that it does not declare",
    "`kubectl get pods -n NAMESPACE -l LABELS -o jsonpath='{.items[*].spec.containers[*].ports}'` shows the containers' ports; \
     compare them with targetPort in `kubectl get service NAME -n NAMESPACE -o yaml`",
);

pub(super) static PORT_NAME: FindingKind = FindingKind::of_source(
    "k8s-port-name",
    "A port of the service has no endpoint, because its slices name their ports differently: a service's port maps to the \
     port of the same name",
    "`kubectl get endpointslices -n NAMESPACE -l kubernetes.io/service-name=NAME -o yaml` shows the port names of the slices; \
     `kubectl get service NAME -n NAMESPACE -o yaml` those of the service",
);

pub(super) static REFUSED: FindingKind = FindingKind::of_source(
    "k8s-endpoint-refused",
    "A manually configured endpoint refuses connections: no probe of the cluster checks it",
    "`kubectl get endpointslices -n NAMESPACE -l kubernetes.io/service-name=NAME -o yaml` shows the addresses; correct them, \
     or start the server there",
);

pub(super) static NO_SERVICE: FindingKind = FindingKind::of_source(
    "k8s-no-service",
    "An Ingress or a route refers to a service that does not exist: its requests get an error",
    "`kubectl get services -n NAMESPACE` shows the services; correct the name with `kubectl edit`, or create the service",
);

pub(super) static NAME_UNRESOLVED: FindingKind = FindingKind::of_source(
    "k8s-external-name",
    "The service is an alias of a name outside the cluster that does not resolve from here",
    "`kubectl get service NAME -n NAMESPACE -o jsonpath='{.spec.externalName}'` shows the name; `--resolver` uses another resolver, \
     such as the cluster's own",
);

pub(super) static PORT_WITHOUT_ENDPOINTS: FindingKind = FindingKind::of_source(
    "k8s-port-no-endpoints",
    "A port of the service has no endpoint, while other ports have some",
    "`kubectl get service NAME -n NAMESPACE -o yaml` and `kubectl get pods -n NAMESPACE -l LABELS -o yaml` show targetPort and the \
     containers' ports",
);

pub(super) static TERMINATING_READY: FindingKind = FindingKind::of_source(
    "k8s-terminating-ready",
    "A terminating endpoint still counts as ready, so that it receives requests until it is gone",
    "`kubectl get endpointslices -n NAMESPACE -l kubernetes.io/service-name=NAME -o yaml` shows the conditions",
);

pub(super) static ONE_NODE: FindingKind = FindingKind::of_source(
    "k8s-one-node",
    "All ready endpoints of the service, two or more, are on one node: they fail with it",
    "`kubectl get pods -n NAMESPACE -l LABELS -o wide` shows the nodes; topologySpreadConstraints spread pods",
);

pub(super) static BALANCER_PENDING: FindingKind = FindingKind::of_source(
    "k8s-balancer-pending",
    "The service requests a load balancer and has none yet: it has no address outside the cluster",
    "`kubectl describe service NAME -n NAMESPACE` shows the events of the cloud's controller",
);

pub(super) static SAME_SELECTOR: FindingKind = FindingKind::of_source(
    "k8s-same-selector",
    "Two services of a namespace select the same pods and ports: one of them may be a leftover",
    "`kubectl get services -n NAMESPACE -o wide` shows the selectors",
);

pub(super) static NODE_PORT_TWICE: FindingKind = FindingKind::of_source(
    "k8s-node-port-twice",
    "Two services have the same node port: it is undefined which of them receives a connection",
    "`kubectl get services -A -o wide` shows node ports; remove one with `kubectl edit service`",
);
