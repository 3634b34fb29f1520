//! What may be wrong with a service: the rows of `portolan explain`.

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
];

pub(super) static NO_POD: FindingKind = FindingKind::of_source(
    "k8s-no-pod",
    "The service chooses pods by labels, and no pod has them: it leads nowhere, and nothing will make it ready",
    "`kubectl get pods -n NAMESPACE --show-labels` shows which labels pods have; compare them with `kubectl get service NAME -n NAMESPACE -o wide`",
);

pub(super) static NO_ENDPOINTS: FindingKind = FindingKind::of_source(
    "k8s-no-endpoints",
    "The service chooses pods by labels, and has no endpoint at all: no pod that has these labels has an address",
    "`kubectl get pods -n NAMESPACE -l LABELS -o wide` shows the pods with the labels, and why they wait for an address",
);
pub(super) static NONE_READY: FindingKind = FindingKind::of_source(
    "k8s-none-ready",
    "The service has endpoints, and none of them is ready: nobody answers",
    "`kubectl describe pods -n NAMESPACE -l LABELS` shows why a readiness probe fails",
);
pub(super) static TARGET_PORT: FindingKind = FindingKind::of_source(
    "k8s-target-port",
    "A port of the service leads to a targetPort that no container of its pods has: by name it has no endpoint, and by number \
     nobody listens there, unless a container serves a port that it does not write down",
    "`kubectl get pods -n NAMESPACE -l LABELS -o jsonpath='{.items[*].spec.containers[*].ports}'` shows the containers' ports; \
     compare them with targetPort in `kubectl get service NAME -n NAMESPACE -o yaml`",
);
pub(super) static PORT_NAME: FindingKind = FindingKind::of_source(
    "k8s-port-name",
    "A port of the service has no endpoint, because its slices call their ports differently: a service's port leads to the \
     port of the same name",
    "`kubectl get endpointslices -n NAMESPACE -l kubernetes.io/service-name=NAME -o yaml` shows the names of the slices' ports; \
     `kubectl get service NAME -n NAMESPACE -o yaml` those of the service",
);
pub(super) static REFUSED: FindingKind = FindingKind::of_source(
    "k8s-endpoint-refused",
    "An endpoint that somebody wrote down by hand refuses connections: no probe of the cluster would notice",
    "`kubectl get endpointslices -n NAMESPACE -l kubernetes.io/service-name=NAME -o yaml` shows the addresses; correct them, \
     or start what should listen there",
);
pub(super) static NAME_UNRESOLVED: FindingKind = FindingKind::of_source(
    "k8s-external-name",
    "The service stands for a name outside of the cluster that does not resolve, as seen from here",
    "`kubectl get service NAME -n NAMESPACE -o jsonpath='{.spec.externalName}'` shows the name; `--resolver` asks another resolver, \
     such as the cluster's own",
);
pub(super) static PORT_WITHOUT_ENDPOINTS: FindingKind = FindingKind::of_source(
    "k8s-port-no-endpoints",
    "A port of the service leads nowhere, while others lead to endpoints",
    "`kubectl get service NAME -n NAMESPACE -o yaml` and `kubectl get pods -n NAMESPACE -l LABELS -o yaml` show targetPort and the \
     containers' ports",
);
pub(super) static TERMINATING_READY: FindingKind = FindingKind::of_source(
    "k8s-terminating-ready",
    "An endpoint is being ended and still counts as ready, so that calls go to it until it is gone",
    "`kubectl get endpointslices -n NAMESPACE -l kubernetes.io/service-name=NAME -o yaml` shows the conditions",
);
pub(super) static ONE_NODE: FindingKind = FindingKind::of_source(
    "k8s-one-node",
    "All ready endpoints of the service, two or more, are on one node: they go with it",
    "`kubectl get pods -n NAMESPACE -l LABELS -o wide` shows the nodes; topologySpreadConstraints spread pods",
);
pub(super) static BALANCER_PENDING: FindingKind = FindingKind::of_source(
    "k8s-balancer-pending",
    "The service wants a load balancer, and nobody has given it one: it has no address outside of the cluster",
    "`kubectl describe service NAME -n NAMESPACE` shows what the cloud's controller says",
);
pub(super) static SAME_SELECTOR: FindingKind = FindingKind::of_source(
    "k8s-same-selector",
    "Two services of a namespace choose the same pods and ports: one of them may be a leftover",
    "`kubectl get services -n NAMESPACE -o wide` shows the selectors",
);
pub(super) static NODE_PORT_TWICE: FindingKind = FindingKind::of_source(
    "k8s-node-port-twice",
    "Two services have the same node port: which of them answers there is chance",
    "`kubectl get services -A -o wide` shows node ports; take one away with `kubectl edit service`",
);
