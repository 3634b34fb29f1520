"""The part of the Kubernetes API that a listing reads: two namespaces, three services, two pods. Prints its port."""
import http.server
import json
import urllib.parse


def meta(name, namespace, **more):
    return {"name": name, "namespace": namespace, "uid": f"{namespace}-{name}", "resourceVersion": "1", **more}


def service(name, namespace, address, port):
    selector = {"app": name}
    ports = [{"name": "http", "port": port, "targetPort": port, "protocol": "TCP"}]
    spec = {"type": "ClusterIP", "clusterIP": address, "clusterIPs": [address], "selector": selector, "ports": ports}
    return {"metadata": meta(name, namespace), "spec": spec, "status": {"loadBalancer": {}}}


def piece(name, namespace, addresses, port):
    endpoints = [
        {
            "addresses": [address],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": node,
            "targetRef": {"kind": "Pod", "name": pod, "namespace": namespace},
        }
        for address, pod, node in addresses
    ]
    labels = {"kubernetes.io/service-name": name}
    ports = [{"name": "http", "port": port, "protocol": "TCP"}]
    return {
        "metadata": meta(f"{name}-1", namespace, labels=labels),
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": ports,
    }


def pod(name, namespace, app, address, node):
    container = {"name": "main", "image": "i", "ready": True, "restartCount": 0, "imageID": "", "state": {}}
    return {
        "metadata": meta(name, namespace, labels={"app": app}),
        "spec": {"nodeName": node, "containers": [{"name": "main", "image": "i"}]},
        "status": {
            "phase": "Running",
            "podIP": address,
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [container],
        },
    }


KINDS = {
    "services": [
        service("web", "shop", "10.96.0.1", 8080),
        service("orders", "shop", "10.96.0.2", 8080),
        service("kube-dns", "kube-system", "10.96.0.10", 53),
    ],
    "endpointslices": [
        piece("web", "shop", [("10.1.0.4", "web-1", "node-1"), ("10.1.0.5", "web-2", "node-2")], 8080),
        piece("kube-dns", "kube-system", [("10.1.0.9", "dns-1", "node-1")], 53),
    ],
    "pods": [
        pod("web-1", "shop", "web", "10.1.0.4", "node-1"),
        pod("web-2", "shop", "web", "10.1.0.5", "node-2"),
        pod("dns-1", "kube-system", "kube-dns", "10.1.0.9", "node-1"),
    ],
    "namespaces": [{"metadata": {"name": "shop"}}, {"metadata": {"name": "kube-system"}}],
}
LISTS = {"services": "ServiceList", "endpointslices": "EndpointSliceList", "pods": "PodList", "namespaces": "NamespaceList"}


class Api(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        parts = urllib.parse.urlsplit(self.path).path.strip("/").split("/")
        kind = parts[-1]
        namespace = parts[parts.index("namespaces") + 1] if "namespaces" in parts[:-1] else None
        if kind not in KINDS:
            status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
            return self.send(404, {**status, "message": f"there is no {kind}"})
        items = [item for item in KINDS[kind] if namespace in (None, item["metadata"].get("namespace"))]
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
        for condition in ",".join(query.get("fieldSelector", [])).split(","):
            if condition.startswith("metadata.namespace!="):
                left_out = condition.split("!=")[1]
                items = [item for item in items if item["metadata"].get("namespace") != left_out]
        version = "discovery.k8s.io/v1" if kind == "endpointslices" else "v1"
        self.send(200, {"kind": LISTS[kind], "apiVersion": version, "metadata": {"resourceVersion": "1"}, "items": items})

    def send(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
print(server.server_port, flush=True)
server.serve_forever()
