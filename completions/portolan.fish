# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_portolan_global_optspecs
    string join \n config= o/output= json color= q/quiet h/help V/version
end

function __fish_portolan_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_portolan_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_portolan_using_subcommand
    set -l cmd (__fish_portolan_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c portolan -n "__fish_portolan_needs_command" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_needs_command" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_needs_command" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_needs_command" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_needs_command" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_needs_command" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "local" -d 'List what listens on this machine; short for `discover local`'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "scan" -d 'Find the open ports of hosts; short for `discover scan`'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "discover" -d 'List the services of this machine, other hosts, a cluster, a registry or a file'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "who" -d 'Show who holds a port: process, command line, unit or container, and since when'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "kill" -d 'End the process that listens on a TCP port'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "free-port" -d 'Print a port that is free and that you may listen on'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "validate" -d 'Check services and score their health; every deduction is explained'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "score" -d 'Score services again from the evidence of `portolan validate --evidence`'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "wait" -d 'Wait until every target accepts connections, then exit or run a command'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "resolve" -d 'Print an endpoint of a service for the next call'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "register" -d 'Register a service, and keep it registered while a program runs'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "deregister" -d 'Remove instances from a registry'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "services" -d 'List, show and change the services of a registry'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "status" -d 'Show the state of a registry that `portolan serve` runs: version, store, index, counts, uptime'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "health" -d 'Check the instances of a registry that `portolan serve` runs, or show what its checks found'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "audit" -d 'Read the audit log of a registry that `portolan serve` runs: who did what, when, from where, with which result'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "export" -d 'Write the instances of services as a proxy configuration'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "drift" -d 'Compare registries with what listens on this machine and what replies'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "agent" -d 'Register what listens on this host, and report where host and registry disagree'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "sync" -d 'Copy the services of one registry to another'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "doctor" -d 'Find problems with this machine, a registry or a service, and say what to do'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "explain" -d 'Explain a finding: what it means, what it costs, what to do about it'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "serve" -d 'Run a registry server: services register over HTTP, clients discover them'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "key" -d 'Create, list and revoke the API keys of `portolan serve`'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "db" -d 'Inspect, migrate, back up and copy the databases of `portolan serve`'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "bench" -d 'Measure the latency of a registry under load'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "ports" -d 'List the built-in port names that --ports accepts in place of numbers'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "completions" -d 'Print a shell completion script, or install it'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "man" -d 'Write one manual page per command to a directory, or install the pages'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "config" -d 'Show portolan\'s settings, or read and write configurations that a registry keeps for services'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand local" -s p -l ports -d 'Show only these ports: numbers, ranges and names, as in 22,80,8000-9000,https' -r
complete -c portolan -n "__fish_portolan_using_subcommand local" -l state -d 'Show only sockets in these states [default: all but connected]' -r -f -a "listen\t'TCP and Unix-domain: accepts connections'
unconnected\t'UDP and Unix-domain datagrams: accepts packets from any peer'
connected\t'UDP: accepts packets from one peer only'
published\t'A firewall rule forwards connections elsewhere, for example to a container; no socket here accepts them'"
complete -c portolan -n "__fish_portolan_using_subcommand local" -l process -d 'Show only listeners of processes whose name matches: `*`, `?`, `[a-z]`' -r
complete -c portolan -n "__fish_portolan_using_subcommand local" -l user -d 'Show only listeners that this user opened or holds, by name or number' -r -f -a "(__fish_complete_users)"
complete -c portolan -n "__fish_portolan_using_subcommand local" -l interface -d 'Show only listeners that are reachable through this interface' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand local" -l ca -d 'With --validate, trust the certificates in this file (PEM) instead of the system\'s roots' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand local" -l pin -d 'With --validate, trust the certificate with this SHA-256 and no other' -r
complete -c portolan -n "__fish_portolan_using_subcommand local" -l server-name -d 'With --validate, send this server name in TLS and in the Host header of HTTP, and require it of certificates' -r
complete -c portolan -n "__fish_portolan_using_subcommand local" -l cert -d 'With --validate, present this client certificate to servers that require one: a PEM file with its chain' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand local" -l key -d 'Use this private key for --cert: a PEM file [default: the file of --cert]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand local" -l fail-findings -d 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one' -r -f -a "advice\t'Advice: the service works'
degraded\t'The service works, but needs attention soon: the finding limits the score below 80'
unhealthy\t'A normal client cannot use the service now: the finding limits the score below 50'"
complete -c portolan -n "__fish_portolan_using_subcommand local" -l hand-to -d 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand local" -l diff -d 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand local" -l columns -d 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones' -r
complete -c portolan -n "__fish_portolan_using_subcommand local" -l sort -d 'Sort by a column; FIELD:desc sorts in reverse' -r
complete -c portolan -n "__fish_portolan_using_subcommand local" -l group-by -d 'Put the rows of each process, port, interface, unit, or other column under a heading' -r
complete -c portolan -n "__fish_portolan_using_subcommand local" -l intensity -d 'Set how many probes to send to ports whose numbers suggest no protocol' -r -f -a "light\t'Probes that the port number suggests, and HTTP: at most 5 connections per port'
normal\t'Also TLS and most other probes: at most 18 connections per port'
all\t'Also RTSP, all probes after an unknown greeting, and ports of printers, which may print what they receive, and of machine controllers, which may stop; waits longer for a greeting before it sends anything'"
complete -c portolan -n "__fish_portolan_using_subcommand local" -l identify-timeout -d 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]' -r
complete -c portolan -n "__fish_portolan_using_subcommand local" -l probes -d 'Add the probes in this TOML file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand local" -l interval -d 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand local" -l for -d 'Stop after this time' -r
complete -c portolan -n "__fish_portolan_using_subcommand local" -l count -d 'Stop after N changes (services present at the start do not count)' -r
complete -c portolan -n "__fish_portolan_using_subcommand local" -l until -d 'Stop at the first event that matches, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand local" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand local" -l webhook -d 'POST each change to this URL, with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand local" -l rise -d 'Report a service as better after N better results in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand local" -l fall -d 'Report a service as worse after N worse results in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand local" -l min-score -d 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]' -r
complete -c portolan -n "__fish_portolan_using_subcommand local" -l register -d 'Register what the rules of this TOML file match, for as long as it listens' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand local" -l registry -l server -d 'Use this registry for --register, as in consul://127.0.0.1:8500 [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand local" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand local" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand local" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand local" -l common-ports -d 'Show only ports that have a name in `portolan ports`'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l tcp -d 'Show TCP listeners [default: TCP and UDP]'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l udp -d 'Show UDP sockets'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l unix -d 'Show Unix-domain listeners'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l udplite -d 'Show UDP-Lite sockets'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l raw -d 'Show raw sockets, which receive the packets of an IP protocol (ping has one)'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l packet -d 'Show packet sockets, which receive the frames of network interfaces (tcpdump has one)'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l vsock -d 'Show vsock sockets, which connect virtual machines and their host (needs the kernel module vsock_diag)'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l skip-loopback -d 'Leave out listeners that only this host can reach'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l skip-private -d 'Leave out listeners bound to a private address'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l exposed -d 'Show only listeners that another host could reach, by addresses, interfaces and firewall rules'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l all-netns -d 'Include every network namespace of this machine (needs root)'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l runtime -d 'Show the names and images of containers, from the sockets of docker, podman, containerd and CRI-O'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l connections -d 'List connections instead of listeners; each has the processes of both ends, if both are on this machine'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l fail-empty -d 'Exit with 1 if nothing is found'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l strict -d 'Exit with 4 if a missing permission hides requested data, such as an owner'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l fail-changed -d 'Exit with 1 if --diff finds any difference'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l counts -d 'With --group-by, print only the number of rows for each value, the largest first'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l tree -d 'Show listeners below their processes, and processes below those that started them'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l no-headers -d 'Leave out the line with the names of the columns'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l identify -d 'Identify each service: protocol, product, version'
complete -c portolan -n "__fish_portolan_using_subcommand local" -s w -l watch -d 'Keep running and report every change; Ctrl-C ends the watch with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l lines -d 'Print lines even on a terminal, instead of the live table'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l validate -d 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown'
complete -c portolan -n "__fish_portolan_using_subcommand local" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand local" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand local" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand local" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l interface -d 'Scan the networks of this interface' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l exclude -d 'Skip these targets' -r -f -a "(__fish_print_hostnames)"
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l exclude-file -d 'Skip the targets in this file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s p -l ports -d 'Scan these ports, such as 22,80,8000-9000 or - for all; https and other names are ports too, and U:53,161,T:80 selects UDP and TCP' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l top-ports -d 'Scan the N most common ports [default: 1000]; with --udp, the N most common UDP ports' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l exclude-ports -d 'Skip these ports' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s T -l pace -d 'Set the speed of the scan' -r -f -a "polite\t'At most 200 probes per second and 16 open at a time, for networks that must not be disturbed'
normal\t'As fast as replies arrive'
fast\t'Like normal, with shorter timeouts and a larger initial window, for a reliable network'"
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l rate -d 'Send at most N probes per second in total' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l timeout -d 'Set the maximum timeout of one attempt, as in 500ms or 2s; the actual timeout adapts to the measured round trips' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l retries -d 'Retry a silent port at most N times [default: as the measured packet loss requires]' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l deadline -d 'Stop the whole scan after this time, even if it is incomplete' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l source-address -d 'Send probes from this address of this machine' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l source-port -d 'Send probes from this port' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l proxy -d 'Connect through this proxy: socks5://host:1080, or http://host:8080 for HTTP CONNECT' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l shard -d 'Scan one of N parts, as in 3/16: N machines share the scan, and no probe is sent twice' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l resume -d 'Store the progress of the scan in this file, and resume from it if it exists' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l resolver -d 'Query these DNS servers for --names, at most 3: 10.0.0.53:53 [default: the system\'s]' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l ca -d 'With --validate, trust the certificates in this file (PEM) instead of the system\'s roots' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l pin -d 'With --validate, trust the certificate with this SHA-256 and no other' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l server-name -d 'With --validate, send this server name in TLS and in the Host header of HTTP, and require it of certificates' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l cert -d 'With --validate, present this client certificate to servers that require one: a PEM file with its chain' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l key -d 'Use this private key for --cert: a PEM file [default: the file of --cert]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l fail-findings -d 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one' -r -f -a "advice\t'Advice: the service works'
degraded\t'The service works, but needs attention soon: the finding limits the score below 80'
unhealthy\t'A normal client cannot use the service now: the finding limits the score below 50'"
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l hand-to -d 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l diff -d 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l columns -d 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l sort -d 'Sort by a column; FIELD:desc sorts in reverse' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l group-by -d 'Put the rows of each process, port, interface, unit, or other column under a heading' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l intensity -d 'Set how many probes to send to ports whose numbers suggest no protocol' -r -f -a "light\t'Probes that the port number suggests, and HTTP: at most 5 connections per port'
normal\t'Also TLS and most other probes: at most 18 connections per port'
all\t'Also RTSP, all probes after an unknown greeting, and ports of printers, which may print what they receive, and of machine controllers, which may stop; waits longer for a greeting before it sends anything'"
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l identify-timeout -d 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l probes -d 'Add the probes in this TOML file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l interval -d 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l for -d 'Stop after this time' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l count -d 'Stop after N changes (services present at the start do not count)' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l until -d 'Stop at the first event that matches, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l webhook -d 'POST each change to this URL, with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l rise -d 'Report a service as better after N better results in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l fall -d 'Report a service as worse after N worse results in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l min-score -d 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s 4 -l ipv4 -d 'Scan IPv4 addresses only'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s 6 -l ipv6 -d 'Scan IPv6 addresses only'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s y -l yes -d 'Do not ask before a scan of more than 1,048,576 probes'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s U -l udp -d 'Scan UDP ports instead of TCP [default ports: those with a probe]'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l syn -d 'Scan TCP ports with half-open connections, which no program on the host sees; needs CAP_NET_RAW'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l no-ping -d 'Scan every port of every host, without host discovery'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l discover-only -d 'Find out which hosts are up, and scan no ports (-sn)'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l all -d 'List closed, filtered and unreachable ports too'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l open -d 'List open ports only, even if the settings say --all'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l names -d 'Look up the names of found hosts in DNS (PTR records)'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l reason -d 'Show the reason for each state in the table'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l fail-empty -d 'Exit with 1 if nothing is found'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l strict -d 'Exit with 4 if a missing permission hides requested data, such as an owner'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l fail-changed -d 'Exit with 1 if --diff finds any difference'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l counts -d 'With --group-by, print only the number of rows for each value, the largest first'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l tree -d 'Show listeners below their processes, and processes below those that started them'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l no-headers -d 'Leave out the line with the names of the columns'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l identify -d 'Identify each service: protocol, product, version'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s w -l watch -d 'Keep running and report every change; Ctrl-C ends the watch with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l lines -d 'Print lines even on a terminal, instead of the live table'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l validate -d 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l fail-findings -d 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one' -r -f -a "advice\t'Advice: the service works'
degraded\t'The service works, but needs attention soon: the finding limits the score below 80'
unhealthy\t'A normal client cannot use the service now: the finding limits the score below 50'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l hand-to -d 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l diff -d 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l columns -d 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l sort -d 'Sort by a column; FIELD:desc sorts in reverse' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l group-by -d 'Put the rows of each process, port, interface, unit, or other column under a heading' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l intensity -d 'Set how many probes to send to ports whose numbers suggest no protocol' -r -f -a "light\t'Probes that the port number suggests, and HTTP: at most 5 connections per port'
normal\t'Also TLS and most other probes: at most 18 connections per port'
all\t'Also RTSP, all probes after an unknown greeting, and ports of printers, which may print what they receive, and of machine controllers, which may stop; waits longer for a greeting before it sends anything'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l identify-timeout -d 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l probes -d 'Add the probes in this TOML file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l interval -d 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l for -d 'Stop after this time' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l count -d 'Stop after N changes (services present at the start do not count)' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l until -d 'Stop at the first event that matches, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l webhook -d 'POST each change to this URL, with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l rise -d 'Report a service as better after N better results in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l fall -d 'Report a service as worse after N worse results in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l min-score -d 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l fail-empty -d 'Exit with 1 if nothing is found'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l strict -d 'Exit with 4 if a missing permission hides requested data, such as an owner'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l fail-changed -d 'Exit with 1 if --diff finds any difference'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l counts -d 'With --group-by, print only the number of rows for each value, the largest first'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l tree -d 'Show listeners below their processes, and processes below those that started them'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l no-headers -d 'Leave out the line with the names of the columns'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l identify -d 'Identify each service: protocol, product, version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -s w -l watch -d 'Keep running and report every change; Ctrl-C ends the watch with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l lines -d 'Print lines even on a terminal, instead of the live table'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l validate -d 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -f -a "local" -d 'List what listens on this machine: addresses, processes, owners'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -f -a "scan" -d 'Find open ports on hosts'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -f -a "k8s" -d 'List the services of a Kubernetes cluster, with endpoints, pods, nodes and findings'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -f -a "consul" -d 'List the services of Consul, with their instances and Consul\'s own checks'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -f -a "etcd" -d 'List the services that programs registered in etcd'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -f -a "portolan" -d 'List the services of a registry that `portolan serve` runs'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -f -a "dns" -d 'List the instances of services in DNS, from SRV, A, AAAA and TXT records'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -f -a "file" -d 'List the services that a file declares'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s consul etcd portolan dns file help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -s p -l ports -d 'Show only these ports: numbers, ranges and names, as in 22,80,8000-9000,https' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l state -d 'Show only sockets in these states [default: all but connected]' -r -f -a "listen\t'TCP and Unix-domain: accepts connections'
unconnected\t'UDP and Unix-domain datagrams: accepts packets from any peer'
connected\t'UDP: accepts packets from one peer only'
published\t'A firewall rule forwards connections elsewhere, for example to a container; no socket here accepts them'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l process -d 'Show only listeners of processes whose name matches: `*`, `?`, `[a-z]`' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l user -d 'Show only listeners that this user opened or holds, by name or number' -r -f -a "(__fish_complete_users)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l interface -d 'Show only listeners that are reachable through this interface' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l ca -d 'With --validate, trust the certificates in this file (PEM) instead of the system\'s roots' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l pin -d 'With --validate, trust the certificate with this SHA-256 and no other' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l server-name -d 'With --validate, send this server name in TLS and in the Host header of HTTP, and require it of certificates' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l cert -d 'With --validate, present this client certificate to servers that require one: a PEM file with its chain' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l key -d 'Use this private key for --cert: a PEM file [default: the file of --cert]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l fail-findings -d 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one' -r -f -a "advice\t'Advice: the service works'
degraded\t'The service works, but needs attention soon: the finding limits the score below 80'
unhealthy\t'A normal client cannot use the service now: the finding limits the score below 50'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l hand-to -d 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l diff -d 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l columns -d 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l sort -d 'Sort by a column; FIELD:desc sorts in reverse' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l group-by -d 'Put the rows of each process, port, interface, unit, or other column under a heading' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l intensity -d 'Set how many probes to send to ports whose numbers suggest no protocol' -r -f -a "light\t'Probes that the port number suggests, and HTTP: at most 5 connections per port'
normal\t'Also TLS and most other probes: at most 18 connections per port'
all\t'Also RTSP, all probes after an unknown greeting, and ports of printers, which may print what they receive, and of machine controllers, which may stop; waits longer for a greeting before it sends anything'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l identify-timeout -d 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l probes -d 'Add the probes in this TOML file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l interval -d 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l for -d 'Stop after this time' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l count -d 'Stop after N changes (services present at the start do not count)' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l until -d 'Stop at the first event that matches, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l webhook -d 'POST each change to this URL, with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l rise -d 'Report a service as better after N better results in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l fall -d 'Report a service as worse after N worse results in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l min-score -d 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l common-ports -d 'Show only ports that have a name in `portolan ports`'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l tcp -d 'Show TCP listeners [default: TCP and UDP]'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l udp -d 'Show UDP sockets'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l unix -d 'Show Unix-domain listeners'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l udplite -d 'Show UDP-Lite sockets'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l raw -d 'Show raw sockets, which receive the packets of an IP protocol (ping has one)'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l packet -d 'Show packet sockets, which receive the frames of network interfaces (tcpdump has one)'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l vsock -d 'Show vsock sockets, which connect virtual machines and their host (needs the kernel module vsock_diag)'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l skip-loopback -d 'Leave out listeners that only this host can reach'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l skip-private -d 'Leave out listeners bound to a private address'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l exposed -d 'Show only listeners that another host could reach, by addresses, interfaces and firewall rules'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l all-netns -d 'Include every network namespace of this machine (needs root)'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l runtime -d 'Show the names and images of containers, from the sockets of docker, podman, containerd and CRI-O'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l connections -d 'List connections instead of listeners; each has the processes of both ends, if both are on this machine'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l fail-empty -d 'Exit with 1 if nothing is found'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l strict -d 'Exit with 4 if a missing permission hides requested data, such as an owner'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l fail-changed -d 'Exit with 1 if --diff finds any difference'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l counts -d 'With --group-by, print only the number of rows for each value, the largest first'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l tree -d 'Show listeners below their processes, and processes below those that started them'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l no-headers -d 'Leave out the line with the names of the columns'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l identify -d 'Identify each service: protocol, product, version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -s w -l watch -d 'Keep running and report every change; Ctrl-C ends the watch with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l lines -d 'Print lines even on a terminal, instead of the live table'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l validate -d 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l interface -d 'Scan the networks of this interface' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l exclude -d 'Skip these targets' -r -f -a "(__fish_print_hostnames)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l exclude-file -d 'Skip the targets in this file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s p -l ports -d 'Scan these ports, such as 22,80,8000-9000 or - for all; https and other names are ports too, and U:53,161,T:80 selects UDP and TCP' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l top-ports -d 'Scan the N most common ports [default: 1000]; with --udp, the N most common UDP ports' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l exclude-ports -d 'Skip these ports' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s T -l pace -d 'Set the speed of the scan' -r -f -a "polite\t'At most 200 probes per second and 16 open at a time, for networks that must not be disturbed'
normal\t'As fast as replies arrive'
fast\t'Like normal, with shorter timeouts and a larger initial window, for a reliable network'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l rate -d 'Send at most N probes per second in total' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l timeout -d 'Set the maximum timeout of one attempt, as in 500ms or 2s; the actual timeout adapts to the measured round trips' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l retries -d 'Retry a silent port at most N times [default: as the measured packet loss requires]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l deadline -d 'Stop the whole scan after this time, even if it is incomplete' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l source-address -d 'Send probes from this address of this machine' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l source-port -d 'Send probes from this port' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l proxy -d 'Connect through this proxy: socks5://host:1080, or http://host:8080 for HTTP CONNECT' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l shard -d 'Scan one of N parts, as in 3/16: N machines share the scan, and no probe is sent twice' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l resume -d 'Store the progress of the scan in this file, and resume from it if it exists' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l resolver -d 'Query these DNS servers for --names, at most 3: 10.0.0.53:53 [default: the system\'s]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l ca -d 'With --validate, trust the certificates in this file (PEM) instead of the system\'s roots' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l pin -d 'With --validate, trust the certificate with this SHA-256 and no other' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l server-name -d 'With --validate, send this server name in TLS and in the Host header of HTTP, and require it of certificates' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l cert -d 'With --validate, present this client certificate to servers that require one: a PEM file with its chain' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l key -d 'Use this private key for --cert: a PEM file [default: the file of --cert]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l fail-findings -d 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one' -r -f -a "advice\t'Advice: the service works'
degraded\t'The service works, but needs attention soon: the finding limits the score below 80'
unhealthy\t'A normal client cannot use the service now: the finding limits the score below 50'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l hand-to -d 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l diff -d 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l columns -d 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l sort -d 'Sort by a column; FIELD:desc sorts in reverse' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l group-by -d 'Put the rows of each process, port, interface, unit, or other column under a heading' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l intensity -d 'Set how many probes to send to ports whose numbers suggest no protocol' -r -f -a "light\t'Probes that the port number suggests, and HTTP: at most 5 connections per port'
normal\t'Also TLS and most other probes: at most 18 connections per port'
all\t'Also RTSP, all probes after an unknown greeting, and ports of printers, which may print what they receive, and of machine controllers, which may stop; waits longer for a greeting before it sends anything'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l identify-timeout -d 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l probes -d 'Add the probes in this TOML file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l interval -d 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l for -d 'Stop after this time' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l count -d 'Stop after N changes (services present at the start do not count)' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l until -d 'Stop at the first event that matches, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l webhook -d 'POST each change to this URL, with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l rise -d 'Report a service as better after N better results in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l fall -d 'Report a service as worse after N worse results in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l min-score -d 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s 4 -l ipv4 -d 'Scan IPv4 addresses only'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s 6 -l ipv6 -d 'Scan IPv6 addresses only'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s y -l yes -d 'Do not ask before a scan of more than 1,048,576 probes'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s U -l udp -d 'Scan UDP ports instead of TCP [default ports: those with a probe]'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l syn -d 'Scan TCP ports with half-open connections, which no program on the host sees; needs CAP_NET_RAW'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l no-ping -d 'Scan every port of every host, without host discovery'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l discover-only -d 'Find out which hosts are up, and scan no ports (-sn)'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l all -d 'List closed, filtered and unreachable ports too'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l open -d 'List open ports only, even if the settings say --all'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l names -d 'Look up the names of found hosts in DNS (PTR records)'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l reason -d 'Show the reason for each state in the table'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l fail-empty -d 'Exit with 1 if nothing is found'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l strict -d 'Exit with 4 if a missing permission hides requested data, such as an owner'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l fail-changed -d 'Exit with 1 if --diff finds any difference'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l counts -d 'With --group-by, print only the number of rows for each value, the largest first'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l tree -d 'Show listeners below their processes, and processes below those that started them'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l no-headers -d 'Leave out the line with the names of the columns'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l identify -d 'Identify each service: protocol, product, version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s w -l watch -d 'Keep running and report every change; Ctrl-C ends the watch with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l lines -d 'Print lines even on a terminal, instead of the live table'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l validate -d 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -s n -l namespace -d 'List the services of these namespaces, as in shop or \'team-*\' [default: the context\'s]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l exclude-namespace -d 'With -A, leave out the services of these namespaces' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -s l -l selector -d 'List only objects with these labels, as in app=web,tier!=test or \'env in (dev,qa)\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l field-selector -d 'List only objects with these fields, as in metadata.name=web' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l kubeconfig -d 'Read this kubeconfig; in a list, the first file to set a value wins [default: ~/.kube/config]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l context -d 'Use this context of the kubeconfig [default: its current one]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l via -d 'With --validate, send HTTP checks through the API server\'s proxy, for endpoints unreachable from here' -r -f -a "api-proxy\t'The API server\'s proxy'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l resolver -d 'Resolve external names with these resolvers instead of the system\'s, as in 10.96.0.10 or 127.0.0.1:5353' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l timeout -d 'Set the maximum duration of one request, as in 500ms or 10s' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l deadline -d 'Stop the whole run after this time, even if it is incomplete [default: 2m for the API server, none for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l fail-findings -d 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one' -r -f -a "advice\t'Advice: the service works'
degraded\t'The service works, but needs attention soon: the finding limits the score below 80'
unhealthy\t'A normal client cannot use the service now: the finding limits the score below 50'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l hand-to -d 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l diff -d 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l columns -d 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l sort -d 'Sort by a column; FIELD:desc sorts in reverse' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l group-by -d 'Put the rows of each process, port, interface, unit, or other column under a heading' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l intensity -d 'Set how many probes to send to ports whose numbers suggest no protocol' -r -f -a "light\t'Probes that the port number suggests, and HTTP: at most 5 connections per port'
normal\t'Also TLS and most other probes: at most 18 connections per port'
all\t'Also RTSP, all probes after an unknown greeting, and ports of printers, which may print what they receive, and of machine controllers, which may stop; waits longer for a greeting before it sends anything'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l identify-timeout -d 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l probes -d 'Add the probes in this TOML file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l interval -d 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l for -d 'Stop after this time' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l count -d 'Stop after N changes (services present at the start do not count)' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l until -d 'Stop at the first event that matches, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l webhook -d 'POST each change to this URL, with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l rise -d 'Report a service as better after N better results in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l fall -d 'Report a service as worse after N worse results in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l min-score -d 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -s A -l all-namespaces -d 'List the services of all namespaces'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l pods -d 'List pods too, with their container ports and the services that select them'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l ingress -d 'List Ingresses and Gateway API routes too: hosts, paths and backends'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l in-cluster -d 'Use the pod\'s service account; the default in a pod without a kubeconfig'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l allow-exec -d 'Run the program that the kubeconfig names for credentials'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l fail-empty -d 'Exit with 1 if nothing is found'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l strict -d 'Exit with 4 if a missing permission hides requested data, such as an owner'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l fail-changed -d 'Exit with 1 if --diff finds any difference'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l counts -d 'With --group-by, print only the number of rows for each value, the largest first'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l tree -d 'Show listeners below their processes, and processes below those that started them'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l no-headers -d 'Leave out the line with the names of the columns'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l identify -d 'Identify each service: protocol, product, version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -s w -l watch -d 'Keep running and report every change; Ctrl-C ends the watch with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l lines -d 'Print lines even on a terminal, instead of the live table'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l validate -d 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l tag -d 'List only instances with this tag; can be repeated, and then all tags are required' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l datacenter -d 'List the services of this datacenter [default: the agent\'s]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l namespace -d 'List the services of this namespace (Consul Enterprise)' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l partition -d 'List the services of this admin partition (Consul Enterprise)' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l address -d 'Use this agent or server: host:port, https://host:port or unix:///path [default: 127.0.0.1:8500]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l token-file -d 'Read the ACL token from this file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l ca -d 'Trust the certificate authorities of this PEM file instead of the system\'s' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l cert -d 'Present the client certificate of this PEM file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l key -d 'Use the private key of this PEM file for --cert' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l tls-server-name -d 'Expect this name in the server\'s certificate [default: the host of the address]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l timeout -d 'Set the maximum duration of one request, as in 500ms or 10s' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l fail-findings -d 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one' -r -f -a "advice\t'Advice: the service works'
degraded\t'The service works, but needs attention soon: the finding limits the score below 80'
unhealthy\t'A normal client cannot use the service now: the finding limits the score below 50'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l hand-to -d 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l diff -d 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l columns -d 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l sort -d 'Sort by a column; FIELD:desc sorts in reverse' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l group-by -d 'Put the rows of each process, port, interface, unit, or other column under a heading' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l intensity -d 'Set how many probes to send to ports whose numbers suggest no protocol' -r -f -a "light\t'Probes that the port number suggests, and HTTP: at most 5 connections per port'
normal\t'Also TLS and most other probes: at most 18 connections per port'
all\t'Also RTSP, all probes after an unknown greeting, and ports of printers, which may print what they receive, and of machine controllers, which may stop; waits longer for a greeting before it sends anything'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l identify-timeout -d 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l probes -d 'Add the probes in this TOML file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l interval -d 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l for -d 'Stop after this time' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l count -d 'Stop after N changes (services present at the start do not count)' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l until -d 'Stop at the first event that matches, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l webhook -d 'POST each change to this URL, with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l rise -d 'Report a service as better after N better results in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l fall -d 'Report a service as worse after N worse results in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l min-score -d 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l fail-empty -d 'Exit with 1 if nothing is found'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l strict -d 'Exit with 4 if a missing permission hides requested data, such as an owner'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l fail-changed -d 'Exit with 1 if --diff finds any difference'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l counts -d 'With --group-by, print only the number of rows for each value, the largest first'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l tree -d 'Show listeners below their processes, and processes below those that started them'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l no-headers -d 'Leave out the line with the names of the columns'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l identify -d 'Identify each service: protocol, product, version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -s w -l watch -d 'Keep running and report every change; Ctrl-C ends the watch with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l lines -d 'Print lines even on a terminal, instead of the live table'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l validate -d 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from consul" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l prefix -d 'Read the keys that start with this text [default: /services/]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l endpoint -d 'Use these servers; if one fails, portolan uses the next: host:port or https://host:port [default: 127.0.0.1:2379]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l user -d 'Log in as this user' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l password-file -d 'Read the user\'s password from this file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l ca -d 'Trust the certificate authorities of this PEM file instead of the system\'s' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l cert -d 'Present the client certificate of this PEM file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l key -d 'Use the private key of this PEM file for --cert' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l timeout -d 'Set the maximum duration of one request, as in 500ms or 10s' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l fail-findings -d 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one' -r -f -a "advice\t'Advice: the service works'
degraded\t'The service works, but needs attention soon: the finding limits the score below 80'
unhealthy\t'A normal client cannot use the service now: the finding limits the score below 50'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l hand-to -d 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l diff -d 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l columns -d 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l sort -d 'Sort by a column; FIELD:desc sorts in reverse' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l group-by -d 'Put the rows of each process, port, interface, unit, or other column under a heading' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l intensity -d 'Set how many probes to send to ports whose numbers suggest no protocol' -r -f -a "light\t'Probes that the port number suggests, and HTTP: at most 5 connections per port'
normal\t'Also TLS and most other probes: at most 18 connections per port'
all\t'Also RTSP, all probes after an unknown greeting, and ports of printers, which may print what they receive, and of machine controllers, which may stop; waits longer for a greeting before it sends anything'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l identify-timeout -d 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l probes -d 'Add the probes in this TOML file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l interval -d 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l for -d 'Stop after this time' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l count -d 'Stop after N changes (services present at the start do not count)' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l until -d 'Stop at the first event that matches, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l webhook -d 'POST each change to this URL, with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l rise -d 'Report a service as better after N better results in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l fall -d 'Report a service as worse after N worse results in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l min-score -d 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l fail-empty -d 'Exit with 1 if nothing is found'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l strict -d 'Exit with 4 if a missing permission hides requested data, such as an owner'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l fail-changed -d 'Exit with 1 if --diff finds any difference'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l counts -d 'With --group-by, print only the number of rows for each value, the largest first'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l tree -d 'Show listeners below their processes, and processes below those that started them'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l no-headers -d 'Leave out the line with the names of the columns'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l identify -d 'Identify each service: protocol, product, version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -s w -l watch -d 'Keep running and report every change; Ctrl-C ends the watch with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l lines -d 'Print lines even on a terminal, instead of the live table'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l validate -d 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from etcd" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l namespace -d 'List only the services of this namespace [default: all]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l address -d 'Use this registry: host:port, https://host:port or unix:///path; commas separate its servers [default: 127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l token-file -d 'Read the token from this file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l ca -d 'Trust the certificate authorities of this PEM file instead of the system\'s' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l cert -d 'Present the client certificate of this PEM file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l key -d 'Use the private key of this PEM file for --cert' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l timeout -d 'Set the maximum duration of one request, as in 500ms or 10s' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l fail-findings -d 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one' -r -f -a "advice\t'Advice: the service works'
degraded\t'The service works, but needs attention soon: the finding limits the score below 80'
unhealthy\t'A normal client cannot use the service now: the finding limits the score below 50'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l hand-to -d 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l diff -d 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l columns -d 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l sort -d 'Sort by a column; FIELD:desc sorts in reverse' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l group-by -d 'Put the rows of each process, port, interface, unit, or other column under a heading' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l intensity -d 'Set how many probes to send to ports whose numbers suggest no protocol' -r -f -a "light\t'Probes that the port number suggests, and HTTP: at most 5 connections per port'
normal\t'Also TLS and most other probes: at most 18 connections per port'
all\t'Also RTSP, all probes after an unknown greeting, and ports of printers, which may print what they receive, and of machine controllers, which may stop; waits longer for a greeting before it sends anything'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l identify-timeout -d 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l probes -d 'Add the probes in this TOML file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l interval -d 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l for -d 'Stop after this time' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l count -d 'Stop after N changes (services present at the start do not count)' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l until -d 'Stop at the first event that matches, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l webhook -d 'POST each change to this URL, with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l rise -d 'Report a service as better after N better results in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l fall -d 'Report a service as worse after N worse results in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l min-score -d 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l fail-empty -d 'Exit with 1 if nothing is found'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l strict -d 'Exit with 4 if a missing permission hides requested data, such as an owner'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l fail-changed -d 'Exit with 1 if --diff finds any difference'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l counts -d 'With --group-by, print only the number of rows for each value, the largest first'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l tree -d 'Show listeners below their processes, and processes below those that started them'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l no-headers -d 'Leave out the line with the names of the columns'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l identify -d 'Identify each service: protocol, product, version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -s w -l watch -d 'Keep running and report every change; Ctrl-C ends the watch with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l lines -d 'Print lines even on a terminal, instead of the live table'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l validate -d 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from portolan" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l record -d 'Look up only records of these types [default: srv,a,aaaa,txt]' -r -f -a "srv\t'Targets with ports, priorities and weights'
a\t'IPv4 addresses'
aaaa\t'IPv6 addresses'
txt\t'Texts, which become metadata'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l domain -d 'Add this domain to names without a dot, and to _NAME._PROTOCOL [default: the system\'s search domains]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l server -d 'Query these servers, at most 3: 10.0.0.53 or 127.0.0.1:8600 [default: the system\'s]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l port -d 'Query this port on servers given without one [default: 53]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l refresh-ttl -d 'With --watch, look a name up again no sooner than after this time [default: 30s]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l timeout -d 'Set the maximum duration of one lookup, as in 500ms or 5s' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l fail-findings -d 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one' -r -f -a "advice\t'Advice: the service works'
degraded\t'The service works, but needs attention soon: the finding limits the score below 80'
unhealthy\t'A normal client cannot use the service now: the finding limits the score below 50'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l hand-to -d 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l diff -d 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l columns -d 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l sort -d 'Sort by a column; FIELD:desc sorts in reverse' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l group-by -d 'Put the rows of each process, port, interface, unit, or other column under a heading' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l intensity -d 'Set how many probes to send to ports whose numbers suggest no protocol' -r -f -a "light\t'Probes that the port number suggests, and HTTP: at most 5 connections per port'
normal\t'Also TLS and most other probes: at most 18 connections per port'
all\t'Also RTSP, all probes after an unknown greeting, and ports of printers, which may print what they receive, and of machine controllers, which may stop; waits longer for a greeting before it sends anything'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l identify-timeout -d 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l probes -d 'Add the probes in this TOML file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l interval -d 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l for -d 'Stop after this time' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l count -d 'Stop after N changes (services present at the start do not count)' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l until -d 'Stop at the first event that matches, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l webhook -d 'POST each change to this URL, with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l rise -d 'Report a service as better after N better results in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l fall -d 'Report a service as worse after N worse results in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l min-score -d 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l consul -d 'Query Consul\'s DNS: --server 127.0.0.1:8600 --domain service.consul'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l fail-empty -d 'Exit with 1 if nothing is found'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l strict -d 'Exit with 4 if a missing permission hides requested data, such as an owner'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l fail-changed -d 'Exit with 1 if --diff finds any difference'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l counts -d 'With --group-by, print only the number of rows for each value, the largest first'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l tree -d 'Show listeners below their processes, and processes below those that started them'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l no-headers -d 'Leave out the line with the names of the columns'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l identify -d 'Identify each service: protocol, product, version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -s w -l watch -d 'Keep running and report every change; Ctrl-C ends the watch with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l lines -d 'Print lines even on a terminal, instead of the live table'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l validate -d 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from dns" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l fail-findings -d 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one' -r -f -a "advice\t'Advice: the service works'
degraded\t'The service works, but needs attention soon: the finding limits the score below 80'
unhealthy\t'A normal client cannot use the service now: the finding limits the score below 50'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l hand-to -d 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l diff -d 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l columns -d 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l sort -d 'Sort by a column; FIELD:desc sorts in reverse' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l group-by -d 'Put the rows of each process, port, interface, unit, or other column under a heading' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l intensity -d 'Set how many probes to send to ports whose numbers suggest no protocol' -r -f -a "light\t'Probes that the port number suggests, and HTTP: at most 5 connections per port'
normal\t'Also TLS and most other probes: at most 18 connections per port'
all\t'Also RTSP, all probes after an unknown greeting, and ports of printers, which may print what they receive, and of machine controllers, which may stop; waits longer for a greeting before it sends anything'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l identify-timeout -d 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l probes -d 'Add the probes in this TOML file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l interval -d 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l for -d 'Stop after this time' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l count -d 'Stop after N changes (services present at the start do not count)' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l until -d 'Stop at the first event that matches, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l webhook -d 'POST each change to this URL, with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l rise -d 'Report a service as better after N better results in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l fall -d 'Report a service as worse after N worse results in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l min-score -d 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l fail-empty -d 'Exit with 1 if nothing is found'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l strict -d 'Exit with 4 if a missing permission hides requested data, such as an owner'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l fail-changed -d 'Exit with 1 if --diff finds any difference'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l counts -d 'With --group-by, print only the number of rows for each value, the largest first'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l tree -d 'Show listeners below their processes, and processes below those that started them'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l no-headers -d 'Leave out the line with the names of the columns'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l identify -d 'Identify each service: protocol, product, version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -s w -l watch -d 'Keep running and report every change; Ctrl-C ends the watch with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l lines -d 'Print lines even on a terminal, instead of the live table'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l validate -d 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from help" -f -a "local" -d 'List what listens on this machine: addresses, processes, owners'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from help" -f -a "scan" -d 'Find open ports on hosts'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from help" -f -a "k8s" -d 'List the services of a Kubernetes cluster, with endpoints, pods, nodes and findings'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from help" -f -a "consul" -d 'List the services of Consul, with their instances and Consul\'s own checks'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from help" -f -a "etcd" -d 'List the services that programs registered in etcd'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from help" -f -a "portolan" -d 'List the services of a registry that `portolan serve` runs'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from help" -f -a "dns" -d 'List the instances of services in DNS, from SRV, A, AAAA and TXT records'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from help" -f -a "file" -d 'List the services that a file declares'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand who" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand who" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand who" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand who" -l pid -d 'Print only process ids, one per line'
complete -c portolan -n "__fish_portolan_using_subcommand who" -l all-netns -d 'Include every network namespace of this machine (needs root)'
complete -c portolan -n "__fish_portolan_using_subcommand who" -l runtime -d 'Show the name and image of a container, from the sockets of docker, podman, containerd and CRI-O'
complete -c portolan -n "__fish_portolan_using_subcommand who" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand who" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand who" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand who" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand kill" -l signal -d 'Send this signal' -r -f -a "term\t'Ask the process to end cleanly'
int\t'Interrupt it, like Ctrl-C at its terminal'
hup\t'Hang up; many servers then reload their settings'
kill\t'End it at once, without cleaning up'"
complete -c portolan -n "__fish_portolan_using_subcommand kill" -l timeout -d 'Wait at most this time for the process to end' -r
complete -c portolan -n "__fish_portolan_using_subcommand kill" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand kill" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand kill" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand kill" -l all -d 'Signal every process that holds the port, even if they are unrelated'
complete -c portolan -n "__fish_portolan_using_subcommand kill" -s y -l yes -d 'Send the signal without asking'
complete -c portolan -n "__fish_portolan_using_subcommand kill" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand kill" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand kill" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand kill" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand free-port" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand free-port" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand free-port" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand free-port" -l udp -d 'Find a UDP port instead of a TCP port'
complete -c portolan -n "__fish_portolan_using_subcommand free-port" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand free-port" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand free-port" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand free-port" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l protocol -d 'Use this protocol: http, https, grpc, grpcs, tls, tcp, redis, postgresql, smtp... [default: from the target]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l check -d 'Run only these checks' -r -f -a "dns\t'The name resolves to the address, at every resolver'
tcp\t'Connections succeed, and fast enough'
tls\t'The TLS configuration and the certificate are valid'
http\t'The HTTP response is as expected, and fast enough'
grpc\t'A gRPC server reports that it is serving'
protocol\t'The server reports in its own protocol that it is healthy'
script\t'Your own program reports that the service is healthy'
stability\t'The results of several checks are stable'"
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l no-check -d 'Skip these checks' -r -f -a "dns\t'The name resolves to the address, at every resolver'
tcp\t'Connections succeed, and fast enough'
tls\t'The TLS configuration and the certificate are valid'
http\t'The HTTP response is as expected, and fast enough'
grpc\t'A gRPC server reports that it is serving'
protocol\t'The server reports in its own protocol that it is healthy'
script\t'Your own program reports that the service is healthy'
stability\t'The results of several checks are stable'"
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l server-name -d 'Send this server name in TLS and in the Host header of HTTP [default: the target\'s]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l starttls -d 'Upgrade a plain-text connection to TLS with this protocol\'s STARTTLS' -r -f -a "smtp\t'Mail, RFC 3207'
imap\t'Mailboxes, RFC 9051'
pop3\t'Mailboxes, RFC 2595'
ftp\t'Files, RFC 4217'
ldap\t'Directories, RFC 4511'
postgresql\t'PostgreSQL\'s SSLRequest'
mysql\t'MySQL\'s and MariaDB\'s SSLRequest'"
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l cert -d 'Present this client certificate to servers that require one: a PEM file with its chain' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l key -d 'Use this private key for --cert: a PEM file [default: the file of --cert]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l path -d 'Request this path over HTTP [default: /]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l method -d 'Use this HTTP request method [default: GET]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l body -d 'Send this request body; the method is POST unless --method sets another' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l header -d 'Send this request header in place of a default one, as in \'Authorization: Bearer x\'; without a value, leave it out' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l expect-status -d 'Expect these HTTP statuses, as in 200-299,304 or 2xx [default: 200-399]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l expect-body -d 'Require the body to match this regular expression; at most 8 MiB are read' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l expect-header -d 'Require this response header, matching the expression if one is given, as in \'Content-Type: json\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l expect-json -d 'Require this value in the JSON body, as in /status=ok (RFC 6901)' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l grpc-service -d 'Check this service with the gRPC health check [default: the whole server]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l script -d 'Run this program with arguments, up to a `;`, without a shell: exit code 0 is healthy, 1 a warning' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l goal -d 'Set the latency target, as in 200ms; connect=10ms applies to connecting only [default: 100ms on this machine, 200ms on a private network, 800ms elsewhere; 5, 25 and 200ms to connect]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l timeout -d 'Set the timeout of one attempt, as in 500ms or 2s' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l deadline -d 'Stop the whole run after this time; unfinished checks are reported as incomplete' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l retries -d 'Retry at most N times after a timeout; a reply is never retried' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l samples -d 'Take N samples of each endpoint; several show how stable it is' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l concurrency -d 'Check at most N endpoints at once' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l resolver -d 'Use these DNS resolvers instead of the system\'s, such as 10.0.0.53 or 127.0.0.1:5353' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l ca -d 'Trust the certificates in this file (PEM) instead of the system\'s roots' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l pin -d 'Trust the certificate with this SHA-256 and no other' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l cache-ttl -d 'Cache DNS and TLS results for this time within a run' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l ignore -d 'Ignore findings with these codes' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l min-score -d 'Exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l min-cert-days -d 'Exit with 1 if any certificate expires in fewer than N days' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l evidence -d 'Write the evidence into this directory, one file per service, for `portolan score`' -r -f -a "(__fish_complete_directories)"
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l columns -d 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l sort -d 'Sort by a column; FIELD:desc sorts in reverse' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l group-by -d 'Put the rows of each process, port, interface, unit, or other column under a heading' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l interval -d 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l for -d 'Stop after this time' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l count -d 'Stop after N changes (services present at the start do not count)' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l until -d 'Stop at the first event that matches, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l webhook -d 'POST each change to this URL, with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l rise -d 'Report a service as better after N better results in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l fall -d 'Report a service as worse after N worse results in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l listen -d 'With --watch, serve metrics for Prometheus at this address: /metrics, and /probe?target=T&module=M' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand validate" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l follow -d 'Follow redirects: at most 10, never to a lower scheme or a link-local address; credentials stay with their host'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l no-cache -d 'Disable the cache'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l fail-endpoint -d 'Exit with 1 if any endpoint is unhealthy, even if the others keep its service up'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l require-complete -d 'Exit with 3 if any requested check could not run'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l explain -d 'Show every deduction and what to do about it'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l counts -d 'With --group-by, print only the number of rows for each value, the largest first'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l tree -d 'Show listeners below their processes, and processes below those that started them'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l no-headers -d 'Leave out the line with the names of the columns'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -s w -l watch -d 'Keep running and report every change; Ctrl-C ends the watch with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l lines -d 'Print lines even on a terminal, instead of the live table'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l allow-any-target -d 'Let /probe check targets that this command does not name, except link-local addresses and metadata services'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand score" -l ignore -d 'Ignore findings with these codes too' -r
complete -c portolan -n "__fish_portolan_using_subcommand score" -l min-score -d 'Exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]' -r
complete -c portolan -n "__fish_portolan_using_subcommand score" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand score" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand score" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand score" -l explain -d 'Show every deduction and what to do about it'
complete -c portolan -n "__fish_portolan_using_subcommand score" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand score" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand score" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand score" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l min-score -d 'Check the targets and wait until each service scores at least N' -r
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l timeout -d 'Wait at most this time for all targets' -r
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l ca -d 'Trust the certificates in this file (PEM) instead of the system\'s roots' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l via -d 'Send the HTTP checks of k8s/NAME through the API server, for endpoints unreachable from here' -r -f -a "api-proxy\t'The API server\'s proxy'"
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l protocol -d 'Use this protocol: http, https, grpc, grpcs, tls, tcp, redis, postgresql, smtp... [default: from the target]' -r
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l check -d 'Run only these checks' -r -f -a "dns\t'The name resolves to the address, at every resolver'
tcp\t'Connections succeed, and fast enough'
tls\t'The TLS configuration and the certificate are valid'
http\t'The HTTP response is as expected, and fast enough'
grpc\t'A gRPC server reports that it is serving'
protocol\t'The server reports in its own protocol that it is healthy'
script\t'Your own program reports that the service is healthy'
stability\t'The results of several checks are stable'"
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l no-check -d 'Skip these checks' -r -f -a "dns\t'The name resolves to the address, at every resolver'
tcp\t'Connections succeed, and fast enough'
tls\t'The TLS configuration and the certificate are valid'
http\t'The HTTP response is as expected, and fast enough'
grpc\t'A gRPC server reports that it is serving'
protocol\t'The server reports in its own protocol that it is healthy'
script\t'Your own program reports that the service is healthy'
stability\t'The results of several checks are stable'"
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l server-name -d 'Send this server name in TLS and in the Host header of HTTP [default: the target\'s]' -r
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l starttls -d 'Upgrade a plain-text connection to TLS with this protocol\'s STARTTLS' -r -f -a "smtp\t'Mail, RFC 3207'
imap\t'Mailboxes, RFC 9051'
pop3\t'Mailboxes, RFC 2595'
ftp\t'Files, RFC 4217'
ldap\t'Directories, RFC 4511'
postgresql\t'PostgreSQL\'s SSLRequest'
mysql\t'MySQL\'s and MariaDB\'s SSLRequest'"
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l cert -d 'Present this client certificate to servers that require one: a PEM file with its chain' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l key -d 'Use this private key for --cert: a PEM file [default: the file of --cert]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l path -d 'Request this path over HTTP [default: /]' -r
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l method -d 'Use this HTTP request method [default: GET]' -r
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l body -d 'Send this request body; the method is POST unless --method sets another' -r
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l header -d 'Send this request header in place of a default one, as in \'Authorization: Bearer x\'; without a value, leave it out' -r
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l expect-status -d 'Expect these HTTP statuses, as in 200-299,304 or 2xx [default: 200-399]' -r
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l expect-body -d 'Require the body to match this regular expression; at most 8 MiB are read' -r
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l expect-header -d 'Require this response header, matching the expression if one is given, as in \'Content-Type: json\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l expect-json -d 'Require this value in the JSON body, as in /status=ok (RFC 6901)' -r
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l grpc-service -d 'Check this service with the gRPC health check [default: the whole server]' -r
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l script -d 'Run this program with arguments, up to a `;`, without a shell: exit code 0 is healthy, 1 a warning' -r
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l goal -d 'Set the latency target, as in 200ms; connect=10ms applies to connecting only [default: 100ms on this machine, 200ms on a private network, 800ms elsewhere; 5, 25 and 200ms to connect]' -r
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand wait" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l gone -d 'Wait until no target accepts connections or is listed by its source; a host name that does not resolve counts as not gone'
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l follow -d 'Follow redirects: at most 10, never to a lower scheme or a link-local address; credentials stay with their host'
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand wait" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand wait" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand wait" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand resolve" -l count -d 'Pick N times, and print each pick' -r
complete -c portolan -n "__fish_portolan_using_subcommand resolve" -l lb -d 'Pick with this strategy: round_robin, weighted_round_robin, random, least_connections, p2c, peak_ewma, consistent_hash or ip_hash [default: DISCOVERY_BALANCER, else that of the service, as `portolan services balance` shows it, else round_robin]' -r
complete -c portolan -n "__fish_portolan_using_subcommand resolve" -l key -d 'Pick by this key, with consistent_hash and ip_hash' -r
complete -c portolan -n "__fish_portolan_using_subcommand resolve" -l on-all-unhealthy -d 'Pick among these if no endpoint is healthy' -r -f -a "none\t'None: exit with 1'
all\t'All endpoints, as if they were healthy'"
complete -c portolan -n "__fish_portolan_using_subcommand resolve" -l version -d 'Use only instances of this version or range, as in 1.2.0, ^1.2 or \'>=1.2, <2\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand resolve" -l tag -d 'Use only instances with this tag; can be repeated, and then all tags are required' -r
complete -c portolan -n "__fish_portolan_using_subcommand resolve" -l meta -d 'Use only instances with this metadata; can be repeated, and then all of it is required' -r
complete -c portolan -n "__fish_portolan_using_subcommand resolve" -l zone -d 'Prefer instances in this zone' -r
complete -c portolan -n "__fish_portolan_using_subcommand resolve" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand resolve" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand resolve" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand resolve" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand resolve" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand resolve" -l explain -d 'Report how many endpoints each filter leaves'
complete -c portolan -n "__fish_portolan_using_subcommand resolve" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand resolve" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand resolve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand register" -l name -d 'Register under this name [default: DISCOVERY_SERVICE_NAME]' -r
complete -c portolan -n "__fish_portolan_using_subcommand register" -l port -d 'Set the port that the service listens on' -r
complete -c portolan -n "__fish_portolan_using_subcommand register" -l from-listener -d 'Register what already listens on this TCP port of this machine. The name and the check come from the listener, unless --name and --check are given' -r
complete -c portolan -n "__fish_portolan_using_subcommand register" -l address -d 'Set the address that clients connect to [default: the first address of this machine that is not loopback; loopback if the port listens there alone and the registry is on this machine]' -r
complete -c portolan -n "__fish_portolan_using_subcommand register" -l id -d 'Set the id of the instance; the same id replaces an older registration [default: HOST:NAME:PORT]' -r
complete -c portolan -n "__fish_portolan_using_subcommand register" -l namespace -d 'Set the namespace of the service' -r
complete -c portolan -n "__fish_portolan_using_subcommand register" -l version -d 'Set the version of the instance, as in 1.2.0' -r
complete -c portolan -n "__fish_portolan_using_subcommand register" -l tag -d 'Add this tag; can be repeated' -r
complete -c portolan -n "__fish_portolan_using_subcommand register" -l meta -d 'Add this metadata; can be repeated' -r
complete -c portolan -n "__fish_portolan_using_subcommand register" -l protocol -d 'Set the protocol of the service, as in http, https or grpc' -r
complete -c portolan -n "__fish_portolan_using_subcommand register" -l weight -d 'Set the share of the calls, relative to the other instances' -r
complete -c portolan -n "__fish_portolan_using_subcommand register" -l zone -d 'Set the zone of the instance' -r
complete -c portolan -n "__fish_portolan_using_subcommand register" -l node -d 'Set the name of the machine that it runs on' -r
complete -c portolan -n "__fish_portolan_using_subcommand register" -l check -d 'Wait for this check before registering; the registry then repeats it: http:/PATH, https:/PATH, tcp, grpc or grpc:SERVICE' -r
complete -c portolan -n "__fish_portolan_using_subcommand register" -l interval -d 'Let the registry repeat the check at this interval [default: the registry\'s]' -r
complete -c portolan -n "__fish_portolan_using_subcommand register" -l ttl -d 'Let the registration expire after this time unless it is renewed; portolan renews it [default: the registry\'s, 30s for `portolan serve`]' -r
complete -c portolan -n "__fish_portolan_using_subcommand register" -l deregister-after -d 'Let the registry remove an unhealthy instance after this time [default: the registry\'s]' -r
complete -c portolan -n "__fish_portolan_using_subcommand register" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand register" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand register" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand register" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand register" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand register" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand register" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand register" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand deregister" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand deregister" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand deregister" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand deregister" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand deregister" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand deregister" -s y -l yes -d 'Remove all instances of a name without asking'
complete -c portolan -n "__fish_portolan_using_subcommand deregister" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand deregister" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand deregister" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand deregister" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand services; and not __fish_seen_subcommand_from list get update balance switch shift help" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand services; and not __fish_seen_subcommand_from list get update balance switch shift help" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand services; and not __fish_seen_subcommand_from list get update balance switch shift help" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand services; and not __fish_seen_subcommand_from list get update balance switch shift help" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand services; and not __fish_seen_subcommand_from list get update balance switch shift help" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand services; and not __fish_seen_subcommand_from list get update balance switch shift help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand services; and not __fish_seen_subcommand_from list get update balance switch shift help" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand services; and not __fish_seen_subcommand_from list get update balance switch shift help" -f -a "list" -d 'List the services of a registry: how many instances of each are healthy, their versions and tags'
complete -c portolan -n "__fish_portolan_using_subcommand services; and not __fish_seen_subcommand_from list get update balance switch shift help" -f -a "get" -d 'Show a service: its health, versions, capabilities, and every instance with its state'
complete -c portolan -n "__fish_portolan_using_subcommand services; and not __fish_seen_subcommand_from list get update balance switch shift help" -f -a "update" -d 'Change the status or the weight of registered instances'
complete -c portolan -n "__fish_portolan_using_subcommand services; and not __fish_seen_subcommand_from list get update balance switch shift help" -f -a "balance" -d 'Show or set the balancing strategy of a service for clients that choose none'
complete -c portolan -n "__fish_portolan_using_subcommand services; and not __fish_seen_subcommand_from list get update balance switch shift help" -f -a "switch" -d 'Send all calls of a service to the instances with a version or a tag, in one change'
complete -c portolan -n "__fish_portolan_using_subcommand services; and not __fish_seen_subcommand_from list get update balance switch shift help" -f -a "shift" -d 'Move the calls of a service step by step to the instances with a version or a tag; without options, show the progress'
complete -c portolan -n "__fish_portolan_using_subcommand services; and not __fish_seen_subcommand_from list get update balance switch shift help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from list" -l namespace -d 'List only services of this namespace' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from list" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from list" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from list" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from list" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from list" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from list" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from get" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from get" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from get" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from get" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from get" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from get" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from get" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from get" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from update" -l node -d 'Change only instances on this node; without ID|NAME, all of them' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from update" -l status -d 'Set whether the instance takes calls' -r -f -a "up\t'It takes calls, if it is healthy'
draining\t'It finishes its calls, and takes no new ones'
maintenance\t'It is out of service'"
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from update" -l reason -d 'Give the reason, which `portolan services list` and `get`, `portolan health show` and the audit log show' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from update" -l weight -d 'Set the share of the calls, relative to the other instances; 0 for none' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from update" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from update" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from update" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from update" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from update" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from update" -s y -l yes -d 'Change all instances of a name or a node without asking'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from update" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from update" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from update" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from update" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from balance" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from balance" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from balance" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from balance" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from balance" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from balance" -l default -d 'Return to the strategy in the server\'s settings'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from balance" -l reset-counts -d 'Set the counts to zero'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from balance" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from balance" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from balance" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from balance" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from switch" -l to -d 'Choose the instances of this version, or of a range such as ^1.3' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from switch" -l to-tag -d 'Choose the instances with this tag' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from switch" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from switch" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from switch" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from switch" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from switch" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from switch" -l reset -d 'Give each instance its own weight again'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from switch" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from switch" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from switch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from switch" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from shift" -l to -d 'Choose the instances of this version, or of a range such as ^1.3' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from shift" -l to-tag -d 'Choose the instances with this tag' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from shift" -l steps -d 'Shift these percentages of the calls, one after another, as in 10,50,100' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from shift" -l every -d 'Stay at each step for this time [default: 5m]' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from shift" -l abort-below -d 'Restore the previous weights if the score falls below this, 1 to 100' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from shift" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from shift" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from shift" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from shift" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from shift" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from shift" -l pause -d 'Stay at the current step'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from shift" -l resume -d 'Continue; the current step starts again'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from shift" -l abort -d 'End the shift and restore the previous weights'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from shift" -l finish -d 'End the shift and send all calls to the new instances'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from shift" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from shift" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from shift" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from shift" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the services of a registry: how many instances of each are healthy, their versions and tags'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from help" -f -a "get" -d 'Show a service: its health, versions, capabilities, and every instance with its state'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from help" -f -a "update" -d 'Change the status or the weight of registered instances'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from help" -f -a "balance" -d 'Show or set the balancing strategy of a service for clients that choose none'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from help" -f -a "switch" -d 'Send all calls of a service to the instances with a version or a tag, in one change'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from help" -f -a "shift" -d 'Move the calls of a service step by step to the instances with a version or a tag; without options, show the progress'
complete -c portolan -n "__fish_portolan_using_subcommand services; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand status" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand status" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand status" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand status" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand status" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand status" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand status" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand status" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand health; and not __fish_seen_subcommand_from check show help" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand health; and not __fish_seen_subcommand_from check show help" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand health; and not __fish_seen_subcommand_from check show help" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand health; and not __fish_seen_subcommand_from check show help" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand health; and not __fish_seen_subcommand_from check show help" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand health; and not __fish_seen_subcommand_from check show help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand health; and not __fish_seen_subcommand_from check show help" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand health; and not __fish_seen_subcommand_from check show help" -f -a "check" -d 'Run the checks of instances now, on the server, and print the results'
complete -c portolan -n "__fish_portolan_using_subcommand health; and not __fish_seen_subcommand_from check show help" -f -a "show" -d 'Show the health of an instance or a service: the states of its checks, the findings, and past results'
complete -c portolan -n "__fish_portolan_using_subcommand health; and not __fish_seen_subcommand_from check show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from check" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from check" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from check" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from check" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from check" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from check" -l all -d 'Check every instance'
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from check" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from check" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from show" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from show" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from show" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from show" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from show" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from show" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from help" -f -a "check" -d 'Run the checks of instances now, on the server, and print the results'
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show the health of an instance or a service: the states of its checks, the findings, and past results'
complete -c portolan -n "__fish_portolan_using_subcommand health; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -l since -d 'List records from this time on: 2026-11-29T12:00:00Z, or a duration before now, such as 1h' -r
complete -c portolan -n "__fish_portolan_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -l who -d 'List records whose WHO contains this text' -r
complete -c portolan -n "__fish_portolan_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -l last -d 'Read only the last N records [default: 100]' -r
complete -c portolan -n "__fish_portolan_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -l all -d 'List the whole log'
complete -c portolan -n "__fish_portolan_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -f -a "verify" -d 'Find changed, removed, moved and inserted records in the audit log'
complete -c portolan -n "__fish_portolan_using_subcommand audit; and not __fish_seen_subcommand_from verify help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand audit; and __fish_seen_subcommand_from verify" -l expect -d 'Require this record, as an earlier run printed it' -r
complete -c portolan -n "__fish_portolan_using_subcommand audit; and __fish_seen_subcommand_from verify" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand audit; and __fish_seen_subcommand_from verify" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand audit; and __fish_seen_subcommand_from verify" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand audit; and __fish_seen_subcommand_from verify" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand audit; and __fish_seen_subcommand_from verify" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand audit; and __fish_seen_subcommand_from verify" -l partial -d 'Accept that the first records are missing, as in an export with --since'
complete -c portolan -n "__fish_portolan_using_subcommand audit; and __fish_seen_subcommand_from verify" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand audit; and __fish_seen_subcommand_from verify" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand audit; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand audit; and __fish_seen_subcommand_from verify" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "verify" -d 'Find changed, removed, moved and inserted records in the audit log'
complete -c portolan -n "__fish_portolan_using_subcommand audit; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand export" -l file -d 'Write to this file instead of standard output' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand export" -l reload -d 'Run this command after replacing the file, without a shell; quotes join words' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand export" -l version -d 'Use only instances of this version or range, as in 1.2.0, ^1.2 or \'>=1.2, <2\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand export" -l tag -d 'Use only instances with this tag; can be repeated, and then all tags are required' -r
complete -c portolan -n "__fish_portolan_using_subcommand export" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand export" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand export" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand export" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand export" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand export" -s w -l watch -d 'Keep running, and replace the file whenever something changes'
complete -c portolan -n "__fish_portolan_using_subcommand export" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand export" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l file -d 'Compare the services of this file too; short for file:FILE, can be repeated' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l host -d 'Compare only the registrations of this host: `local`, or a node, name or address; can be repeated [default: all]' -r -f -a "(__fish_print_hostnames)"
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l node -d 'Treat this node name as this machine, in addition to its host name; can be repeated' -r
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l allow -d 'Read the listeners that need no registration from this file: ports, addresses, `process NAME` or `unit NAME`, one per line' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l fail-on -d 'Exit with 1 only for these findings: any, none, or codes, as in drift-not-listening or not-listening' -r
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l timeout -d 'Set the maximum duration of one connection' -r
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l columns -d 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones' -r
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l sort -d 'Sort by a column; FIELD:desc sorts in reverse' -r
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l group-by -d 'Put the rows of each process, port, interface, unit, or other column under a heading' -r
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l interval -d 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l for -d 'Stop after this time' -r
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l count -d 'Stop after N changes (services present at the start do not count)' -r
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l until -d 'Stop at the first event that matches, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l webhook -d 'POST each change to this URL, with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l rise -d 'Report a service as better after N better results in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l fall -d 'Report a service as worse after N worse results in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand drift" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l fleet -d 'List the findings of all hosts, which their agents report to the REGISTRY: one that `portolan serve` runs'
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l all -d 'Also list addresses that agree, and those that cannot be judged'
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l connect-only -d 'Only connect, without identifying what replies'
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l fix -d 'Print the commands that fix the findings, instead of the findings'
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l yes -d 'With --fix, deregister duplicates and instances that do not listen: at most 20 % of a service'
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l counts -d 'With --group-by, print only the number of rows for each value, the largest first'
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l tree -d 'Show listeners below their processes, and processes below those that started them'
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l no-headers -d 'Leave out the line with the names of the columns'
complete -c portolan -n "__fish_portolan_using_subcommand drift" -s w -l watch -d 'Keep running and report every change; Ctrl-C ends the watch with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l lines -d 'Print lines even on a terminal, instead of the live table'
complete -c portolan -n "__fish_portolan_using_subcommand drift" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand drift" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand drift" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand drift" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand agent" -l rules -d 'Register what the rules of this TOML file match, for as long as it listens' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand agent" -l allow -d 'Read the listeners that need no registration from this file: ports, addresses, `process NAME` or `unit NAME`, one per line' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand agent" -l host -d 'Set the name of this host, which its registrations have as their node [default: the host name]' -r
complete -c portolan -n "__fish_portolan_using_subcommand agent" -l interval -d 'Compare and report at this interval; from 1s to 1h' -r
complete -c portolan -n "__fish_portolan_using_subcommand agent" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand agent" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand agent" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand agent" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand agent" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand agent" -l connect-only -d 'Only connect, without identifying what replies'
complete -c portolan -n "__fish_portolan_using_subcommand agent" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand agent" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand agent" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand agent" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand sync" -l as -d 'Mark the copies with this name for FROM [default: the name of its provider]' -r
complete -c portolan -n "__fish_portolan_using_subcommand sync" -l timeout -d 'Set the maximum time for one reply of a registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand sync" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand sync" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand sync" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand sync" -l dry-run -d 'Print what would change, and change nothing'
complete -c portolan -n "__fish_portolan_using_subcommand sync" -s y -l yes -d 'Allow a change of more than 20 % of the copies at once'
complete -c portolan -n "__fish_portolan_using_subcommand sync" -s w -l watch -d 'Keep running, and copy each change'
complete -c portolan -n "__fish_portolan_using_subcommand sync" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand sync" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand sync" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand sync" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand doctor" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand doctor" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand doctor" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand doctor" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand doctor" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand doctor" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand doctor" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand doctor" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand explain" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand explain" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand explain" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand explain" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand explain" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand explain" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l data -d 'Keep the registry in this file [default: registry.db in the state directory]; :memory: keeps it in memory only' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l database-url -d 'Keep the registry in this database: postgresql://USER@HOST/NAME for several servers, or sqlite:FILE' -r
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l redis -d 'Share changes, rates and revoked keys with the other servers through this Redis: redis://HOST' -r
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l environment -d 'Also read NAME.ENVIRONMENT.yaml, if --config is NAME.yaml; its settings win' -r
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l listen -d 'Listen on this address; can be repeated' -r
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l host -d 'Listen on this address [default: 127.0.0.1]' -r
complete -c portolan -n "__fish_portolan_using_subcommand serve" -s p -l port -d 'Listen on this port; 0 is any free one [default: 7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l tls-cert -d 'Speak TLS with this certificate and its chain (PEM)' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l tls-key -d 'Use this private key for --tls-cert (PEM) [default: the one in the same file]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l tls-client-ca -d 'Accept only clients with a certificate of these authorities (PEM)' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l max-connections -d 'Limit the open connections [default: 10000]' -r
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l max-connections-per-address -d 'Limit the open connections of one address [default: 2500]' -r
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l shutdown-timeout -d 'When the server stops, give requests in progress this time [default: 30s]' -r
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l consul -d 'Serve Consul\'s HTTP API on this address, or on 127.0.0.1:8500; can be repeated' -r
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l advertise -d 'Show this address of the server in Consul\'s catalog [default: the one that it listens on]' -r
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l eureka -d 'Serve Eureka\'s HTTP API on this address, or on 127.0.0.1:8761; can be repeated' -r
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l dns -d 'Serve DNS over UDP and TCP on this address, or on 127.0.0.1:8600; can be repeated' -r
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l dns-domain -d 'Use this domain for all DNS names [default: portolan]' -r
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l dns-ttl -d 'Let clients cache a DNS reply for this time [default: 0s]' -r
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l import -d 'Show the services of this registry beside those registered here; can be repeated' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l node -d 'Set the name of this server [default: the host name]' -r
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l cluster -d 'Set the name of the cluster [default: default]' -r
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l default-ttl -d 'Let a registration without a ttl last this long [default: 30s]' -r
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l log-level -d 'Set the log level: off, error, warn, info, debug, trace, or a list such as portolan=debug,warn [default: info]' -r
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l log-format -d 'Write the log on stderr in this format [default: text]' -r -f -a "text\t''
json\t''"
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand serve" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l check -d 'Check the settings, print them with their origin, and exit'
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l migrate -d 'Create or migrate the tables of the database, and exit; without it, a server does so when it starts'
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l auth -d 'Require an API key or a token from every caller; `portolan key create` creates keys'
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l insecure -d 'Allow addresses that other machines reach without authentication'
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l dns-public -d 'Let every machine that reaches an address of --dns read the registry through it: DNS has no authentication'
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l compat-metrics -d 'Also export six of the metrics under the names service_discovery_*'
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l debug -d 'Short for --log-level debug'
complete -c portolan -n "__fish_portolan_using_subcommand serve" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand serve" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand serve" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand key; and not __fish_seen_subcommand_from create list revoke help" -l keys-file -d 'Keep the keys in this file [default: auth.keys_file in the settings, else api-keys.json in the state directory]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand key; and not __fish_seen_subcommand_from create list revoke help" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand key; and not __fish_seen_subcommand_from create list revoke help" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand key; and not __fish_seen_subcommand_from create list revoke help" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand key; and not __fish_seen_subcommand_from create list revoke help" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand key; and not __fish_seen_subcommand_from create list revoke help" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand key; and not __fish_seen_subcommand_from create list revoke help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand key; and not __fish_seen_subcommand_from create list revoke help" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand key; and not __fish_seen_subcommand_from create list revoke help" -f -a "create" -d 'Create a key and print it once'
complete -c portolan -n "__fish_portolan_using_subcommand key; and not __fish_seen_subcommand_from create list revoke help" -f -a "list" -d 'List the keys, without their secrets'
complete -c portolan -n "__fish_portolan_using_subcommand key; and not __fish_seen_subcommand_from create list revoke help" -f -a "revoke" -d 'Revoke keys at once and permanently'
complete -c portolan -n "__fish_portolan_using_subcommand key; and not __fish_seen_subcommand_from create list revoke help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from create" -l name -d 'Set the name of the key, which logs and lists show' -r
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from create" -l role -d 'Set the role: viewer, agent, operator or admin [default: viewer]' -r
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from create" -l permission -d 'Grant only this permission: discover, read_status, heartbeat, register, configure, run_checks, reset_counters, administer or report_drift; can be repeated' -r
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from create" -l namespace -d 'Limit the key to this namespace; can be repeated' -r
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from create" -l service -d 'Limit the key to services whose names begin with this; can be repeated' -r
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from create" -l host -d 'Let the key change only instances of this host, and report only on it; can be repeated' -r
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from create" -l expires -d 'Expire after this time, such as 90d; at most 365d [default: never]' -r
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from create" -l keys-file -d 'Keep the keys in this file [default: auth.keys_file in the settings, else api-keys.json in the state directory]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from create" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from create" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from create" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from create" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from create" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from create" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from list" -l keys-file -d 'Keep the keys in this file [default: auth.keys_file in the settings, else api-keys.json in the state directory]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from list" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from list" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from list" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from list" -l all -d 'Also list keys that have expired or were revoked'
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from list" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from revoke" -l keys-file -d 'Keep the keys in this file [default: auth.keys_file in the settings, else api-keys.json in the state directory]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from revoke" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from revoke" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from revoke" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from revoke" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from revoke" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from revoke" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from help" -f -a "create" -d 'Create a key and print it once'
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the keys, without their secrets'
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from help" -f -a "revoke" -d 'Revoke keys at once and permanently'
complete -c portolan -n "__fish_portolan_using_subcommand key; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand db; and not __fish_seen_subcommand_from status migrate backup copy help" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand db; and not __fish_seen_subcommand_from status migrate backup copy help" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand db; and not __fish_seen_subcommand_from status migrate backup copy help" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand db; and not __fish_seen_subcommand_from status migrate backup copy help" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand db; and not __fish_seen_subcommand_from status migrate backup copy help" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand db; and not __fish_seen_subcommand_from status migrate backup copy help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand db; and not __fish_seen_subcommand_from status migrate backup copy help" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand db; and not __fish_seen_subcommand_from status migrate backup copy help" -f -a "status" -d 'Show the engine, format, index and size of a database, and the rows of each table'
complete -c portolan -n "__fish_portolan_using_subcommand db; and not __fish_seen_subcommand_from status migrate backup copy help" -f -a "migrate" -d 'Create the tables of a database, or migrate those of an older portolan'
complete -c portolan -n "__fish_portolan_using_subcommand db; and not __fish_seen_subcommand_from status migrate backup copy help" -f -a "backup" -d 'Write a backup of a database to a new SQLite file'
complete -c portolan -n "__fish_portolan_using_subcommand db; and not __fish_seen_subcommand_from status migrate backup copy help" -f -a "copy" -d 'Copy a database to an empty one: SQLite to PostgreSQL, PostgreSQL to SQLite, or either to its own kind'
complete -c portolan -n "__fish_portolan_using_subcommand db; and not __fish_seen_subcommand_from status migrate backup copy help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from status" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from status" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from status" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from status" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from status" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from migrate" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from migrate" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from migrate" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from migrate" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from migrate" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from migrate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from migrate" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from backup" -l database -d 'Back up this database: a file, or postgresql://HOST/NAME [default: the one in the server\'s settings]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from backup" -l registry -l server -d 'Back up through the server that uses the file, without stopping it, as in portolan://127.0.0.1:7440. If the server has authentication, PORTOLAN_TOKEN must hold a key with the role admin' -r
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from backup" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from backup" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from backup" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from backup" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from backup" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from backup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from backup" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from copy" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from copy" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from copy" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from copy" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from copy" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from copy" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from copy" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from help" -f -a "status" -d 'Show the engine, format, index and size of a database, and the rows of each table'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from help" -f -a "migrate" -d 'Create the tables of a database, or migrate those of an older portolan'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from help" -f -a "backup" -d 'Write a backup of a database to a new SQLite file'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from help" -f -a "copy" -d 'Copy a database to an empty one: SQLite to PostgreSQL, PostgreSQL to SQLite, or either to its own kind'
complete -c portolan -n "__fish_portolan_using_subcommand db; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand bench" -l server -l registry -d 'Measure this server: http://HOST:PORT or consul://HOST:PORT [default: PORTOLAN_REGISTRY, else http://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand bench" -l rate -d 'Send N requests a second' -r
complete -c portolan -n "__fish_portolan_using_subcommand bench" -l duration -d 'Measure for this long' -r
complete -c portolan -n "__fish_portolan_using_subcommand bench" -l warm-up -d 'Send requests for this long before measuring; 0 for none' -r
complete -c portolan -n "__fish_portolan_using_subcommand bench" -l connections -d 'Use N connections' -r
complete -c portolan -n "__fish_portolan_using_subcommand bench" -l instances -d 'Register N instances first [default: 10; 100 for heartbeat, 1 for watch]' -r
complete -c portolan -n "__fish_portolan_using_subcommand bench" -l watchers -d 'Let N clients watch, for the scenario watch' -r
complete -c portolan -n "__fish_portolan_using_subcommand bench" -l timeout -d 'Set the maximum time for a reply' -r
complete -c portolan -n "__fish_portolan_using_subcommand bench" -l cpu -d 'Run on this processor only, to leave the others to the server' -r
complete -c portolan -n "__fish_portolan_using_subcommand bench" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand bench" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand bench" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand bench" -l closed -d 'Send each request as soon as the previous one is answered, to measure the maximum throughput'
complete -c portolan -n "__fish_portolan_using_subcommand bench" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand bench" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand bench" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand bench" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand ports" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand ports" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand ports" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand ports" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand ports" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand ports" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand ports" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand completions" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand completions" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand completions" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand completions" -l install -d 'Install the script where the shell finds it, and print that place'
complete -c portolan -n "__fish_portolan_using_subcommand completions" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand completions" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand completions" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand man" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand man" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand man" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand man" -l install -d 'Install the pages where `man` finds them, and print that place'
complete -c portolan -n "__fish_portolan_using_subcommand man" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand man" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand man" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show list get put delete history diff rollback help" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show list get put delete history diff rollback help" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show list get put delete history diff rollback help" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show list get put delete history diff rollback help" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show list get put delete history diff rollback help" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show list get put delete history diff rollback help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show list get put delete history diff rollback help" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show list get put delete history diff rollback help" -f -a "show" -d 'Print every setting with its value and origin, as a settings file or as JSON'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show list get put delete history diff rollback help" -f -a "list" -d 'List the configurations that a registry keeps'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show list get put delete history diff rollback help" -f -a "get" -d 'Print the value of a configuration'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show list get put delete history diff rollback help" -f -a "put" -d 'Store a new version of a configuration'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show list get put delete history diff rollback help" -f -a "delete" -d 'Delete a configuration'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show list get put delete history diff rollback help" -f -a "history" -d 'List the stored versions of a configuration, the newest first'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show list get put delete history diff rollback help" -f -a "diff" -d 'Compare two versions of a configuration, line by line'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show list get put delete history diff rollback help" -f -a "rollback" -d 'Make an older version of a configuration the newest'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show list get put delete history diff rollback help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from show" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from show" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from list" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from list" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from list" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from list" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from list" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from list" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from list" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from get" -l version -d 'Print this version, if it is still stored' -r
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from get" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from get" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from get" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from get" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from get" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from get" -l watch -d 'Print the value again after each change, until Ctrl-C'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from get" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from get" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from put" -l format -d 'Set the format of the value [default: json if it is JSON, else text]' -r -f -a "json\t'JSON'
text\t'Any other text'"
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from put" -l expect -d 'Store it only if this version is the current one; 0: only if there is none' -r
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from put" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from put" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from put" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from put" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from put" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from put" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from put" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from put" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from put" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from delete" -l expect -d 'Delete it only if this version is the current one' -r
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from delete" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from delete" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from delete" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from delete" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from delete" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from delete" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from delete" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from delete" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from delete" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from history" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from history" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from history" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from history" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from history" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from history" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from history" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from history" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from history" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from diff" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from diff" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from diff" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from diff" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from diff" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from diff" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from diff" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from diff" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from rollback" -l expect -d 'Roll back only if this version is the current one' -r
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from rollback" -l registry -l server -d 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]' -r
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from rollback" -l timeout -d 'Set the maximum time for the first reply of the registry' -r
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from rollback" -l config -d 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server\'s settings from it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from rollback" -s o -l output -d 'Output format. FORMAT=FILE also writes to a file; can be repeated' -r -f -a "table\t'Aligned columns'
wide\t'All columns that fit the terminal'
json\t'JSON document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'YAML document'
prometheus-sd\t'Targets for Prometheus file and HTTP service discovery'
nmap-xml\t'nmap XML, for ndiff and other nmap tools'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as Prometheus metrics'
explain\t'Each deduction from the score and its hint'
html\t'One page for a browser, with everything in it'
svg\t'A picture: processes, services and their endpoints'
dot\t'The same picture in the language of Graphviz'
mermaid\t'The same picture for GitHub, GitLab and wikis'
name\t'Ids only'
address\t'Addresses with ports, one per line'"
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from rollback" -l color -d 'Use color; auto: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from rollback" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from rollback" -s q -l quiet -d 'Write only errors to stderr'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from rollback" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from rollback" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print every setting with its value and origin, as a settings file or as JSON'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "list" -d 'List the configurations that a registry keeps'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "get" -d 'Print the value of a configuration'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "put" -d 'Store a new version of a configuration'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "delete" -d 'Delete a configuration'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "history" -d 'List the stored versions of a configuration, the newest first'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "diff" -d 'Compare two versions of a configuration, line by line'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "rollback" -d 'Make an older version of a configuration the newest'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "local" -d 'List what listens on this machine; short for `discover local`'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "scan" -d 'Find the open ports of hosts; short for `discover scan`'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "discover" -d 'List the services of this machine, other hosts, a cluster, a registry or a file'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "who" -d 'Show who holds a port: process, command line, unit or container, and since when'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "kill" -d 'End the process that listens on a TCP port'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "free-port" -d 'Print a port that is free and that you may listen on'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "validate" -d 'Check services and score their health; every deduction is explained'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "score" -d 'Score services again from the evidence of `portolan validate --evidence`'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "wait" -d 'Wait until every target accepts connections, then exit or run a command'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "resolve" -d 'Print an endpoint of a service for the next call'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "register" -d 'Register a service, and keep it registered while a program runs'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "deregister" -d 'Remove instances from a registry'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "services" -d 'List, show and change the services of a registry'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "status" -d 'Show the state of a registry that `portolan serve` runs: version, store, index, counts, uptime'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "health" -d 'Check the instances of a registry that `portolan serve` runs, or show what its checks found'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "audit" -d 'Read the audit log of a registry that `portolan serve` runs: who did what, when, from where, with which result'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "export" -d 'Write the instances of services as a proxy configuration'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "drift" -d 'Compare registries with what listens on this machine and what replies'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "agent" -d 'Register what listens on this host, and report where host and registry disagree'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "sync" -d 'Copy the services of one registry to another'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "doctor" -d 'Find problems with this machine, a registry or a service, and say what to do'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "explain" -d 'Explain a finding: what it means, what it costs, what to do about it'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "serve" -d 'Run a registry server: services register over HTTP, clients discover them'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "key" -d 'Create, list and revoke the API keys of `portolan serve`'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "db" -d 'Inspect, migrate, back up and copy the databases of `portolan serve`'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "bench" -d 'Measure the latency of a registry under load'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "ports" -d 'List the built-in port names that --ports accepts in place of numbers'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "completions" -d 'Print a shell completion script, or install it'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "man" -d 'Write one manual page per command to a directory, or install the pages'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "config" -d 'Show portolan\'s settings, or read and write configurations that a registry keeps for services'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from local scan discover who kill free-port validate score wait resolve register deregister services status health audit export drift agent sync doctor explain serve key db bench ports completions man config help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from discover" -f -a "local" -d 'List what listens on this machine: addresses, processes, owners'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from discover" -f -a "scan" -d 'Find open ports on hosts'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from discover" -f -a "k8s" -d 'List the services of a Kubernetes cluster, with endpoints, pods, nodes and findings'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from discover" -f -a "consul" -d 'List the services of Consul, with their instances and Consul\'s own checks'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from discover" -f -a "etcd" -d 'List the services that programs registered in etcd'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from discover" -f -a "portolan" -d 'List the services of a registry that `portolan serve` runs'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from discover" -f -a "dns" -d 'List the instances of services in DNS, from SRV, A, AAAA and TXT records'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from discover" -f -a "file" -d 'List the services that a file declares'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from services" -f -a "list" -d 'List the services of a registry: how many instances of each are healthy, their versions and tags'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from services" -f -a "get" -d 'Show a service: its health, versions, capabilities, and every instance with its state'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from services" -f -a "update" -d 'Change the status or the weight of registered instances'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from services" -f -a "balance" -d 'Show or set the balancing strategy of a service for clients that choose none'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from services" -f -a "switch" -d 'Send all calls of a service to the instances with a version or a tag, in one change'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from services" -f -a "shift" -d 'Move the calls of a service step by step to the instances with a version or a tag; without options, show the progress'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from health" -f -a "check" -d 'Run the checks of instances now, on the server, and print the results'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from health" -f -a "show" -d 'Show the health of an instance or a service: the states of its checks, the findings, and past results'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from audit" -f -a "verify" -d 'Find changed, removed, moved and inserted records in the audit log'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from key" -f -a "create" -d 'Create a key and print it once'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from key" -f -a "list" -d 'List the keys, without their secrets'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from key" -f -a "revoke" -d 'Revoke keys at once and permanently'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from db" -f -a "status" -d 'Show the engine, format, index and size of a database, and the rows of each table'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from db" -f -a "migrate" -d 'Create the tables of a database, or migrate those of an older portolan'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from db" -f -a "backup" -d 'Write a backup of a database to a new SQLite file'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from db" -f -a "copy" -d 'Copy a database to an empty one: SQLite to PostgreSQL, PostgreSQL to SQLite, or either to its own kind'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Print every setting with its value and origin, as a settings file or as JSON'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "list" -d 'List the configurations that a registry keeps'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "get" -d 'Print the value of a configuration'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "put" -d 'Store a new version of a configuration'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "delete" -d 'Delete a configuration'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "history" -d 'List the stored versions of a configuration, the newest first'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "diff" -d 'Compare two versions of a configuration, line by line'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "rollback" -d 'Make an older version of a configuration the newest'
