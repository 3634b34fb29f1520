//! The usual services of ports.
//!
//! Names and numbers are IANA's assignments (Service Name and Transport Protocol Port Number Registry, public
//! domain) where a service has one and uses it, otherwise the default in the service's own documentation. The
//! choice of what is common enough to be here is portolan's own.

/// A port number that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortName {
    /// 1-65535.
    pub port: u16,
    /// The name, usable wherever a port is.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
}

const fn known(port: u16, name: &'static str, about: &'static str) -> PortName {
    PortName { port, name, about }
}

/// The name of a port, if it has one. A guess from the number alone.
pub fn port_name(port: u16) -> Option<&'static str> {
    PORT_NAMES.binary_search_by_key(&port, |known| known.port).ok().map(|at| PORT_NAMES[at].name)
}

/// Guesses for ports that programs of many kinds use, above all development servers: the mark says how little the number tells.
const DOUBTFUL: [(u16, &str); 5] =
    [(3000, "grafana?"), (5000, "registry?"), (8888, "jupyter?"), (9000, "cslistener?"), (10000, "ndmp?")];

/// What probably listens on a port, by its number alone. A `?` marks a guess that is often wrong.
pub(crate) fn port_guess(port: u16) -> Option<&'static str> {
    let doubtful = DOUBTFUL.iter().find(|(doubtful, _)| *doubtful == port);
    doubtful.map(|(_, guess)| *guess).or_else(|| port_name(port))
}

/// The built-in port names, by number; every name is unique.
#[rustfmt::skip]
pub static PORT_NAMES: &[PortName] = &[
    known(7, "echo", "Echo"),
    known(9, "discard", "Discard"),
    known(13, "daytime", "Daytime"),
    known(19, "chargen", "Character generator"),
    known(20, "ftp-data", "File Transfer, data"),
    known(21, "ftp", "File Transfer"),
    known(22, "ssh", "Secure Shell"),
    known(23, "telnet", "Telnet"),
    known(25, "smtp", "Mail transfer"),
    known(37, "time", "Time"),
    known(43, "whois", "Whois"),
    known(49, "tacacs", "TACACS+ login"),
    known(53, "domain", "Domain Name System"),
    known(67, "bootps", "DHCP server"),
    known(68, "bootpc", "DHCP client"),
    known(69, "tftp", "Trivial File Transfer"),
    known(70, "gopher", "Gopher"),
    known(79, "finger", "Finger"),
    known(80, "http", "World Wide Web"),
    known(88, "kerberos", "Kerberos"),
    known(102, "iso-tsap", "ISO transport (S7, MMS)"),
    known(104, "acr-nema", "DICOM imaging"),
    known(110, "pop3", "Mailbox access, POP3"),
    known(111, "sunrpc", "ONC RPC port mapper"),
    known(113, "ident", "Identification"),
    known(119, "nntp", "Network News"),
    known(123, "ntp", "Network Time"),
    known(135, "epmap", "Microsoft RPC endpoint mapper"),
    known(137, "netbios-ns", "NetBIOS names"),
    known(138, "netbios-dgm", "NetBIOS datagrams"),
    known(139, "netbios-ssn", "NetBIOS sessions"),
    known(143, "imap", "Mailbox access, IMAP"),
    known(161, "snmp", "Network management"),
    known(162, "snmptrap", "Network management, traps"),
    known(177, "xdmcp", "X display manager"),
    known(179, "bgp", "Border Gateway"),
    known(194, "irc", "Internet Relay Chat"),
    known(389, "ldap", "Directory access"),
    known(427, "svrloc", "Service Location"),
    known(443, "https", "World Wide Web over TLS; HTTP/3 on UDP"),
    known(445, "microsoft-ds", "SMB file sharing"),
    known(464, "kpasswd", "Kerberos passwords"),
    known(465, "submissions", "Mail submission over TLS"),
    known(500, "isakmp", "IPsec key exchange"),
    known(502, "mbap", "Modbus"),
    known(512, "exec", "Remote execution"),
    known(513, "login", "Remote login"),
    known(514, "syslog", "System log"),
    known(515, "printer", "Line printer"),
    known(520, "router", "RIP routing"),
    known(546, "dhcpv6-client", "DHCPv6 client"),
    known(547, "dhcpv6-server", "DHCPv6 server"),
    known(548, "afpovertcp", "Apple file sharing"),
    known(554, "rtsp", "Media streaming control"),
    known(587, "submission", "Mail submission"),
    known(623, "asf-rmcp", "IPMI remote management"),
    known(631, "ipp", "Internet Printing"),
    known(636, "ldaps", "Directory access over TLS"),
    known(646, "ldp", "MPLS label distribution"),
    known(655, "tinc", "tinc VPN"),
    known(853, "domain-s", "DNS over TLS or QUIC"),
    known(860, "iscsi", "iSCSI"),
    known(873, "rsync", "rsync"),
    known(902, "vmware-auth", "VMware server"),
    known(989, "ftps-data", "File Transfer over TLS, data"),
    known(990, "ftps", "File Transfer over TLS"),
    known(993, "imaps", "Mailbox access over TLS, IMAP"),
    known(995, "pop3s", "Mailbox access over TLS, POP3"),
    known(1080, "socks", "SOCKS proxy"),
    known(1099, "rmiregistry", "Java RMI"),
    known(1194, "openvpn", "OpenVPN"),
    known(1433, "ms-sql-s", "Microsoft SQL Server"),
    known(1434, "ms-sql-m", "Microsoft SQL Server browser"),
    known(1521, "oracle", "Oracle database"),
    known(1645, "radius-old", "RADIUS, former port"),
    known(1701, "l2tp", "L2TP tunnel"),
    known(1723, "pptp", "PPTP tunnel"),
    known(1812, "radius", "RADIUS"),
    known(1813, "radius-acct", "RADIUS accounting"),
    known(1883, "mqtt", "MQTT messages"),
    known(1900, "ssdp", "UPnP discovery"),
    known(1935, "rtmp", "Flash media streaming"),
    known(2049, "nfs", "Network File System"),
    known(2181, "zookeeper", "ZooKeeper"),
    known(2222, "ssh-alt", "Secure Shell, second port"),
    known(2375, "docker", "Docker API, no encryption"),
    known(2376, "docker-s", "Docker API over TLS"),
    known(2377, "swarm", "Docker Swarm"),
    known(2379, "etcd-client", "etcd, clients"),
    known(2380, "etcd-server", "etcd, peers"),
    known(2483, "ttc", "Oracle database, second port"),
    known(2888, "zookeeper-peer", "ZooKeeper, peers"),
    known(3000, "grafana", "Grafana; development web servers"),
    known(3128, "squid", "Squid web proxy"),
    known(3260, "iscsi-target", "iSCSI target"),
    known(3268, "msft-gc", "Active Directory global catalog"),
    known(3269, "msft-gc-ssl", "Active Directory global catalog over TLS"),
    known(3306, "mysql", "MySQL, MariaDB"),
    known(3389, "ms-wbt-server", "Remote Desktop"),
    known(3478, "stun", "STUN, TURN"),
    known(3632, "distcc", "Distributed compiler"),
    known(3690, "svn", "Subversion"),
    known(4222, "nats", "NATS messages"),
    known(4317, "otlp-grpc", "OpenTelemetry over gRPC"),
    known(4318, "otlp-http", "OpenTelemetry over HTTP"),
    known(4369, "epmd", "Erlang port mapper"),
    known(4500, "ipsec-nat-t", "IPsec through NAT"),
    known(4646, "nomad", "Nomad API"),
    known(4647, "nomad-rpc", "Nomad RPC"),
    known(4789, "vxlan", "VXLAN tunnel"),
    known(5000, "registry", "Container registry; development web servers"),
    known(5044, "beats", "Logstash Beats input"),
    known(5060, "sip", "Telephony signaling"),
    known(5061, "sips", "Telephony signaling over TLS"),
    known(5201, "iperf3", "iperf3"),
    known(5222, "xmpp-client", "XMPP, clients"),
    known(5269, "xmpp-server", "XMPP, servers"),
    known(5353, "mdns", "Multicast DNS"),
    known(5355, "llmnr", "Link-local name resolution"),
    known(5432, "postgresql", "PostgreSQL"),
    known(5555, "adb", "Android debug bridge"),
    known(5601, "kibana", "Kibana"),
    known(5671, "amqps", "AMQP over TLS"),
    known(5672, "amqp", "AMQP messages"),
    known(5683, "coap", "CoAP"),
    known(5684, "coaps", "CoAP over DTLS"),
    known(5900, "rfb", "VNC remote desktop"),
    known(5938, "teamviewer", "TeamViewer"),
    known(5984, "couchdb", "CouchDB"),
    known(5985, "wsman", "Windows remote management"),
    known(5986, "wsmans", "Windows remote management over TLS"),
    known(6000, "x11", "X Window System"),
    known(6081, "geneve", "Geneve tunnel"),
    known(6379, "redis", "Redis, Valkey"),
    known(6432, "pgbouncer", "PgBouncer"),
    known(6443, "kube-apiserver", "Kubernetes API"),
    known(6514, "syslog-tls", "System log over TLS"),
    known(6653, "openflow", "OpenFlow"),
    known(6667, "ircd", "Internet Relay Chat, common port"),
    known(6697, "ircs-u", "Internet Relay Chat over TLS"),
    known(6881, "bittorrent", "BitTorrent"),
    known(7000, "cassandra-peer", "Cassandra, peers"),
    known(7077, "spark", "Spark master"),
    known(7199, "cassandra-jmx", "Cassandra management"),
    known(7474, "neo4j", "Neo4j over HTTP"),
    known(7687, "bolt", "Neo4j Bolt"),
    known(7946, "docker-gossip", "Docker Swarm gossip"),
    known(8000, "http-dev", "Development web servers"),
    known(8009, "ajp13", "Tomcat AJP"),
    known(8080, "http-alt", "Web server, alternate"),
    known(8081, "http-alt-1", "Web server, alternate"),
    known(8086, "influxdb", "InfluxDB"),
    known(8088, "http-alt-8", "Web server, alternate"),
    known(8089, "splunk", "Splunk management"),
    known(8091, "couchbase", "Couchbase"),
    known(8123, "clickhouse", "ClickHouse over HTTP; Home Assistant"),
    known(8125, "statsd", "StatsD"),
    known(8200, "vault", "Vault"),
    known(8300, "consul-server", "Consul RPC"),
    known(8301, "consul-lan", "Consul gossip, LAN"),
    known(8302, "consul-wan", "Consul gossip, WAN"),
    known(8388, "shadowsocks", "Shadowsocks"),
    known(8443, "https-alt", "Web server over TLS, alternate"),
    known(8472, "otv", "Flannel VXLAN tunnel"),
    known(8500, "consul", "Consul HTTP API"),
    known(8502, "consul-grpc", "Consul gRPC"),
    known(8600, "consul-dns", "Consul DNS"),
    known(8883, "secure-mqtt", "MQTT over TLS"),
    known(8888, "jupyter", "Jupyter; web server, alternate"),
    known(9000, "cslistener", "MinIO, PHP-FPM, SonarQube"),
    known(9042, "cassandra", "Cassandra clients"),
    known(9090, "prometheus", "Prometheus"),
    known(9091, "pushgateway", "Prometheus Pushgateway"),
    known(9092, "kafka", "Kafka"),
    known(9093, "alertmanager", "Prometheus Alertmanager"),
    known(9100, "node-exporter", "Prometheus node exporter; raw printers (JetDirect)"),
    known(9115, "blackbox-exporter", "Prometheus blackbox exporter"),
    known(9121, "redis-exporter", "Prometheus Redis exporter"),
    known(9187, "postgres-exporter", "Prometheus PostgreSQL exporter"),
    known(9200, "elasticsearch", "Elasticsearch, OpenSearch"),
    known(9300, "elasticsearch-peer", "Elasticsearch, peers"),
    known(9418, "git", "Git"),
    known(10000, "ndmp", "Webmin; NDMP backup"),
    known(10050, "zabbix-agent", "Zabbix agent"),
    known(10051, "zabbix-trapper", "Zabbix server"),
    known(10248, "kubelet-healthz", "Kubelet health"),
    known(10249, "kube-proxy-metrics", "kube-proxy metrics"),
    known(10250, "kubelet", "Kubelet API"),
    known(10256, "kube-proxy-healthz", "kube-proxy health"),
    known(10257, "kube-controller-manager", "Kubernetes controller manager"),
    known(10259, "kube-scheduler", "Kubernetes scheduler"),
    known(11211, "memcache", "memcached"),
    known(11434, "ollama", "Ollama"),
    known(15672, "rabbitmq-management", "RabbitMQ management"),
    known(19132, "minecraft-bedrock", "Minecraft, Bedrock edition"),
    known(20048, "mountd", "NFS mount"),
    known(25565, "minecraft", "Minecraft, Java edition"),
    known(25672, "rabbitmq-peer", "RabbitMQ, peers"),
    known(26257, "cockroachdb", "CockroachDB"),
    known(27015, "source-engine", "Source engine game servers"),
    known(27017, "mongodb", "MongoDB"),
    known(32400, "plex", "Plex media server"),
    known(41641, "tailscale", "Tailscale"),
    known(44818, "ethernet-ip", "EtherNet/IP"),
    known(47808, "bacnet", "BACnet"),
    known(50000, "db2", "Db2"),
    known(51820, "wireguard", "WireGuard"),
    known(61616, "activemq", "ActiveMQ"),
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ports_are_in_order_and_names_are_unique_words() {
        assert!(PORT_NAMES.is_sorted_by(|a, b| a.port < b.port));
        let mut names = HashSet::new();
        for known in PORT_NAMES {
            assert!(names.insert(known.name), "{} stands twice", known.name);
            assert!(known.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            assert!(known.name.bytes().any(|b| b.is_ascii_lowercase()), "{} looks like a number", known.name);
        }
    }

    #[test]
    fn a_guess_that_is_often_wrong_is_marked() {
        for (port, guess) in DOUBTFUL {
            assert_eq!(port_guess(port).and_then(|guess| guess.strip_suffix('?')), port_name(port), "{guess}");
        }
        assert_eq!((port_guess(5432), port_guess(5433)), (Some("postgresql"), None));
    }

    #[test]
    fn a_port_is_found_by_its_number() {
        assert_eq!(port_name(5432), Some("postgresql"));
        assert_eq!(port_name(5433), None);
    }
}
