//! The kinds of findings of `portolan drift`: rows of `portolan explain`. None takes points.

use super::FindingKind;

/// Declares the kinds, and the list of all of them.
macro_rules! kinds {
    ($($name:ident = $code:literal, $text:literal, $hint:literal;)*) => {
        $(pub(crate) static $name: FindingKind = FindingKind::of_source($code, $text, $hint);)*

        /// Every kind, for `portolan explain`.
        pub static KINDS: &[&FindingKind] = &[$(&$name),*];
    };
}

kinds! {
    NOT_LISTENING = "drift-not-listening",
        "An instance is registered at an address of this machine, but no socket listens there: callers are refused",
        "start the service, or deregister the instance; `portolan drift --fix` prints the command";
    UNREGISTERED = "drift-unregistered",
        "A socket listens on an address that other hosts could reach, but no registry has it: no client finds it",
        "register it with `portolan register --from-listener PORT`, stop it, or add it to the --allow file";
    LOOPBACK_ONLY = "drift-loopback-only",
        "An instance is registered at an address that other hosts use, but its port is bound to the loopback address only: other hosts are refused",
        "bind the service to the registered address or to all addresses, or register the loopback address";
    WRONG_PROCESS = "drift-wrong-process",
        "The registered port is held by another process, unit or container than its registration declares, or another protocol replies there",
        "`portolan who PORT` shows what holds the port; stop it, or correct the registration";
    NO_CHECK = "drift-no-check",
        "The registration has neither a check nor a lease: the registry still calls it healthy after the service has ended",
        "register it with a TTL or a check, as in `portolan register --check tcp`";
    DUPLICATE = "drift-duplicate",
        "Two instances of a registry have the same address: one of them may be left over, and the address gets twice its share of calls",
        "deregister the one that is left over; `portolan drift --fix` prints the command";
    HEALTH_DIFFERS = "drift-health-differs",
        "The registry sends calls to the instance, but it does not reply; or the registry's own check fails, but it replies",
        "`portolan validate ADDRESS --explain` shows what replies; compare it with the registry's check";
    STALE = "drift-stale",
        "The registration was not renewed in time and is still listed: the heartbeat stopped",
        "restart what sends the heartbeats, or deregister the instance";
    NO_READY_ENDPOINT = "drift-no-ready-endpoint",
        "A service of the cluster has no ready endpoint: no request gets a reply",
        "`kubectl describe pods -n NAMESPACE -l LABELS` shows why the pods are not ready";
    SELECTOR_EMPTY = "drift-selector-empty",
        "The selector of a service of the cluster matches no pod",
        "compare `kubectl get pods -n NAMESPACE --show-labels` with `kubectl get service NAME -n NAMESPACE -o wide`";
    TARGET_PORT = "drift-target-port",
        "The targetPort of a service of the cluster is not a port of its pods' containers",
        "compare targetPort in `kubectl get service NAME -n NAMESPACE -o yaml` with the ports of the containers";
    MANUAL_ENDPOINT_DEAD = "drift-manual-endpoint-dead",
        "An endpoint of a service without a selector refuses connections: no probe of the cluster checks it",
        "correct the address with `kubectl edit endpointslices -n NAMESPACE`, or start the server there";
    DNS_DIFFERS = "drift-dns-differs",
        "DNS and the registry have different addresses for a service",
        "`portolan discover dns NAME` shows the records; update them, or wait until their TTL has passed";
    CERTIFICATE_NAME = "drift-certificate-name",
        "The certificate is not valid for the name that the service is registered with: clients that verify it refuse it",
        "`portolan validate https://NAME:PORT --explain` shows the names; issue a certificate with this name";
    CERTIFICATE_ENDS = "drift-certificate-ends",
        "The certificate of the registered service has expired, or expires within 14 days",
        "renew the certificate and reload the service; `portolan validate https://NAME:PORT --explain` shows it";
    VERSION_DIFFERS = "drift-version-differs",
        "The registered version is not the one that replies, or two registries have different versions of an instance",
        "`portolan discover local --identify` shows what replies; register the version that runs";
    REGISTRIES_DIFFER = "drift-registries-differ",
        "Several registries have a service, and one of them lacks an instance that another one has",
        "`portolan discover consul|etcd|portolan NAME` shows what each registry has; register or deregister the instance";
    FOREIGN_ADDRESS = "drift-foreign-address",
        "An instance is registered for this machine at an address that none of its interfaces or network namespaces has",
        "register an address of this machine; where a router translates the address, this finding can be ignored with --fail-on";
}
