"""A program that uses py_eureka_client: argv[1] is the URL of the server. Commands come on standard input, one a line."""

import sys
import time

from py_eureka_client import eureka_client

eureka_client.init(
    eureka_server=sys.argv[1],
    app_name="shop",
    instance_ip="10.0.0.7",
    instance_host="h1",
    instance_port=8080,
    renewal_interval_in_secs=1,
    duration_in_secs=30,
    metadata={"region": "eu"},
)
print("=> started", flush=True)
for line in sys.stdin:
    command, *words = line.split()
    if command == "see":
        # The instances of an application that are up, once it has this number of them.
        name, count = words[0], int(words[1])
        while True:
            found = eureka_client.get_client().applications.get_application(name.upper()).up_instances
            if len(found) == count:
                break
            time.sleep(0.05)
        print("=>", *sorted(f"{one.ipAddr}:{one.port.port}" for one in found), flush=True)
    elif command == "stop":
        # The client's lock belongs to one event loop at a time: taken here while the heartbeat's has it, it is never free again.
        while eureka_client.get_client()._EurekaClient__net_lock.locked():
            time.sleep(0.01)
        eureka_client.stop()
        print("=> stopped", flush=True)
        break
