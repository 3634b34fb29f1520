# Sends questions to a DNS server by dnspython, and prints what it reads: query.py ADDRESS PORT QUESTIONS.
# QUESTIONS is a list in JSON, and so is the output, in the same order. A question has `name`, `type`, `edns` (a size, or null for
# none), `way`, and `picks` (how often to take the first SRV record in the order of RFC 2782). `way` is `udp`, `tcp`, `fallback`
# (UDP, then TCP if the reply is truncated), or `resolver` (dnspython's stub resolver).
import collections
import json
import socket
import sys

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.resolver

ADDRESS, PORT = sys.argv[1], int(sys.argv[2])
TIMEOUT = 60


def over_udp(query):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(TIMEOUT)
        client.sendto(query.to_wire(), (ADDRESS, PORT))
        wire = client.recv(65_535)
    reply = dns.message.from_wire(wire)
    assert query.is_response(reply), reply
    return reply, len(wire)


def records(section):
    return [line for records in section for line in records.to_text().splitlines()]


def resolved(name, kind):
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port, resolver.lifetime = [ADDRESS], PORT, TIMEOUT
    try:
        return {"answers": records([resolver.resolve(name, kind).rrset])}
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer, dns.resolver.NoNameservers) as error:
        return {"error": type(error).__name__}


def picked(reply, times):
    firsts = (reply.answer[0].processing_order()[0].port for _ in range(times))
    return {str(port): count for port, count in collections.Counter(firsts).items()}


def ask(name, type, way="udp", edns=None, picks=0):
    if way == "resolver":
        return resolved(name, type)

    query = dns.message.make_query(name, type, use_edns=False if edns is None else 0, payload=edns, flags=0)
    size, is_tcp = None, way == "tcp"
    if way == "udp":
        reply, size = over_udp(query)
    elif way == "tcp":
        reply = dns.query.tcp(query, ADDRESS, timeout=TIMEOUT, port=PORT)
    else:
        reply, is_tcp = dns.query.udp_with_fallback(query, ADDRESS, timeout=TIMEOUT, port=PORT)

    return {
        "status": dns.rcode.to_text(reply.rcode()),
        "authoritative": bool(reply.flags & dns.flags.AA),
        "truncated": bool(reply.flags & dns.flags.TC),
        "tcp": is_tcp,
        "size": size,
        "answers": records(reply.answer),
        "authorities": records(reply.authority),
        "additionals": records(reply.additional),
        "picks": picked(reply, picks) if picks else {},
    }


print(json.dumps([ask(**question) for question in json.loads(sys.argv[3])]))
