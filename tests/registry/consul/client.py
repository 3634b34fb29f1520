"""Uses a Python client of Consul, py-consul or python-consul: argv is the address and the port. Prints what it got."""

import json
import sys
import threading
import time

import consul


def show(what, value):
    print(what, json.dumps(value, sort_keys=True), flush=True)


def until(condition):
    """An agent writes to its catalog a moment after its reply."""
    for _ in range(400):
        if condition():
            return
        time.sleep(0.05)
    raise SystemExit("it never became so")


def nodes(passing=False, **options):
    _, entries = c.health.service("web", passing=passing, **options)
    return sorted((e["Service"]["ID"], e["Service"]["Port"], e["Service"]["Tags"]) for e in entries)


c = consul.Consul(host=sys.argv[1], port=int(sys.argv[2]))
show("leader", ":" in c.status.leader())
show("register", c.agent.service.register("web", service_id="w1", address="10.0.0.1", port=80, tags=["a", "b"]))
check = consul.Check.ttl("1h")
show("with check", c.agent.service.register("web", service_id="w2", address="10.0.0.2", port=81, check=check))
until(lambda: len(nodes()) == 2)
show("nodes", nodes())
show("passing", nodes(passing=True))
show("tag", nodes(tag="a"))

show("pass", c.agent.check.ttl_pass("service:w2", "well"))
until(lambda: len(nodes(passing=True)) == 2)
show("passing", nodes(passing=True))
services = c.agent.services()
show("agent", {key: [services[key][field] for field in ("Service", "Port", "Tags", "Address")] for key in ("w1", "w2")})
show("checks", {key: check["Status"] for key, check in c.agent.checks().items() if key.startswith("service:")})
_, catalog = c.catalog.services()
show("catalog", sorted(catalog["web"]))
_, entries = c.catalog.service("web")
show("catalog service", sorted([e["ServiceID"], e["ServiceAddress"], e["ServicePort"]] for e in entries))

# A blocking query wakes with the next registration.
index, _ = c.health.service("web")
late = threading.Timer(0.3, lambda: c.agent.service.register("web", service_id="w3", address="10.0.0.3", port=82))
late.start()
newer, _ = c.health.service("web", index=index, wait="60s")
show("woken", int(newer) > int(index))
late.join()
until(lambda: len(nodes()) == 3)

show("maintenance", c.agent.service.maintenance("w1", "true", "upgrade"))
until(lambda: len(nodes(passing=True)) == 2)
show("deregister", [c.agent.service.deregister(one) for one in ("w1", "w2", "w3")])
until(lambda: not nodes())
