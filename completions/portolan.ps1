
using namespace System.Management.Automation
using namespace System.Management.Automation.Language

Register-ArgumentCompleter -Native -CommandName 'portolan' -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $commandElements = $commandAst.CommandElements
    $command = @(
        'portolan'
        for ($i = 1; $i -lt $commandElements.Count; $i++) {
            $element = $commandElements[$i]
            if ($element -isnot [StringConstantExpressionAst] -or
                $element.StringConstantType -ne [StringConstantType]::BareWord -or
                $element.Value.StartsWith('-') -or
                $element.Value -eq $wordToComplete) {
                break
        }
        $element.Value
    }) -join ';'

    $completions = @(switch ($command) {
        'portolan' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('local', 'local', [CompletionResultType]::ParameterValue, 'List what listens on this machine; short for `discover local`')
            [CompletionResult]::new('scan', 'scan', [CompletionResultType]::ParameterValue, 'Find the open ports of hosts; short for `discover scan`')
            [CompletionResult]::new('discover', 'discover', [CompletionResultType]::ParameterValue, 'List the services of this machine, other hosts, a cluster, a registry or a file')
            [CompletionResult]::new('who', 'who', [CompletionResultType]::ParameterValue, 'Show who holds a port: process, command line, unit or container, and since when')
            [CompletionResult]::new('kill', 'kill', [CompletionResultType]::ParameterValue, 'End the process that listens on a TCP port')
            [CompletionResult]::new('free-port', 'free-port', [CompletionResultType]::ParameterValue, 'Print a port that is free and that you may listen on')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Check services and score their health; every deduction is explained')
            [CompletionResult]::new('score', 'score', [CompletionResultType]::ParameterValue, 'Score services again from the evidence of `portolan validate --evidence`')
            [CompletionResult]::new('wait', 'wait', [CompletionResultType]::ParameterValue, 'Wait until every target accepts connections, then exit or run a command')
            [CompletionResult]::new('resolve', 'resolve', [CompletionResultType]::ParameterValue, 'Print an endpoint of a service for the next call')
            [CompletionResult]::new('register', 'register', [CompletionResultType]::ParameterValue, 'Register a service, and keep it registered while a program runs')
            [CompletionResult]::new('deregister', 'deregister', [CompletionResultType]::ParameterValue, 'Remove instances from a registry')
            [CompletionResult]::new('services', 'services', [CompletionResultType]::ParameterValue, 'List, show and change the services of a registry')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show the state of a registry that `portolan serve` runs: version, store, index, counts, uptime')
            [CompletionResult]::new('health', 'health', [CompletionResultType]::ParameterValue, 'Check the instances of a registry that `portolan serve` runs, or show what its checks found')
            [CompletionResult]::new('audit', 'audit', [CompletionResultType]::ParameterValue, 'Read the audit log of a registry that `portolan serve` runs: who did what, when, from where, with which result')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write the instances of services as a proxy configuration')
            [CompletionResult]::new('drift', 'drift', [CompletionResultType]::ParameterValue, 'Compare registries with what listens on this machine and what replies')
            [CompletionResult]::new('agent', 'agent', [CompletionResultType]::ParameterValue, 'Register what listens on this host, and report where host and registry disagree')
            [CompletionResult]::new('sync', 'sync', [CompletionResultType]::ParameterValue, 'Copy the services of one registry to another')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Find problems with this machine, a registry or a service, and say what to do')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Explain a finding: what it means, what it costs, what to do about it')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Run a registry server: services register over HTTP, clients discover them')
            [CompletionResult]::new('key', 'key', [CompletionResultType]::ParameterValue, 'Create, list and revoke the API keys of `portolan serve`')
            [CompletionResult]::new('db', 'db', [CompletionResultType]::ParameterValue, 'Inspect, migrate, back up and copy the databases of `portolan serve`')
            [CompletionResult]::new('bench', 'bench', [CompletionResultType]::ParameterValue, 'Measure the latency of a registry under load')
            [CompletionResult]::new('ports', 'ports', [CompletionResultType]::ParameterValue, 'List the built-in port names that --ports accepts in place of numbers')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a shell completion script, or install it')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Write one manual page per command to a directory, or install the pages')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Show portolan''s settings, or read and write configurations that a registry keeps for services')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;local' {
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Show only these ports: numbers, ranges and names, as in 22,80,8000-9000,https')
            [CompletionResult]::new('--ports', '--ports', [CompletionResultType]::ParameterName, 'Show only these ports: numbers, ranges and names, as in 22,80,8000-9000,https')
            [CompletionResult]::new('--state', '--state', [CompletionResultType]::ParameterName, 'Show only sockets in these states [default: all but connected]')
            [CompletionResult]::new('--process', '--process', [CompletionResultType]::ParameterName, 'Show only listeners of processes whose name matches: `*`, `?`, `[a-z]`')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Show only listeners that this user opened or holds, by name or number')
            [CompletionResult]::new('--interface', '--interface', [CompletionResultType]::ParameterName, 'Show only listeners that are reachable through this interface')
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'With --validate, trust the certificates in this file (PEM) instead of the system''s roots')
            [CompletionResult]::new('--pin', '--pin', [CompletionResultType]::ParameterName, 'With --validate, trust the certificate with this SHA-256 and no other')
            [CompletionResult]::new('--server-name', '--server-name', [CompletionResultType]::ParameterName, 'With --validate, send this server name in TLS and in the Host header of HTTP, and require it of certificates')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'With --validate, present this client certificate to servers that require one: a PEM file with its chain')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Use this private key for --cert: a PEM file [default: the file of --cert]')
            [CompletionResult]::new('--fail-findings', '--fail-findings', [CompletionResultType]::ParameterName, 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one')
            [CompletionResult]::new('--hand-to', '--hand-to', [CompletionResultType]::ParameterName, 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by a column; FIELD:desc sorts in reverse')
            [CompletionResult]::new('--group-by', '--group-by', [CompletionResultType]::ParameterName, 'Put the rows of each process, port, interface, unit, or other column under a heading')
            [CompletionResult]::new('--intensity', '--intensity', [CompletionResultType]::ParameterName, 'Set how many probes to send to ports whose numbers suggest no protocol')
            [CompletionResult]::new('--identify-timeout', '--identify-timeout', [CompletionResultType]::ParameterName, 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]')
            [CompletionResult]::new('--probes', '--probes', [CompletionResultType]::ParameterName, 'Add the probes in this TOML file')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N changes (services present at the start do not count)')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Stop at the first event that matches, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'POST each change to this URL, with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Report a service as better after N better results in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Report a service as worse after N worse results in a row [default: 3]')
            [CompletionResult]::new('--min-score', '--min-score', [CompletionResultType]::ParameterName, 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]')
            [CompletionResult]::new('--register', '--register', [CompletionResultType]::ParameterName, 'Register what the rules of this TOML file match, for as long as it listens')
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry for --register, as in consul://127.0.0.1:8500 [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry for --register, as in consul://127.0.0.1:8500 [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--common-ports', '--common-ports', [CompletionResultType]::ParameterName, 'Show only ports that have a name in `portolan ports`')
            [CompletionResult]::new('--tcp', '--tcp', [CompletionResultType]::ParameterName, 'Show TCP listeners [default: TCP and UDP]')
            [CompletionResult]::new('--udp', '--udp', [CompletionResultType]::ParameterName, 'Show UDP sockets')
            [CompletionResult]::new('--unix', '--unix', [CompletionResultType]::ParameterName, 'Show Unix-domain listeners')
            [CompletionResult]::new('--udplite', '--udplite', [CompletionResultType]::ParameterName, 'Show UDP-Lite sockets')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'Show raw sockets, which receive the packets of an IP protocol (ping has one)')
            [CompletionResult]::new('--packet', '--packet', [CompletionResultType]::ParameterName, 'Show packet sockets, which receive the frames of network interfaces (tcpdump has one)')
            [CompletionResult]::new('--vsock', '--vsock', [CompletionResultType]::ParameterName, 'Show vsock sockets, which connect virtual machines and their host (needs the kernel module vsock_diag)')
            [CompletionResult]::new('--skip-loopback', '--skip-loopback', [CompletionResultType]::ParameterName, 'Leave out listeners that only this host can reach')
            [CompletionResult]::new('--skip-private', '--skip-private', [CompletionResultType]::ParameterName, 'Leave out listeners bound to a private address')
            [CompletionResult]::new('--exposed', '--exposed', [CompletionResultType]::ParameterName, 'Show only listeners that another host could reach, by addresses, interfaces and firewall rules')
            [CompletionResult]::new('--all-netns', '--all-netns', [CompletionResultType]::ParameterName, 'Include every network namespace of this machine (needs root)')
            [CompletionResult]::new('--runtime', '--runtime', [CompletionResultType]::ParameterName, 'Show the names and images of containers, from the sockets of docker, podman, containerd and CRI-O')
            [CompletionResult]::new('--connections', '--connections', [CompletionResultType]::ParameterName, 'List connections instead of listeners; each has the processes of both ends, if both are on this machine')
            [CompletionResult]::new('--fail-empty', '--fail-empty', [CompletionResultType]::ParameterName, 'Exit with 1 if nothing is found')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 4 if a missing permission hides requested data, such as an owner')
            [CompletionResult]::new('--fail-changed', '--fail-changed', [CompletionResultType]::ParameterName, 'Exit with 1 if --diff finds any difference')
            [CompletionResult]::new('--counts', '--counts', [CompletionResultType]::ParameterName, 'With --group-by, print only the number of rows for each value, the largest first')
            [CompletionResult]::new('--tree', '--tree', [CompletionResultType]::ParameterName, 'Show listeners below their processes, and processes below those that started them')
            [CompletionResult]::new('--no-headers', '--no-headers', [CompletionResultType]::ParameterName, 'Leave out the line with the names of the columns')
            [CompletionResult]::new('--identify', '--identify', [CompletionResultType]::ParameterName, 'Identify each service: protocol, product, version')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Print lines even on a terminal, instead of the live table')
            [CompletionResult]::new('--validate', '--validate', [CompletionResultType]::ParameterName, 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;scan' {
            [CompletionResult]::new('--interface', '--interface', [CompletionResultType]::ParameterName, 'Scan the networks of this interface')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Skip these targets')
            [CompletionResult]::new('--exclude-file', '--exclude-file', [CompletionResultType]::ParameterName, 'Skip the targets in this file')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Scan these ports, such as 22,80,8000-9000 or - for all; https and other names are ports too, and U:53,161,T:80 selects UDP and TCP')
            [CompletionResult]::new('--ports', '--ports', [CompletionResultType]::ParameterName, 'Scan these ports, such as 22,80,8000-9000 or - for all; https and other names are ports too, and U:53,161,T:80 selects UDP and TCP')
            [CompletionResult]::new('--top-ports', '--top-ports', [CompletionResultType]::ParameterName, 'Scan the N most common ports [default: 1000]; with --udp, the N most common UDP ports')
            [CompletionResult]::new('--exclude-ports', '--exclude-ports', [CompletionResultType]::ParameterName, 'Skip these ports')
            [CompletionResult]::new('-T', '-T ', [CompletionResultType]::ParameterName, 'Set the speed of the scan')
            [CompletionResult]::new('--pace', '--pace', [CompletionResultType]::ParameterName, 'Set the speed of the scan')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Send at most N probes per second in total')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum timeout of one attempt, as in 500ms or 2s; the actual timeout adapts to the measured round trips')
            [CompletionResult]::new('--retries', '--retries', [CompletionResultType]::ParameterName, 'Retry a silent port at most N times [default: as the measured packet loss requires]')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'Stop the whole scan after this time, even if it is incomplete')
            [CompletionResult]::new('--source-address', '--source-address', [CompletionResultType]::ParameterName, 'Send probes from this address of this machine')
            [CompletionResult]::new('--source-port', '--source-port', [CompletionResultType]::ParameterName, 'Send probes from this port')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'Connect through this proxy: socks5://host:1080, or http://host:8080 for HTTP CONNECT')
            [CompletionResult]::new('--shard', '--shard', [CompletionResultType]::ParameterName, 'Scan one of N parts, as in 3/16: N machines share the scan, and no probe is sent twice')
            [CompletionResult]::new('--resume', '--resume', [CompletionResultType]::ParameterName, 'Store the progress of the scan in this file, and resume from it if it exists')
            [CompletionResult]::new('--resolver', '--resolver', [CompletionResultType]::ParameterName, 'Query these DNS servers for --names, at most 3: 10.0.0.53:53 [default: the system''s]')
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'With --validate, trust the certificates in this file (PEM) instead of the system''s roots')
            [CompletionResult]::new('--pin', '--pin', [CompletionResultType]::ParameterName, 'With --validate, trust the certificate with this SHA-256 and no other')
            [CompletionResult]::new('--server-name', '--server-name', [CompletionResultType]::ParameterName, 'With --validate, send this server name in TLS and in the Host header of HTTP, and require it of certificates')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'With --validate, present this client certificate to servers that require one: a PEM file with its chain')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Use this private key for --cert: a PEM file [default: the file of --cert]')
            [CompletionResult]::new('--fail-findings', '--fail-findings', [CompletionResultType]::ParameterName, 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one')
            [CompletionResult]::new('--hand-to', '--hand-to', [CompletionResultType]::ParameterName, 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by a column; FIELD:desc sorts in reverse')
            [CompletionResult]::new('--group-by', '--group-by', [CompletionResultType]::ParameterName, 'Put the rows of each process, port, interface, unit, or other column under a heading')
            [CompletionResult]::new('--intensity', '--intensity', [CompletionResultType]::ParameterName, 'Set how many probes to send to ports whose numbers suggest no protocol')
            [CompletionResult]::new('--identify-timeout', '--identify-timeout', [CompletionResultType]::ParameterName, 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]')
            [CompletionResult]::new('--probes', '--probes', [CompletionResultType]::ParameterName, 'Add the probes in this TOML file')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N changes (services present at the start do not count)')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Stop at the first event that matches, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'POST each change to this URL, with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Report a service as better after N better results in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Report a service as worse after N worse results in a row [default: 3]')
            [CompletionResult]::new('--min-score', '--min-score', [CompletionResultType]::ParameterName, 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Scan IPv4 addresses only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Scan IPv4 addresses only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Scan IPv6 addresses only')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Scan IPv6 addresses only')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask before a scan of more than 1,048,576 probes')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask before a scan of more than 1,048,576 probes')
            [CompletionResult]::new('-U', '-U ', [CompletionResultType]::ParameterName, 'Scan UDP ports instead of TCP [default ports: those with a probe]')
            [CompletionResult]::new('--udp', '--udp', [CompletionResultType]::ParameterName, 'Scan UDP ports instead of TCP [default ports: those with a probe]')
            [CompletionResult]::new('--syn', '--syn', [CompletionResultType]::ParameterName, 'Scan TCP ports with half-open connections, which no program on the host sees; needs CAP_NET_RAW')
            [CompletionResult]::new('--no-ping', '--no-ping', [CompletionResultType]::ParameterName, 'Scan every port of every host, without host discovery')
            [CompletionResult]::new('--discover-only', '--discover-only', [CompletionResultType]::ParameterName, 'Find out which hosts are up, and scan no ports (-sn)')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'List closed, filtered and unreachable ports too')
            [CompletionResult]::new('--open', '--open', [CompletionResultType]::ParameterName, 'List open ports only, even if the settings say --all')
            [CompletionResult]::new('--names', '--names', [CompletionResultType]::ParameterName, 'Look up the names of found hosts in DNS (PTR records)')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Show the reason for each state in the table')
            [CompletionResult]::new('--fail-empty', '--fail-empty', [CompletionResultType]::ParameterName, 'Exit with 1 if nothing is found')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 4 if a missing permission hides requested data, such as an owner')
            [CompletionResult]::new('--fail-changed', '--fail-changed', [CompletionResultType]::ParameterName, 'Exit with 1 if --diff finds any difference')
            [CompletionResult]::new('--counts', '--counts', [CompletionResultType]::ParameterName, 'With --group-by, print only the number of rows for each value, the largest first')
            [CompletionResult]::new('--tree', '--tree', [CompletionResultType]::ParameterName, 'Show listeners below their processes, and processes below those that started them')
            [CompletionResult]::new('--no-headers', '--no-headers', [CompletionResultType]::ParameterName, 'Leave out the line with the names of the columns')
            [CompletionResult]::new('--identify', '--identify', [CompletionResultType]::ParameterName, 'Identify each service: protocol, product, version')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Print lines even on a terminal, instead of the live table')
            [CompletionResult]::new('--validate', '--validate', [CompletionResultType]::ParameterName, 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;discover' {
            [CompletionResult]::new('--fail-findings', '--fail-findings', [CompletionResultType]::ParameterName, 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one')
            [CompletionResult]::new('--hand-to', '--hand-to', [CompletionResultType]::ParameterName, 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by a column; FIELD:desc sorts in reverse')
            [CompletionResult]::new('--group-by', '--group-by', [CompletionResultType]::ParameterName, 'Put the rows of each process, port, interface, unit, or other column under a heading')
            [CompletionResult]::new('--intensity', '--intensity', [CompletionResultType]::ParameterName, 'Set how many probes to send to ports whose numbers suggest no protocol')
            [CompletionResult]::new('--identify-timeout', '--identify-timeout', [CompletionResultType]::ParameterName, 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]')
            [CompletionResult]::new('--probes', '--probes', [CompletionResultType]::ParameterName, 'Add the probes in this TOML file')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N changes (services present at the start do not count)')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Stop at the first event that matches, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'POST each change to this URL, with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Report a service as better after N better results in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Report a service as worse after N worse results in a row [default: 3]')
            [CompletionResult]::new('--min-score', '--min-score', [CompletionResultType]::ParameterName, 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--fail-empty', '--fail-empty', [CompletionResultType]::ParameterName, 'Exit with 1 if nothing is found')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 4 if a missing permission hides requested data, such as an owner')
            [CompletionResult]::new('--fail-changed', '--fail-changed', [CompletionResultType]::ParameterName, 'Exit with 1 if --diff finds any difference')
            [CompletionResult]::new('--counts', '--counts', [CompletionResultType]::ParameterName, 'With --group-by, print only the number of rows for each value, the largest first')
            [CompletionResult]::new('--tree', '--tree', [CompletionResultType]::ParameterName, 'Show listeners below their processes, and processes below those that started them')
            [CompletionResult]::new('--no-headers', '--no-headers', [CompletionResultType]::ParameterName, 'Leave out the line with the names of the columns')
            [CompletionResult]::new('--identify', '--identify', [CompletionResultType]::ParameterName, 'Identify each service: protocol, product, version')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Print lines even on a terminal, instead of the live table')
            [CompletionResult]::new('--validate', '--validate', [CompletionResultType]::ParameterName, 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('local', 'local', [CompletionResultType]::ParameterValue, 'List what listens on this machine: addresses, processes, owners')
            [CompletionResult]::new('scan', 'scan', [CompletionResultType]::ParameterValue, 'Find open ports on hosts')
            [CompletionResult]::new('k8s', 'k8s', [CompletionResultType]::ParameterValue, 'List the services of a Kubernetes cluster, with endpoints, pods, nodes and findings')
            [CompletionResult]::new('consul', 'consul', [CompletionResultType]::ParameterValue, 'List the services of Consul, with their instances and Consul''s own checks')
            [CompletionResult]::new('etcd', 'etcd', [CompletionResultType]::ParameterValue, 'List the services that programs registered in etcd')
            [CompletionResult]::new('portolan', 'portolan', [CompletionResultType]::ParameterValue, 'List the services of a registry that `portolan serve` runs')
            [CompletionResult]::new('dns', 'dns', [CompletionResultType]::ParameterValue, 'List the instances of services in DNS, from SRV, A, AAAA and TXT records')
            [CompletionResult]::new('file', 'file', [CompletionResultType]::ParameterValue, 'List the services that a file declares')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;discover;local' {
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Show only these ports: numbers, ranges and names, as in 22,80,8000-9000,https')
            [CompletionResult]::new('--ports', '--ports', [CompletionResultType]::ParameterName, 'Show only these ports: numbers, ranges and names, as in 22,80,8000-9000,https')
            [CompletionResult]::new('--state', '--state', [CompletionResultType]::ParameterName, 'Show only sockets in these states [default: all but connected]')
            [CompletionResult]::new('--process', '--process', [CompletionResultType]::ParameterName, 'Show only listeners of processes whose name matches: `*`, `?`, `[a-z]`')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Show only listeners that this user opened or holds, by name or number')
            [CompletionResult]::new('--interface', '--interface', [CompletionResultType]::ParameterName, 'Show only listeners that are reachable through this interface')
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'With --validate, trust the certificates in this file (PEM) instead of the system''s roots')
            [CompletionResult]::new('--pin', '--pin', [CompletionResultType]::ParameterName, 'With --validate, trust the certificate with this SHA-256 and no other')
            [CompletionResult]::new('--server-name', '--server-name', [CompletionResultType]::ParameterName, 'With --validate, send this server name in TLS and in the Host header of HTTP, and require it of certificates')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'With --validate, present this client certificate to servers that require one: a PEM file with its chain')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Use this private key for --cert: a PEM file [default: the file of --cert]')
            [CompletionResult]::new('--fail-findings', '--fail-findings', [CompletionResultType]::ParameterName, 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one')
            [CompletionResult]::new('--hand-to', '--hand-to', [CompletionResultType]::ParameterName, 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by a column; FIELD:desc sorts in reverse')
            [CompletionResult]::new('--group-by', '--group-by', [CompletionResultType]::ParameterName, 'Put the rows of each process, port, interface, unit, or other column under a heading')
            [CompletionResult]::new('--intensity', '--intensity', [CompletionResultType]::ParameterName, 'Set how many probes to send to ports whose numbers suggest no protocol')
            [CompletionResult]::new('--identify-timeout', '--identify-timeout', [CompletionResultType]::ParameterName, 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]')
            [CompletionResult]::new('--probes', '--probes', [CompletionResultType]::ParameterName, 'Add the probes in this TOML file')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N changes (services present at the start do not count)')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Stop at the first event that matches, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'POST each change to this URL, with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Report a service as better after N better results in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Report a service as worse after N worse results in a row [default: 3]')
            [CompletionResult]::new('--min-score', '--min-score', [CompletionResultType]::ParameterName, 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--common-ports', '--common-ports', [CompletionResultType]::ParameterName, 'Show only ports that have a name in `portolan ports`')
            [CompletionResult]::new('--tcp', '--tcp', [CompletionResultType]::ParameterName, 'Show TCP listeners [default: TCP and UDP]')
            [CompletionResult]::new('--udp', '--udp', [CompletionResultType]::ParameterName, 'Show UDP sockets')
            [CompletionResult]::new('--unix', '--unix', [CompletionResultType]::ParameterName, 'Show Unix-domain listeners')
            [CompletionResult]::new('--udplite', '--udplite', [CompletionResultType]::ParameterName, 'Show UDP-Lite sockets')
            [CompletionResult]::new('--raw', '--raw', [CompletionResultType]::ParameterName, 'Show raw sockets, which receive the packets of an IP protocol (ping has one)')
            [CompletionResult]::new('--packet', '--packet', [CompletionResultType]::ParameterName, 'Show packet sockets, which receive the frames of network interfaces (tcpdump has one)')
            [CompletionResult]::new('--vsock', '--vsock', [CompletionResultType]::ParameterName, 'Show vsock sockets, which connect virtual machines and their host (needs the kernel module vsock_diag)')
            [CompletionResult]::new('--skip-loopback', '--skip-loopback', [CompletionResultType]::ParameterName, 'Leave out listeners that only this host can reach')
            [CompletionResult]::new('--skip-private', '--skip-private', [CompletionResultType]::ParameterName, 'Leave out listeners bound to a private address')
            [CompletionResult]::new('--exposed', '--exposed', [CompletionResultType]::ParameterName, 'Show only listeners that another host could reach, by addresses, interfaces and firewall rules')
            [CompletionResult]::new('--all-netns', '--all-netns', [CompletionResultType]::ParameterName, 'Include every network namespace of this machine (needs root)')
            [CompletionResult]::new('--runtime', '--runtime', [CompletionResultType]::ParameterName, 'Show the names and images of containers, from the sockets of docker, podman, containerd and CRI-O')
            [CompletionResult]::new('--connections', '--connections', [CompletionResultType]::ParameterName, 'List connections instead of listeners; each has the processes of both ends, if both are on this machine')
            [CompletionResult]::new('--fail-empty', '--fail-empty', [CompletionResultType]::ParameterName, 'Exit with 1 if nothing is found')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 4 if a missing permission hides requested data, such as an owner')
            [CompletionResult]::new('--fail-changed', '--fail-changed', [CompletionResultType]::ParameterName, 'Exit with 1 if --diff finds any difference')
            [CompletionResult]::new('--counts', '--counts', [CompletionResultType]::ParameterName, 'With --group-by, print only the number of rows for each value, the largest first')
            [CompletionResult]::new('--tree', '--tree', [CompletionResultType]::ParameterName, 'Show listeners below their processes, and processes below those that started them')
            [CompletionResult]::new('--no-headers', '--no-headers', [CompletionResultType]::ParameterName, 'Leave out the line with the names of the columns')
            [CompletionResult]::new('--identify', '--identify', [CompletionResultType]::ParameterName, 'Identify each service: protocol, product, version')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Print lines even on a terminal, instead of the live table')
            [CompletionResult]::new('--validate', '--validate', [CompletionResultType]::ParameterName, 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;discover;scan' {
            [CompletionResult]::new('--interface', '--interface', [CompletionResultType]::ParameterName, 'Scan the networks of this interface')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Skip these targets')
            [CompletionResult]::new('--exclude-file', '--exclude-file', [CompletionResultType]::ParameterName, 'Skip the targets in this file')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Scan these ports, such as 22,80,8000-9000 or - for all; https and other names are ports too, and U:53,161,T:80 selects UDP and TCP')
            [CompletionResult]::new('--ports', '--ports', [CompletionResultType]::ParameterName, 'Scan these ports, such as 22,80,8000-9000 or - for all; https and other names are ports too, and U:53,161,T:80 selects UDP and TCP')
            [CompletionResult]::new('--top-ports', '--top-ports', [CompletionResultType]::ParameterName, 'Scan the N most common ports [default: 1000]; with --udp, the N most common UDP ports')
            [CompletionResult]::new('--exclude-ports', '--exclude-ports', [CompletionResultType]::ParameterName, 'Skip these ports')
            [CompletionResult]::new('-T', '-T ', [CompletionResultType]::ParameterName, 'Set the speed of the scan')
            [CompletionResult]::new('--pace', '--pace', [CompletionResultType]::ParameterName, 'Set the speed of the scan')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Send at most N probes per second in total')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum timeout of one attempt, as in 500ms or 2s; the actual timeout adapts to the measured round trips')
            [CompletionResult]::new('--retries', '--retries', [CompletionResultType]::ParameterName, 'Retry a silent port at most N times [default: as the measured packet loss requires]')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'Stop the whole scan after this time, even if it is incomplete')
            [CompletionResult]::new('--source-address', '--source-address', [CompletionResultType]::ParameterName, 'Send probes from this address of this machine')
            [CompletionResult]::new('--source-port', '--source-port', [CompletionResultType]::ParameterName, 'Send probes from this port')
            [CompletionResult]::new('--proxy', '--proxy', [CompletionResultType]::ParameterName, 'Connect through this proxy: socks5://host:1080, or http://host:8080 for HTTP CONNECT')
            [CompletionResult]::new('--shard', '--shard', [CompletionResultType]::ParameterName, 'Scan one of N parts, as in 3/16: N machines share the scan, and no probe is sent twice')
            [CompletionResult]::new('--resume', '--resume', [CompletionResultType]::ParameterName, 'Store the progress of the scan in this file, and resume from it if it exists')
            [CompletionResult]::new('--resolver', '--resolver', [CompletionResultType]::ParameterName, 'Query these DNS servers for --names, at most 3: 10.0.0.53:53 [default: the system''s]')
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'With --validate, trust the certificates in this file (PEM) instead of the system''s roots')
            [CompletionResult]::new('--pin', '--pin', [CompletionResultType]::ParameterName, 'With --validate, trust the certificate with this SHA-256 and no other')
            [CompletionResult]::new('--server-name', '--server-name', [CompletionResultType]::ParameterName, 'With --validate, send this server name in TLS and in the Host header of HTTP, and require it of certificates')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'With --validate, present this client certificate to servers that require one: a PEM file with its chain')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Use this private key for --cert: a PEM file [default: the file of --cert]')
            [CompletionResult]::new('--fail-findings', '--fail-findings', [CompletionResultType]::ParameterName, 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one')
            [CompletionResult]::new('--hand-to', '--hand-to', [CompletionResultType]::ParameterName, 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by a column; FIELD:desc sorts in reverse')
            [CompletionResult]::new('--group-by', '--group-by', [CompletionResultType]::ParameterName, 'Put the rows of each process, port, interface, unit, or other column under a heading')
            [CompletionResult]::new('--intensity', '--intensity', [CompletionResultType]::ParameterName, 'Set how many probes to send to ports whose numbers suggest no protocol')
            [CompletionResult]::new('--identify-timeout', '--identify-timeout', [CompletionResultType]::ParameterName, 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]')
            [CompletionResult]::new('--probes', '--probes', [CompletionResultType]::ParameterName, 'Add the probes in this TOML file')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N changes (services present at the start do not count)')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Stop at the first event that matches, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'POST each change to this URL, with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Report a service as better after N better results in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Report a service as worse after N worse results in a row [default: 3]')
            [CompletionResult]::new('--min-score', '--min-score', [CompletionResultType]::ParameterName, 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Scan IPv4 addresses only')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Scan IPv4 addresses only')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Scan IPv6 addresses only')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Scan IPv6 addresses only')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Do not ask before a scan of more than 1,048,576 probes')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Do not ask before a scan of more than 1,048,576 probes')
            [CompletionResult]::new('-U', '-U ', [CompletionResultType]::ParameterName, 'Scan UDP ports instead of TCP [default ports: those with a probe]')
            [CompletionResult]::new('--udp', '--udp', [CompletionResultType]::ParameterName, 'Scan UDP ports instead of TCP [default ports: those with a probe]')
            [CompletionResult]::new('--syn', '--syn', [CompletionResultType]::ParameterName, 'Scan TCP ports with half-open connections, which no program on the host sees; needs CAP_NET_RAW')
            [CompletionResult]::new('--no-ping', '--no-ping', [CompletionResultType]::ParameterName, 'Scan every port of every host, without host discovery')
            [CompletionResult]::new('--discover-only', '--discover-only', [CompletionResultType]::ParameterName, 'Find out which hosts are up, and scan no ports (-sn)')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'List closed, filtered and unreachable ports too')
            [CompletionResult]::new('--open', '--open', [CompletionResultType]::ParameterName, 'List open ports only, even if the settings say --all')
            [CompletionResult]::new('--names', '--names', [CompletionResultType]::ParameterName, 'Look up the names of found hosts in DNS (PTR records)')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Show the reason for each state in the table')
            [CompletionResult]::new('--fail-empty', '--fail-empty', [CompletionResultType]::ParameterName, 'Exit with 1 if nothing is found')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 4 if a missing permission hides requested data, such as an owner')
            [CompletionResult]::new('--fail-changed', '--fail-changed', [CompletionResultType]::ParameterName, 'Exit with 1 if --diff finds any difference')
            [CompletionResult]::new('--counts', '--counts', [CompletionResultType]::ParameterName, 'With --group-by, print only the number of rows for each value, the largest first')
            [CompletionResult]::new('--tree', '--tree', [CompletionResultType]::ParameterName, 'Show listeners below their processes, and processes below those that started them')
            [CompletionResult]::new('--no-headers', '--no-headers', [CompletionResultType]::ParameterName, 'Leave out the line with the names of the columns')
            [CompletionResult]::new('--identify', '--identify', [CompletionResultType]::ParameterName, 'Identify each service: protocol, product, version')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Print lines even on a terminal, instead of the live table')
            [CompletionResult]::new('--validate', '--validate', [CompletionResultType]::ParameterName, 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;discover;k8s' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'List the services of these namespaces, as in shop or ''team-*'' [default: the context''s]')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'List the services of these namespaces, as in shop or ''team-*'' [default: the context''s]')
            [CompletionResult]::new('--exclude-namespace', '--exclude-namespace', [CompletionResultType]::ParameterName, 'With -A, leave out the services of these namespaces')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'List only objects with these labels, as in app=web,tier!=test or ''env in (dev,qa)''')
            [CompletionResult]::new('--selector', '--selector', [CompletionResultType]::ParameterName, 'List only objects with these labels, as in app=web,tier!=test or ''env in (dev,qa)''')
            [CompletionResult]::new('--field-selector', '--field-selector', [CompletionResultType]::ParameterName, 'List only objects with these fields, as in metadata.name=web')
            [CompletionResult]::new('--kubeconfig', '--kubeconfig', [CompletionResultType]::ParameterName, 'Read this kubeconfig; in a list, the first file to set a value wins [default: ~/.kube/config]')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'Use this context of the kubeconfig [default: its current one]')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'With --validate, send HTTP checks through the API server''s proxy, for endpoints unreachable from here')
            [CompletionResult]::new('--resolver', '--resolver', [CompletionResultType]::ParameterName, 'Resolve external names with these resolvers instead of the system''s, as in 10.96.0.10 or 127.0.0.1:5353')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum duration of one request, as in 500ms or 10s')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'Stop the whole run after this time, even if it is incomplete [default: 2m for the API server, none for checks]')
            [CompletionResult]::new('--fail-findings', '--fail-findings', [CompletionResultType]::ParameterName, 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one')
            [CompletionResult]::new('--hand-to', '--hand-to', [CompletionResultType]::ParameterName, 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by a column; FIELD:desc sorts in reverse')
            [CompletionResult]::new('--group-by', '--group-by', [CompletionResultType]::ParameterName, 'Put the rows of each process, port, interface, unit, or other column under a heading')
            [CompletionResult]::new('--intensity', '--intensity', [CompletionResultType]::ParameterName, 'Set how many probes to send to ports whose numbers suggest no protocol')
            [CompletionResult]::new('--identify-timeout', '--identify-timeout', [CompletionResultType]::ParameterName, 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]')
            [CompletionResult]::new('--probes', '--probes', [CompletionResultType]::ParameterName, 'Add the probes in this TOML file')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N changes (services present at the start do not count)')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Stop at the first event that matches, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'POST each change to this URL, with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Report a service as better after N better results in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Report a service as worse after N worse results in a row [default: 3]')
            [CompletionResult]::new('--min-score', '--min-score', [CompletionResultType]::ParameterName, 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('-A', '-A ', [CompletionResultType]::ParameterName, 'List the services of all namespaces')
            [CompletionResult]::new('--all-namespaces', '--all-namespaces', [CompletionResultType]::ParameterName, 'List the services of all namespaces')
            [CompletionResult]::new('--pods', '--pods', [CompletionResultType]::ParameterName, 'List pods too, with their container ports and the services that select them')
            [CompletionResult]::new('--ingress', '--ingress', [CompletionResultType]::ParameterName, 'List Ingresses and Gateway API routes too: hosts, paths and backends')
            [CompletionResult]::new('--in-cluster', '--in-cluster', [CompletionResultType]::ParameterName, 'Use the pod''s service account; the default in a pod without a kubeconfig')
            [CompletionResult]::new('--allow-exec', '--allow-exec', [CompletionResultType]::ParameterName, 'Run the program that the kubeconfig names for credentials')
            [CompletionResult]::new('--fail-empty', '--fail-empty', [CompletionResultType]::ParameterName, 'Exit with 1 if nothing is found')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 4 if a missing permission hides requested data, such as an owner')
            [CompletionResult]::new('--fail-changed', '--fail-changed', [CompletionResultType]::ParameterName, 'Exit with 1 if --diff finds any difference')
            [CompletionResult]::new('--counts', '--counts', [CompletionResultType]::ParameterName, 'With --group-by, print only the number of rows for each value, the largest first')
            [CompletionResult]::new('--tree', '--tree', [CompletionResultType]::ParameterName, 'Show listeners below their processes, and processes below those that started them')
            [CompletionResult]::new('--no-headers', '--no-headers', [CompletionResultType]::ParameterName, 'Leave out the line with the names of the columns')
            [CompletionResult]::new('--identify', '--identify', [CompletionResultType]::ParameterName, 'Identify each service: protocol, product, version')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Print lines even on a terminal, instead of the live table')
            [CompletionResult]::new('--validate', '--validate', [CompletionResultType]::ParameterName, 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;discover;consul' {
            [CompletionResult]::new('--tag', '--tag', [CompletionResultType]::ParameterName, 'List only instances with this tag; can be repeated, and then all tags are required')
            [CompletionResult]::new('--datacenter', '--datacenter', [CompletionResultType]::ParameterName, 'List the services of this datacenter [default: the agent''s]')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'List the services of this namespace (Consul Enterprise)')
            [CompletionResult]::new('--partition', '--partition', [CompletionResultType]::ParameterName, 'List the services of this admin partition (Consul Enterprise)')
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'Use this agent or server: host:port, https://host:port or unix:///path [default: 127.0.0.1:8500]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'Read the ACL token from this file')
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'Trust the certificate authorities of this PEM file instead of the system''s')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Present the client certificate of this PEM file')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Use the private key of this PEM file for --cert')
            [CompletionResult]::new('--tls-server-name', '--tls-server-name', [CompletionResultType]::ParameterName, 'Expect this name in the server''s certificate [default: the host of the address]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum duration of one request, as in 500ms or 10s')
            [CompletionResult]::new('--fail-findings', '--fail-findings', [CompletionResultType]::ParameterName, 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one')
            [CompletionResult]::new('--hand-to', '--hand-to', [CompletionResultType]::ParameterName, 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by a column; FIELD:desc sorts in reverse')
            [CompletionResult]::new('--group-by', '--group-by', [CompletionResultType]::ParameterName, 'Put the rows of each process, port, interface, unit, or other column under a heading')
            [CompletionResult]::new('--intensity', '--intensity', [CompletionResultType]::ParameterName, 'Set how many probes to send to ports whose numbers suggest no protocol')
            [CompletionResult]::new('--identify-timeout', '--identify-timeout', [CompletionResultType]::ParameterName, 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]')
            [CompletionResult]::new('--probes', '--probes', [CompletionResultType]::ParameterName, 'Add the probes in this TOML file')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N changes (services present at the start do not count)')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Stop at the first event that matches, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'POST each change to this URL, with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Report a service as better after N better results in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Report a service as worse after N worse results in a row [default: 3]')
            [CompletionResult]::new('--min-score', '--min-score', [CompletionResultType]::ParameterName, 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--fail-empty', '--fail-empty', [CompletionResultType]::ParameterName, 'Exit with 1 if nothing is found')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 4 if a missing permission hides requested data, such as an owner')
            [CompletionResult]::new('--fail-changed', '--fail-changed', [CompletionResultType]::ParameterName, 'Exit with 1 if --diff finds any difference')
            [CompletionResult]::new('--counts', '--counts', [CompletionResultType]::ParameterName, 'With --group-by, print only the number of rows for each value, the largest first')
            [CompletionResult]::new('--tree', '--tree', [CompletionResultType]::ParameterName, 'Show listeners below their processes, and processes below those that started them')
            [CompletionResult]::new('--no-headers', '--no-headers', [CompletionResultType]::ParameterName, 'Leave out the line with the names of the columns')
            [CompletionResult]::new('--identify', '--identify', [CompletionResultType]::ParameterName, 'Identify each service: protocol, product, version')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Print lines even on a terminal, instead of the live table')
            [CompletionResult]::new('--validate', '--validate', [CompletionResultType]::ParameterName, 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;discover;etcd' {
            [CompletionResult]::new('--prefix', '--prefix', [CompletionResultType]::ParameterName, 'Read the keys that start with this text [default: /services/]')
            [CompletionResult]::new('--endpoint', '--endpoint', [CompletionResultType]::ParameterName, 'Use these servers; if one fails, portolan uses the next: host:port or https://host:port [default: 127.0.0.1:2379]')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Log in as this user')
            [CompletionResult]::new('--password-file', '--password-file', [CompletionResultType]::ParameterName, 'Read the user''s password from this file')
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'Trust the certificate authorities of this PEM file instead of the system''s')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Present the client certificate of this PEM file')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Use the private key of this PEM file for --cert')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum duration of one request, as in 500ms or 10s')
            [CompletionResult]::new('--fail-findings', '--fail-findings', [CompletionResultType]::ParameterName, 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one')
            [CompletionResult]::new('--hand-to', '--hand-to', [CompletionResultType]::ParameterName, 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by a column; FIELD:desc sorts in reverse')
            [CompletionResult]::new('--group-by', '--group-by', [CompletionResultType]::ParameterName, 'Put the rows of each process, port, interface, unit, or other column under a heading')
            [CompletionResult]::new('--intensity', '--intensity', [CompletionResultType]::ParameterName, 'Set how many probes to send to ports whose numbers suggest no protocol')
            [CompletionResult]::new('--identify-timeout', '--identify-timeout', [CompletionResultType]::ParameterName, 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]')
            [CompletionResult]::new('--probes', '--probes', [CompletionResultType]::ParameterName, 'Add the probes in this TOML file')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N changes (services present at the start do not count)')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Stop at the first event that matches, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'POST each change to this URL, with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Report a service as better after N better results in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Report a service as worse after N worse results in a row [default: 3]')
            [CompletionResult]::new('--min-score', '--min-score', [CompletionResultType]::ParameterName, 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--fail-empty', '--fail-empty', [CompletionResultType]::ParameterName, 'Exit with 1 if nothing is found')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 4 if a missing permission hides requested data, such as an owner')
            [CompletionResult]::new('--fail-changed', '--fail-changed', [CompletionResultType]::ParameterName, 'Exit with 1 if --diff finds any difference')
            [CompletionResult]::new('--counts', '--counts', [CompletionResultType]::ParameterName, 'With --group-by, print only the number of rows for each value, the largest first')
            [CompletionResult]::new('--tree', '--tree', [CompletionResultType]::ParameterName, 'Show listeners below their processes, and processes below those that started them')
            [CompletionResult]::new('--no-headers', '--no-headers', [CompletionResultType]::ParameterName, 'Leave out the line with the names of the columns')
            [CompletionResult]::new('--identify', '--identify', [CompletionResultType]::ParameterName, 'Identify each service: protocol, product, version')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Print lines even on a terminal, instead of the live table')
            [CompletionResult]::new('--validate', '--validate', [CompletionResultType]::ParameterName, 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;discover;portolan' {
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'List only the services of this namespace [default: all]')
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'Use this registry: host:port, https://host:port or unix:///path; commas separate its servers [default: 127.0.0.1:7440]')
            [CompletionResult]::new('--token-file', '--token-file', [CompletionResultType]::ParameterName, 'Read the token from this file')
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'Trust the certificate authorities of this PEM file instead of the system''s')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Present the client certificate of this PEM file')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Use the private key of this PEM file for --cert')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum duration of one request, as in 500ms or 10s')
            [CompletionResult]::new('--fail-findings', '--fail-findings', [CompletionResultType]::ParameterName, 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one')
            [CompletionResult]::new('--hand-to', '--hand-to', [CompletionResultType]::ParameterName, 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by a column; FIELD:desc sorts in reverse')
            [CompletionResult]::new('--group-by', '--group-by', [CompletionResultType]::ParameterName, 'Put the rows of each process, port, interface, unit, or other column under a heading')
            [CompletionResult]::new('--intensity', '--intensity', [CompletionResultType]::ParameterName, 'Set how many probes to send to ports whose numbers suggest no protocol')
            [CompletionResult]::new('--identify-timeout', '--identify-timeout', [CompletionResultType]::ParameterName, 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]')
            [CompletionResult]::new('--probes', '--probes', [CompletionResultType]::ParameterName, 'Add the probes in this TOML file')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N changes (services present at the start do not count)')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Stop at the first event that matches, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'POST each change to this URL, with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Report a service as better after N better results in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Report a service as worse after N worse results in a row [default: 3]')
            [CompletionResult]::new('--min-score', '--min-score', [CompletionResultType]::ParameterName, 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--fail-empty', '--fail-empty', [CompletionResultType]::ParameterName, 'Exit with 1 if nothing is found')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 4 if a missing permission hides requested data, such as an owner')
            [CompletionResult]::new('--fail-changed', '--fail-changed', [CompletionResultType]::ParameterName, 'Exit with 1 if --diff finds any difference')
            [CompletionResult]::new('--counts', '--counts', [CompletionResultType]::ParameterName, 'With --group-by, print only the number of rows for each value, the largest first')
            [CompletionResult]::new('--tree', '--tree', [CompletionResultType]::ParameterName, 'Show listeners below their processes, and processes below those that started them')
            [CompletionResult]::new('--no-headers', '--no-headers', [CompletionResultType]::ParameterName, 'Leave out the line with the names of the columns')
            [CompletionResult]::new('--identify', '--identify', [CompletionResultType]::ParameterName, 'Identify each service: protocol, product, version')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Print lines even on a terminal, instead of the live table')
            [CompletionResult]::new('--validate', '--validate', [CompletionResultType]::ParameterName, 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;discover;dns' {
            [CompletionResult]::new('--record', '--record', [CompletionResultType]::ParameterName, 'Look up only records of these types [default: srv,a,aaaa,txt]')
            [CompletionResult]::new('--domain', '--domain', [CompletionResultType]::ParameterName, 'Add this domain to names without a dot, and to _NAME._PROTOCOL [default: the system''s search domains]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Query these servers, at most 3: 10.0.0.53 or 127.0.0.1:8600 [default: the system''s]')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Query this port on servers given without one [default: 53]')
            [CompletionResult]::new('--refresh-ttl', '--refresh-ttl', [CompletionResultType]::ParameterName, 'With --watch, look a name up again no sooner than after this time [default: 30s]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum duration of one lookup, as in 500ms or 5s')
            [CompletionResult]::new('--fail-findings', '--fail-findings', [CompletionResultType]::ParameterName, 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one')
            [CompletionResult]::new('--hand-to', '--hand-to', [CompletionResultType]::ParameterName, 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by a column; FIELD:desc sorts in reverse')
            [CompletionResult]::new('--group-by', '--group-by', [CompletionResultType]::ParameterName, 'Put the rows of each process, port, interface, unit, or other column under a heading')
            [CompletionResult]::new('--intensity', '--intensity', [CompletionResultType]::ParameterName, 'Set how many probes to send to ports whose numbers suggest no protocol')
            [CompletionResult]::new('--identify-timeout', '--identify-timeout', [CompletionResultType]::ParameterName, 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]')
            [CompletionResult]::new('--probes', '--probes', [CompletionResultType]::ParameterName, 'Add the probes in this TOML file')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N changes (services present at the start do not count)')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Stop at the first event that matches, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'POST each change to this URL, with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Report a service as better after N better results in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Report a service as worse after N worse results in a row [default: 3]')
            [CompletionResult]::new('--min-score', '--min-score', [CompletionResultType]::ParameterName, 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--consul', '--consul', [CompletionResultType]::ParameterName, 'Query Consul''s DNS: --server 127.0.0.1:8600 --domain service.consul')
            [CompletionResult]::new('--fail-empty', '--fail-empty', [CompletionResultType]::ParameterName, 'Exit with 1 if nothing is found')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 4 if a missing permission hides requested data, such as an owner')
            [CompletionResult]::new('--fail-changed', '--fail-changed', [CompletionResultType]::ParameterName, 'Exit with 1 if --diff finds any difference')
            [CompletionResult]::new('--counts', '--counts', [CompletionResultType]::ParameterName, 'With --group-by, print only the number of rows for each value, the largest first')
            [CompletionResult]::new('--tree', '--tree', [CompletionResultType]::ParameterName, 'Show listeners below their processes, and processes below those that started them')
            [CompletionResult]::new('--no-headers', '--no-headers', [CompletionResultType]::ParameterName, 'Leave out the line with the names of the columns')
            [CompletionResult]::new('--identify', '--identify', [CompletionResultType]::ParameterName, 'Identify each service: protocol, product, version')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Print lines even on a terminal, instead of the live table')
            [CompletionResult]::new('--validate', '--validate', [CompletionResultType]::ParameterName, 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;discover;file' {
            [CompletionResult]::new('--fail-findings', '--fail-findings', [CompletionResultType]::ParameterName, 'Exit with 1 if there is a finding; with SEVERITY, only if there is one of that severity or a higher one')
            [CompletionResult]::new('--hand-to', '--hand-to', [CompletionResultType]::ParameterName, 'Run this command for each host with open ports, after the listing; {ip} and {ports} stand for its address and ports')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Print only what opened, closed or changed since an earlier result; FILE is the JSON or NDJSON of the same command')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by a column; FIELD:desc sorts in reverse')
            [CompletionResult]::new('--group-by', '--group-by', [CompletionResultType]::ParameterName, 'Put the rows of each process, port, interface, unit, or other column under a heading')
            [CompletionResult]::new('--intensity', '--intensity', [CompletionResultType]::ParameterName, 'Set how many probes to send to ports whose numbers suggest no protocol')
            [CompletionResult]::new('--identify-timeout', '--identify-timeout', [CompletionResultType]::ParameterName, 'Spend at most this time on each port [default: 10s; 3s with --intensity light, 20s with all]')
            [CompletionResult]::new('--probes', '--probes', [CompletionResultType]::ParameterName, 'Add the probes in this TOML file')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N changes (services present at the start do not count)')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Stop at the first event that matches, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'POST each change to this URL, with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Report a service as better after N better results in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Report a service as worse after N worse results in a row [default: 3]')
            [CompletionResult]::new('--min-score', '--min-score', [CompletionResultType]::ParameterName, 'With --validate, exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--fail-empty', '--fail-empty', [CompletionResultType]::ParameterName, 'Exit with 1 if nothing is found')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 4 if a missing permission hides requested data, such as an owner')
            [CompletionResult]::new('--fail-changed', '--fail-changed', [CompletionResultType]::ParameterName, 'Exit with 1 if --diff finds any difference')
            [CompletionResult]::new('--counts', '--counts', [CompletionResultType]::ParameterName, 'With --group-by, print only the number of rows for each value, the largest first')
            [CompletionResult]::new('--tree', '--tree', [CompletionResultType]::ParameterName, 'Show listeners below their processes, and processes below those that started them')
            [CompletionResult]::new('--no-headers', '--no-headers', [CompletionResultType]::ParameterName, 'Leave out the line with the names of the columns')
            [CompletionResult]::new('--identify', '--identify', [CompletionResultType]::ParameterName, 'Identify each service: protocol, product, version')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Print lines even on a terminal, instead of the live table')
            [CompletionResult]::new('--validate', '--validate', [CompletionResultType]::ParameterName, 'Check and score each service, like `portolan validate`: exit with 1 if any is unhealthy, with 3 if any is unknown')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;discover;help' {
            [CompletionResult]::new('local', 'local', [CompletionResultType]::ParameterValue, 'List what listens on this machine: addresses, processes, owners')
            [CompletionResult]::new('scan', 'scan', [CompletionResultType]::ParameterValue, 'Find open ports on hosts')
            [CompletionResult]::new('k8s', 'k8s', [CompletionResultType]::ParameterValue, 'List the services of a Kubernetes cluster, with endpoints, pods, nodes and findings')
            [CompletionResult]::new('consul', 'consul', [CompletionResultType]::ParameterValue, 'List the services of Consul, with their instances and Consul''s own checks')
            [CompletionResult]::new('etcd', 'etcd', [CompletionResultType]::ParameterValue, 'List the services that programs registered in etcd')
            [CompletionResult]::new('portolan', 'portolan', [CompletionResultType]::ParameterValue, 'List the services of a registry that `portolan serve` runs')
            [CompletionResult]::new('dns', 'dns', [CompletionResultType]::ParameterValue, 'List the instances of services in DNS, from SRV, A, AAAA and TXT records')
            [CompletionResult]::new('file', 'file', [CompletionResultType]::ParameterValue, 'List the services that a file declares')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;discover;help;local' {
            break
        }
        'portolan;discover;help;scan' {
            break
        }
        'portolan;discover;help;k8s' {
            break
        }
        'portolan;discover;help;consul' {
            break
        }
        'portolan;discover;help;etcd' {
            break
        }
        'portolan;discover;help;portolan' {
            break
        }
        'portolan;discover;help;dns' {
            break
        }
        'portolan;discover;help;file' {
            break
        }
        'portolan;discover;help;help' {
            break
        }
        'portolan;who' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--pid', '--pid', [CompletionResultType]::ParameterName, 'Print only process ids, one per line')
            [CompletionResult]::new('--all-netns', '--all-netns', [CompletionResultType]::ParameterName, 'Include every network namespace of this machine (needs root)')
            [CompletionResult]::new('--runtime', '--runtime', [CompletionResultType]::ParameterName, 'Show the name and image of a container, from the sockets of docker, podman, containerd and CRI-O')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;kill' {
            [CompletionResult]::new('--signal', '--signal', [CompletionResultType]::ParameterName, 'Send this signal')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Wait at most this time for the process to end')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Signal every process that holds the port, even if they are unrelated')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Send the signal without asking')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Send the signal without asking')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;free-port' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--udp', '--udp', [CompletionResultType]::ParameterName, 'Find a UDP port instead of a TCP port')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;validate' {
            [CompletionResult]::new('--protocol', '--protocol', [CompletionResultType]::ParameterName, 'Use this protocol: http, https, grpc, grpcs, tls, tcp, redis, postgresql, smtp... [default: from the target]')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Run only these checks')
            [CompletionResult]::new('--no-check', '--no-check', [CompletionResultType]::ParameterName, 'Skip these checks')
            [CompletionResult]::new('--server-name', '--server-name', [CompletionResultType]::ParameterName, 'Send this server name in TLS and in the Host header of HTTP [default: the target''s]')
            [CompletionResult]::new('--starttls', '--starttls', [CompletionResultType]::ParameterName, 'Upgrade a plain-text connection to TLS with this protocol''s STARTTLS')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Present this client certificate to servers that require one: a PEM file with its chain')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Use this private key for --cert: a PEM file [default: the file of --cert]')
            [CompletionResult]::new('--path', '--path', [CompletionResultType]::ParameterName, 'Request this path over HTTP [default: /]')
            [CompletionResult]::new('--method', '--method', [CompletionResultType]::ParameterName, 'Use this HTTP request method [default: GET]')
            [CompletionResult]::new('--body', '--body', [CompletionResultType]::ParameterName, 'Send this request body; the method is POST unless --method sets another')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Send this request header in place of a default one, as in ''Authorization: Bearer x''; without a value, leave it out')
            [CompletionResult]::new('--expect-status', '--expect-status', [CompletionResultType]::ParameterName, 'Expect these HTTP statuses, as in 200-299,304 or 2xx [default: 200-399]')
            [CompletionResult]::new('--expect-body', '--expect-body', [CompletionResultType]::ParameterName, 'Require the body to match this regular expression; at most 8 MiB are read')
            [CompletionResult]::new('--expect-header', '--expect-header', [CompletionResultType]::ParameterName, 'Require this response header, matching the expression if one is given, as in ''Content-Type: json''')
            [CompletionResult]::new('--expect-json', '--expect-json', [CompletionResultType]::ParameterName, 'Require this value in the JSON body, as in /status=ok (RFC 6901)')
            [CompletionResult]::new('--grpc-service', '--grpc-service', [CompletionResultType]::ParameterName, 'Check this service with the gRPC health check [default: the whole server]')
            [CompletionResult]::new('--script', '--script', [CompletionResultType]::ParameterName, 'Run this program with arguments, up to a `;`, without a shell: exit code 0 is healthy, 1 a warning')
            [CompletionResult]::new('--goal', '--goal', [CompletionResultType]::ParameterName, 'Set the latency target, as in 200ms; connect=10ms applies to connecting only [default: 100ms on this machine, 200ms on a private network, 800ms elsewhere; 5, 25 and 200ms to connect]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the timeout of one attempt, as in 500ms or 2s')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'Stop the whole run after this time; unfinished checks are reported as incomplete')
            [CompletionResult]::new('--retries', '--retries', [CompletionResultType]::ParameterName, 'Retry at most N times after a timeout; a reply is never retried')
            [CompletionResult]::new('--samples', '--samples', [CompletionResultType]::ParameterName, 'Take N samples of each endpoint; several show how stable it is')
            [CompletionResult]::new('--concurrency', '--concurrency', [CompletionResultType]::ParameterName, 'Check at most N endpoints at once')
            [CompletionResult]::new('--resolver', '--resolver', [CompletionResultType]::ParameterName, 'Use these DNS resolvers instead of the system''s, such as 10.0.0.53 or 127.0.0.1:5353')
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'Trust the certificates in this file (PEM) instead of the system''s roots')
            [CompletionResult]::new('--pin', '--pin', [CompletionResultType]::ParameterName, 'Trust the certificate with this SHA-256 and no other')
            [CompletionResult]::new('--cache-ttl', '--cache-ttl', [CompletionResultType]::ParameterName, 'Cache DNS and TLS results for this time within a run')
            [CompletionResult]::new('--ignore', '--ignore', [CompletionResultType]::ParameterName, 'Ignore findings with these codes')
            [CompletionResult]::new('--min-score', '--min-score', [CompletionResultType]::ParameterName, 'Exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]')
            [CompletionResult]::new('--min-cert-days', '--min-cert-days', [CompletionResultType]::ParameterName, 'Exit with 1 if any certificate expires in fewer than N days')
            [CompletionResult]::new('--evidence', '--evidence', [CompletionResultType]::ParameterName, 'Write the evidence into this directory, one file per service, for `portolan score`')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by a column; FIELD:desc sorts in reverse')
            [CompletionResult]::new('--group-by', '--group-by', [CompletionResultType]::ParameterName, 'Put the rows of each process, port, interface, unit, or other column under a heading')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N changes (services present at the start do not count)')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Stop at the first event that matches, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'POST each change to this URL, with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Report a service as better after N better results in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Report a service as worse after N worse results in a row [default: 3]')
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'With --watch, serve metrics for Prometheus at this address: /metrics, and /probe?target=T&module=M')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Follow redirects: at most 10, never to a lower scheme or a link-local address; credentials stay with their host')
            [CompletionResult]::new('--no-cache', '--no-cache', [CompletionResultType]::ParameterName, 'Disable the cache')
            [CompletionResult]::new('--fail-endpoint', '--fail-endpoint', [CompletionResultType]::ParameterName, 'Exit with 1 if any endpoint is unhealthy, even if the others keep its service up')
            [CompletionResult]::new('--require-complete', '--require-complete', [CompletionResultType]::ParameterName, 'Exit with 3 if any requested check could not run')
            [CompletionResult]::new('--explain', '--explain', [CompletionResultType]::ParameterName, 'Show every deduction and what to do about it')
            [CompletionResult]::new('--counts', '--counts', [CompletionResultType]::ParameterName, 'With --group-by, print only the number of rows for each value, the largest first')
            [CompletionResult]::new('--tree', '--tree', [CompletionResultType]::ParameterName, 'Show listeners below their processes, and processes below those that started them')
            [CompletionResult]::new('--no-headers', '--no-headers', [CompletionResultType]::ParameterName, 'Leave out the line with the names of the columns')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Print lines even on a terminal, instead of the live table')
            [CompletionResult]::new('--allow-any-target', '--allow-any-target', [CompletionResultType]::ParameterName, 'Let /probe check targets that this command does not name, except link-local addresses and metadata services')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;score' {
            [CompletionResult]::new('--ignore', '--ignore', [CompletionResultType]::ParameterName, 'Ignore findings with these codes too')
            [CompletionResult]::new('--min-score', '--min-score', [CompletionResultType]::ParameterName, 'Exit with 1 if any service scores below N or has no score [default: only if one is unhealthy]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--explain', '--explain', [CompletionResultType]::ParameterName, 'Show every deduction and what to do about it')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;wait' {
            [CompletionResult]::new('--min-score', '--min-score', [CompletionResultType]::ParameterName, 'Check the targets and wait until each service scores at least N')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Wait at most this time for all targets')
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'Trust the certificates in this file (PEM) instead of the system''s roots')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'Send the HTTP checks of k8s/NAME through the API server, for endpoints unreachable from here')
            [CompletionResult]::new('--protocol', '--protocol', [CompletionResultType]::ParameterName, 'Use this protocol: http, https, grpc, grpcs, tls, tcp, redis, postgresql, smtp... [default: from the target]')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Run only these checks')
            [CompletionResult]::new('--no-check', '--no-check', [CompletionResultType]::ParameterName, 'Skip these checks')
            [CompletionResult]::new('--server-name', '--server-name', [CompletionResultType]::ParameterName, 'Send this server name in TLS and in the Host header of HTTP [default: the target''s]')
            [CompletionResult]::new('--starttls', '--starttls', [CompletionResultType]::ParameterName, 'Upgrade a plain-text connection to TLS with this protocol''s STARTTLS')
            [CompletionResult]::new('--cert', '--cert', [CompletionResultType]::ParameterName, 'Present this client certificate to servers that require one: a PEM file with its chain')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Use this private key for --cert: a PEM file [default: the file of --cert]')
            [CompletionResult]::new('--path', '--path', [CompletionResultType]::ParameterName, 'Request this path over HTTP [default: /]')
            [CompletionResult]::new('--method', '--method', [CompletionResultType]::ParameterName, 'Use this HTTP request method [default: GET]')
            [CompletionResult]::new('--body', '--body', [CompletionResultType]::ParameterName, 'Send this request body; the method is POST unless --method sets another')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Send this request header in place of a default one, as in ''Authorization: Bearer x''; without a value, leave it out')
            [CompletionResult]::new('--expect-status', '--expect-status', [CompletionResultType]::ParameterName, 'Expect these HTTP statuses, as in 200-299,304 or 2xx [default: 200-399]')
            [CompletionResult]::new('--expect-body', '--expect-body', [CompletionResultType]::ParameterName, 'Require the body to match this regular expression; at most 8 MiB are read')
            [CompletionResult]::new('--expect-header', '--expect-header', [CompletionResultType]::ParameterName, 'Require this response header, matching the expression if one is given, as in ''Content-Type: json''')
            [CompletionResult]::new('--expect-json', '--expect-json', [CompletionResultType]::ParameterName, 'Require this value in the JSON body, as in /status=ok (RFC 6901)')
            [CompletionResult]::new('--grpc-service', '--grpc-service', [CompletionResultType]::ParameterName, 'Check this service with the gRPC health check [default: the whole server]')
            [CompletionResult]::new('--script', '--script', [CompletionResultType]::ParameterName, 'Run this program with arguments, up to a `;`, without a shell: exit code 0 is healthy, 1 a warning')
            [CompletionResult]::new('--goal', '--goal', [CompletionResultType]::ParameterName, 'Set the latency target, as in 200ms; connect=10ms applies to connecting only [default: 100ms on this machine, 200ms on a private network, 800ms elsewhere; 5, 25 and 200ms to connect]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--gone', '--gone', [CompletionResultType]::ParameterName, 'Wait until no target accepts connections or is listed by its source; a host name that does not resolve counts as not gone')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Follow redirects: at most 10, never to a lower scheme or a link-local address; credentials stay with their host')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;resolve' {
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Pick N times, and print each pick')
            [CompletionResult]::new('--lb', '--lb', [CompletionResultType]::ParameterName, 'Pick with this strategy: round_robin, weighted_round_robin, random, least_connections, p2c, peak_ewma, consistent_hash or ip_hash [default: DISCOVERY_BALANCER, else that of the service, as `portolan services balance` shows it, else round_robin]')
            [CompletionResult]::new('--key', '--key', [CompletionResultType]::ParameterName, 'Pick by this key, with consistent_hash and ip_hash')
            [CompletionResult]::new('--on-all-unhealthy', '--on-all-unhealthy', [CompletionResultType]::ParameterName, 'Pick among these if no endpoint is healthy')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Use only instances of this version or range, as in 1.2.0, ^1.2 or ''>=1.2, <2''')
            [CompletionResult]::new('--tag', '--tag', [CompletionResultType]::ParameterName, 'Use only instances with this tag; can be repeated, and then all tags are required')
            [CompletionResult]::new('--meta', '--meta', [CompletionResultType]::ParameterName, 'Use only instances with this metadata; can be repeated, and then all of it is required')
            [CompletionResult]::new('--zone', '--zone', [CompletionResultType]::ParameterName, 'Prefer instances in this zone')
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--explain', '--explain', [CompletionResultType]::ParameterName, 'Report how many endpoints each filter leaves')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'portolan;register' {
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Register under this name [default: DISCOVERY_SERVICE_NAME]')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Set the port that the service listens on')
            [CompletionResult]::new('--from-listener', '--from-listener', [CompletionResultType]::ParameterName, 'Register what already listens on this TCP port of this machine. The name and the check come from the listener, unless --name and --check are given')
            [CompletionResult]::new('--address', '--address', [CompletionResultType]::ParameterName, 'Set the address that clients connect to [default: the first address of this machine that is not loopback; loopback if the port listens there alone and the registry is on this machine]')
            [CompletionResult]::new('--id', '--id', [CompletionResultType]::ParameterName, 'Set the id of the instance; the same id replaces an older registration [default: HOST:NAME:PORT]')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'Set the namespace of the service')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Set the version of the instance, as in 1.2.0')
            [CompletionResult]::new('--tag', '--tag', [CompletionResultType]::ParameterName, 'Add this tag; can be repeated')
            [CompletionResult]::new('--meta', '--meta', [CompletionResultType]::ParameterName, 'Add this metadata; can be repeated')
            [CompletionResult]::new('--protocol', '--protocol', [CompletionResultType]::ParameterName, 'Set the protocol of the service, as in http, https or grpc')
            [CompletionResult]::new('--weight', '--weight', [CompletionResultType]::ParameterName, 'Set the share of the calls, relative to the other instances')
            [CompletionResult]::new('--zone', '--zone', [CompletionResultType]::ParameterName, 'Set the zone of the instance')
            [CompletionResult]::new('--node', '--node', [CompletionResultType]::ParameterName, 'Set the name of the machine that it runs on')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Wait for this check before registering; the registry then repeats it: http:/PATH, https:/PATH, tcp, grpc or grpc:SERVICE')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Let the registry repeat the check at this interval [default: the registry''s]')
            [CompletionResult]::new('--ttl', '--ttl', [CompletionResultType]::ParameterName, 'Let the registration expire after this time unless it is renewed; portolan renews it [default: the registry''s, 30s for `portolan serve`]')
            [CompletionResult]::new('--deregister-after', '--deregister-after', [CompletionResultType]::ParameterName, 'Let the registry remove an unhealthy instance after this time [default: the registry''s]')
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'portolan;deregister' {
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Remove all instances of a name without asking')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Remove all instances of a name without asking')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;services' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the services of a registry: how many instances of each are healthy, their versions and tags')
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Show a service: its health, versions, capabilities, and every instance with its state')
            [CompletionResult]::new('update', 'update', [CompletionResultType]::ParameterValue, 'Change the status or the weight of registered instances')
            [CompletionResult]::new('balance', 'balance', [CompletionResultType]::ParameterValue, 'Show or set the balancing strategy of a service for clients that choose none')
            [CompletionResult]::new('switch', 'switch', [CompletionResultType]::ParameterValue, 'Send all calls of a service to the instances with a version or a tag, in one change')
            [CompletionResult]::new('shift', 'shift', [CompletionResultType]::ParameterValue, 'Move the calls of a service step by step to the instances with a version or a tag; without options, show the progress')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;services;list' {
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'List only services of this namespace')
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;services;get' {
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;services;update' {
            [CompletionResult]::new('--node', '--node', [CompletionResultType]::ParameterName, 'Change only instances on this node; without ID|NAME, all of them')
            [CompletionResult]::new('--status', '--status', [CompletionResultType]::ParameterName, 'Set whether the instance takes calls')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Give the reason, which `portolan services list` and `get`, `portolan health show` and the audit log show')
            [CompletionResult]::new('--weight', '--weight', [CompletionResultType]::ParameterName, 'Set the share of the calls, relative to the other instances; 0 for none')
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Change all instances of a name or a node without asking')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Change all instances of a name or a node without asking')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;services;balance' {
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--default', '--default', [CompletionResultType]::ParameterName, 'Return to the strategy in the server''s settings')
            [CompletionResult]::new('--reset-counts', '--reset-counts', [CompletionResultType]::ParameterName, 'Set the counts to zero')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;services;switch' {
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Choose the instances of this version, or of a range such as ^1.3')
            [CompletionResult]::new('--to-tag', '--to-tag', [CompletionResultType]::ParameterName, 'Choose the instances with this tag')
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--reset', '--reset', [CompletionResultType]::ParameterName, 'Give each instance its own weight again')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;services;shift' {
            [CompletionResult]::new('--to', '--to', [CompletionResultType]::ParameterName, 'Choose the instances of this version, or of a range such as ^1.3')
            [CompletionResult]::new('--to-tag', '--to-tag', [CompletionResultType]::ParameterName, 'Choose the instances with this tag')
            [CompletionResult]::new('--steps', '--steps', [CompletionResultType]::ParameterName, 'Shift these percentages of the calls, one after another, as in 10,50,100')
            [CompletionResult]::new('--every', '--every', [CompletionResultType]::ParameterName, 'Stay at each step for this time [default: 5m]')
            [CompletionResult]::new('--abort-below', '--abort-below', [CompletionResultType]::ParameterName, 'Restore the previous weights if the score falls below this, 1 to 100')
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--pause', '--pause', [CompletionResultType]::ParameterName, 'Stay at the current step')
            [CompletionResult]::new('--resume', '--resume', [CompletionResultType]::ParameterName, 'Continue; the current step starts again')
            [CompletionResult]::new('--abort', '--abort', [CompletionResultType]::ParameterName, 'End the shift and restore the previous weights')
            [CompletionResult]::new('--finish', '--finish', [CompletionResultType]::ParameterName, 'End the shift and send all calls to the new instances')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;services;help' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the services of a registry: how many instances of each are healthy, their versions and tags')
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Show a service: its health, versions, capabilities, and every instance with its state')
            [CompletionResult]::new('update', 'update', [CompletionResultType]::ParameterValue, 'Change the status or the weight of registered instances')
            [CompletionResult]::new('balance', 'balance', [CompletionResultType]::ParameterValue, 'Show or set the balancing strategy of a service for clients that choose none')
            [CompletionResult]::new('switch', 'switch', [CompletionResultType]::ParameterValue, 'Send all calls of a service to the instances with a version or a tag, in one change')
            [CompletionResult]::new('shift', 'shift', [CompletionResultType]::ParameterValue, 'Move the calls of a service step by step to the instances with a version or a tag; without options, show the progress')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;services;help;list' {
            break
        }
        'portolan;services;help;get' {
            break
        }
        'portolan;services;help;update' {
            break
        }
        'portolan;services;help;balance' {
            break
        }
        'portolan;services;help;switch' {
            break
        }
        'portolan;services;help;shift' {
            break
        }
        'portolan;services;help;help' {
            break
        }
        'portolan;status' {
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;health' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Run the checks of instances now, on the server, and print the results')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show the health of an instance or a service: the states of its checks, the findings, and past results')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;health;check' {
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Check every instance')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;health;show' {
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;health;help' {
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Run the checks of instances now, on the server, and print the results')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show the health of an instance or a service: the states of its checks, the findings, and past results')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;health;help;check' {
            break
        }
        'portolan;health;help;show' {
            break
        }
        'portolan;health;help;help' {
            break
        }
        'portolan;audit' {
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'List records from this time on: 2026-11-29T12:00:00Z, or a duration before now, such as 1h')
            [CompletionResult]::new('--who', '--who', [CompletionResultType]::ParameterName, 'List records whose WHO contains this text')
            [CompletionResult]::new('--last', '--last', [CompletionResultType]::ParameterName, 'Read only the last N records [default: 100]')
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'List the whole log')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Find changed, removed, moved and inserted records in the audit log')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;audit;verify' {
            [CompletionResult]::new('--expect', '--expect', [CompletionResultType]::ParameterName, 'Require this record, as an earlier run printed it')
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--partial', '--partial', [CompletionResultType]::ParameterName, 'Accept that the first records are missing, as in an export with --since')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;audit;help' {
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Find changed, removed, moved and inserted records in the audit log')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;audit;help;verify' {
            break
        }
        'portolan;audit;help;help' {
            break
        }
        'portolan;export' {
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'Write to this file instead of standard output')
            [CompletionResult]::new('--reload', '--reload', [CompletionResultType]::ParameterName, 'Run this command after replacing the file, without a shell; quotes join words')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Use only instances of this version or range, as in 1.2.0, ^1.2 or ''>=1.2, <2''')
            [CompletionResult]::new('--tag', '--tag', [CompletionResultType]::ParameterName, 'Use only instances with this tag; can be repeated, and then all tags are required')
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Keep running, and replace the file whenever something changes')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Keep running, and replace the file whenever something changes')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'portolan;drift' {
            [CompletionResult]::new('--file', '--file', [CompletionResultType]::ParameterName, 'Compare the services of this file too; short for file:FILE, can be repeated')
            [CompletionResult]::new('--host', '--host', [CompletionResultType]::ParameterName, 'Compare only the registrations of this host: `local`, or a node, name or address; can be repeated [default: all]')
            [CompletionResult]::new('--node', '--node', [CompletionResultType]::ParameterName, 'Treat this node name as this machine, in addition to its host name; can be repeated')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Read the listeners that need no registration from this file: ports, addresses, `process NAME` or `unit NAME`, one per line')
            [CompletionResult]::new('--fail-on', '--fail-on', [CompletionResultType]::ParameterName, 'Exit with 1 only for these findings: any, none, or codes, as in drift-not-listening or not-listening')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum duration of one connection')
            [CompletionResult]::new('--columns', '--columns', [CompletionResultType]::ParameterName, 'Show these columns of the table, in this order; an unknown name is an error that lists the valid ones')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'Sort by a column; FIELD:desc sorts in reverse')
            [CompletionResult]::new('--group-by', '--group-by', [CompletionResultType]::ParameterName, 'Put the rows of each process, port, interface, unit, or other column under a heading')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Poll and check at this interval [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'Stop after this time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'Stop after N changes (services present at the start do not count)')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'Stop at the first event that matches, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'POST each change to this URL, with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Report a service as better after N better results in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Report a service as worse after N worse results in a row [default: 3]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--fleet', '--fleet', [CompletionResultType]::ParameterName, 'List the findings of all hosts, which their agents report to the REGISTRY: one that `portolan serve` runs')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Also list addresses that agree, and those that cannot be judged')
            [CompletionResult]::new('--connect-only', '--connect-only', [CompletionResultType]::ParameterName, 'Only connect, without identifying what replies')
            [CompletionResult]::new('--fix', '--fix', [CompletionResultType]::ParameterName, 'Print the commands that fix the findings, instead of the findings')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'With --fix, deregister duplicates and instances that do not listen: at most 20 % of a service')
            [CompletionResult]::new('--counts', '--counts', [CompletionResultType]::ParameterName, 'With --group-by, print only the number of rows for each value, the largest first')
            [CompletionResult]::new('--tree', '--tree', [CompletionResultType]::ParameterName, 'Show listeners below their processes, and processes below those that started them')
            [CompletionResult]::new('--no-headers', '--no-headers', [CompletionResultType]::ParameterName, 'Leave out the line with the names of the columns')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Keep running and report every change; Ctrl-C ends the watch with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Print lines even on a terminal, instead of the live table')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;agent' {
            [CompletionResult]::new('--rules', '--rules', [CompletionResultType]::ParameterName, 'Register what the rules of this TOML file match, for as long as it listens')
            [CompletionResult]::new('--allow', '--allow', [CompletionResultType]::ParameterName, 'Read the listeners that need no registration from this file: ports, addresses, `process NAME` or `unit NAME`, one per line')
            [CompletionResult]::new('--host', '--host', [CompletionResultType]::ParameterName, 'Set the name of this host, which its registrations have as their node [default: the host name]')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'Compare and report at this interval; from 1s to 1h')
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--connect-only', '--connect-only', [CompletionResultType]::ParameterName, 'Only connect, without identifying what replies')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;sync' {
            [CompletionResult]::new('--as', '--as', [CompletionResultType]::ParameterName, 'Mark the copies with this name for FROM [default: the name of its provider]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for one reply of a registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--dry-run', '--dry-run', [CompletionResultType]::ParameterName, 'Print what would change, and change nothing')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Allow a change of more than 20 % of the copies at once')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Allow a change of more than 20 % of the copies at once')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Keep running, and copy each change')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Keep running, and copy each change')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;doctor' {
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;explain' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;serve' {
            [CompletionResult]::new('--data', '--data', [CompletionResultType]::ParameterName, 'Keep the registry in this file [default: registry.db in the state directory]; :memory: keeps it in memory only')
            [CompletionResult]::new('--database-url', '--database-url', [CompletionResultType]::ParameterName, 'Keep the registry in this database: postgresql://USER@HOST/NAME for several servers, or sqlite:FILE')
            [CompletionResult]::new('--redis', '--redis', [CompletionResultType]::ParameterName, 'Share changes, rates and revoked keys with the other servers through this Redis: redis://HOST')
            [CompletionResult]::new('--environment', '--environment', [CompletionResultType]::ParameterName, 'Also read NAME.ENVIRONMENT.yaml, if --config is NAME.yaml; its settings win')
            [CompletionResult]::new('--listen', '--listen', [CompletionResultType]::ParameterName, 'Listen on this address; can be repeated')
            [CompletionResult]::new('--host', '--host', [CompletionResultType]::ParameterName, 'Listen on this address [default: 127.0.0.1]')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Listen on this port; 0 is any free one [default: 7440]')
            [CompletionResult]::new('--port', '--port', [CompletionResultType]::ParameterName, 'Listen on this port; 0 is any free one [default: 7440]')
            [CompletionResult]::new('--tls-cert', '--tls-cert', [CompletionResultType]::ParameterName, 'Speak TLS with this certificate and its chain (PEM)')
            [CompletionResult]::new('--tls-key', '--tls-key', [CompletionResultType]::ParameterName, 'Use this private key for --tls-cert (PEM) [default: the one in the same file]')
            [CompletionResult]::new('--tls-client-ca', '--tls-client-ca', [CompletionResultType]::ParameterName, 'Accept only clients with a certificate of these authorities (PEM)')
            [CompletionResult]::new('--max-connections', '--max-connections', [CompletionResultType]::ParameterName, 'Limit the open connections [default: 10000]')
            [CompletionResult]::new('--max-connections-per-address', '--max-connections-per-address', [CompletionResultType]::ParameterName, 'Limit the open connections of one address [default: 2500]')
            [CompletionResult]::new('--shutdown-timeout', '--shutdown-timeout', [CompletionResultType]::ParameterName, 'When the server stops, give requests in progress this time [default: 30s]')
            [CompletionResult]::new('--consul', '--consul', [CompletionResultType]::ParameterName, 'Serve Consul''s HTTP API on this address, or on 127.0.0.1:8500; can be repeated')
            [CompletionResult]::new('--advertise', '--advertise', [CompletionResultType]::ParameterName, 'Show this address of the server in Consul''s catalog [default: the one that it listens on]')
            [CompletionResult]::new('--eureka', '--eureka', [CompletionResultType]::ParameterName, 'Serve Eureka''s HTTP API on this address, or on 127.0.0.1:8761; can be repeated')
            [CompletionResult]::new('--dns', '--dns', [CompletionResultType]::ParameterName, 'Serve DNS over UDP and TCP on this address, or on 127.0.0.1:8600; can be repeated')
            [CompletionResult]::new('--dns-domain', '--dns-domain', [CompletionResultType]::ParameterName, 'Use this domain for all DNS names [default: portolan]')
            [CompletionResult]::new('--dns-ttl', '--dns-ttl', [CompletionResultType]::ParameterName, 'Let clients cache a DNS reply for this time [default: 0s]')
            [CompletionResult]::new('--import', '--import', [CompletionResultType]::ParameterName, 'Show the services of this registry beside those registered here; can be repeated')
            [CompletionResult]::new('--node', '--node', [CompletionResultType]::ParameterName, 'Set the name of this server [default: the host name]')
            [CompletionResult]::new('--cluster', '--cluster', [CompletionResultType]::ParameterName, 'Set the name of the cluster [default: default]')
            [CompletionResult]::new('--default-ttl', '--default-ttl', [CompletionResultType]::ParameterName, 'Let a registration without a ttl last this long [default: 30s]')
            [CompletionResult]::new('--log-level', '--log-level', [CompletionResultType]::ParameterName, 'Set the log level: off, error, warn, info, debug, trace, or a list such as portolan=debug,warn [default: info]')
            [CompletionResult]::new('--log-format', '--log-format', [CompletionResultType]::ParameterName, 'Write the log on stderr in this format [default: text]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Check the settings, print them with their origin, and exit')
            [CompletionResult]::new('--migrate', '--migrate', [CompletionResultType]::ParameterName, 'Create or migrate the tables of the database, and exit; without it, a server does so when it starts')
            [CompletionResult]::new('--auth', '--auth', [CompletionResultType]::ParameterName, 'Require an API key or a token from every caller; `portolan key create` creates keys')
            [CompletionResult]::new('--insecure', '--insecure', [CompletionResultType]::ParameterName, 'Allow addresses that other machines reach without authentication')
            [CompletionResult]::new('--dns-public', '--dns-public', [CompletionResultType]::ParameterName, 'Let every machine that reaches an address of --dns read the registry through it: DNS has no authentication')
            [CompletionResult]::new('--compat-metrics', '--compat-metrics', [CompletionResultType]::ParameterName, 'Also export six of the metrics under the names service_discovery_*')
            [CompletionResult]::new('--debug', '--debug', [CompletionResultType]::ParameterName, 'Short for --log-level debug')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;key' {
            [CompletionResult]::new('--keys-file', '--keys-file', [CompletionResultType]::ParameterName, 'Keep the keys in this file [default: auth.keys_file in the settings, else api-keys.json in the state directory]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('create', 'create', [CompletionResultType]::ParameterValue, 'Create a key and print it once')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the keys, without their secrets')
            [CompletionResult]::new('revoke', 'revoke', [CompletionResultType]::ParameterValue, 'Revoke keys at once and permanently')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;key;create' {
            [CompletionResult]::new('--name', '--name', [CompletionResultType]::ParameterName, 'Set the name of the key, which logs and lists show')
            [CompletionResult]::new('--role', '--role', [CompletionResultType]::ParameterName, 'Set the role: viewer, agent, operator or admin [default: viewer]')
            [CompletionResult]::new('--permission', '--permission', [CompletionResultType]::ParameterName, 'Grant only this permission: discover, read_status, heartbeat, register, configure, run_checks, reset_counters, administer or report_drift; can be repeated')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'Limit the key to this namespace; can be repeated')
            [CompletionResult]::new('--service', '--service', [CompletionResultType]::ParameterName, 'Limit the key to services whose names begin with this; can be repeated')
            [CompletionResult]::new('--host', '--host', [CompletionResultType]::ParameterName, 'Let the key change only instances of this host, and report only on it; can be repeated')
            [CompletionResult]::new('--expires', '--expires', [CompletionResultType]::ParameterName, 'Expire after this time, such as 90d; at most 365d [default: never]')
            [CompletionResult]::new('--keys-file', '--keys-file', [CompletionResultType]::ParameterName, 'Keep the keys in this file [default: auth.keys_file in the settings, else api-keys.json in the state directory]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;key;list' {
            [CompletionResult]::new('--keys-file', '--keys-file', [CompletionResultType]::ParameterName, 'Keep the keys in this file [default: auth.keys_file in the settings, else api-keys.json in the state directory]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'Also list keys that have expired or were revoked')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;key;revoke' {
            [CompletionResult]::new('--keys-file', '--keys-file', [CompletionResultType]::ParameterName, 'Keep the keys in this file [default: auth.keys_file in the settings, else api-keys.json in the state directory]')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;key;help' {
            [CompletionResult]::new('create', 'create', [CompletionResultType]::ParameterValue, 'Create a key and print it once')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the keys, without their secrets')
            [CompletionResult]::new('revoke', 'revoke', [CompletionResultType]::ParameterValue, 'Revoke keys at once and permanently')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;key;help;create' {
            break
        }
        'portolan;key;help;list' {
            break
        }
        'portolan;key;help;revoke' {
            break
        }
        'portolan;key;help;help' {
            break
        }
        'portolan;db' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show the engine, format, index and size of a database, and the rows of each table')
            [CompletionResult]::new('migrate', 'migrate', [CompletionResultType]::ParameterValue, 'Create the tables of a database, or migrate those of an older portolan')
            [CompletionResult]::new('backup', 'backup', [CompletionResultType]::ParameterValue, 'Write a backup of a database to a new SQLite file')
            [CompletionResult]::new('copy', 'copy', [CompletionResultType]::ParameterValue, 'Copy a database to an empty one: SQLite to PostgreSQL, PostgreSQL to SQLite, or either to its own kind')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;db;status' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;db;migrate' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;db;backup' {
            [CompletionResult]::new('--database', '--database', [CompletionResultType]::ParameterName, 'Back up this database: a file, or postgresql://HOST/NAME [default: the one in the server''s settings]')
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Back up through the server that uses the file, without stopping it, as in portolan://127.0.0.1:7440. If the server has authentication, PORTOLAN_TOKEN must hold a key with the role admin')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Back up through the server that uses the file, without stopping it, as in portolan://127.0.0.1:7440. If the server has authentication, PORTOLAN_TOKEN must hold a key with the role admin')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;db;copy' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;db;help' {
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show the engine, format, index and size of a database, and the rows of each table')
            [CompletionResult]::new('migrate', 'migrate', [CompletionResultType]::ParameterValue, 'Create the tables of a database, or migrate those of an older portolan')
            [CompletionResult]::new('backup', 'backup', [CompletionResultType]::ParameterValue, 'Write a backup of a database to a new SQLite file')
            [CompletionResult]::new('copy', 'copy', [CompletionResultType]::ParameterValue, 'Copy a database to an empty one: SQLite to PostgreSQL, PostgreSQL to SQLite, or either to its own kind')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;db;help;status' {
            break
        }
        'portolan;db;help;migrate' {
            break
        }
        'portolan;db;help;backup' {
            break
        }
        'portolan;db;help;copy' {
            break
        }
        'portolan;db;help;help' {
            break
        }
        'portolan;bench' {
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Measure this server: http://HOST:PORT or consul://HOST:PORT [default: PORTOLAN_REGISTRY, else http://127.0.0.1:7440]')
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Measure this server: http://HOST:PORT or consul://HOST:PORT [default: PORTOLAN_REGISTRY, else http://127.0.0.1:7440]')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'Send N requests a second')
            [CompletionResult]::new('--duration', '--duration', [CompletionResultType]::ParameterName, 'Measure for this long')
            [CompletionResult]::new('--warm-up', '--warm-up', [CompletionResultType]::ParameterName, 'Send requests for this long before measuring; 0 for none')
            [CompletionResult]::new('--connections', '--connections', [CompletionResultType]::ParameterName, 'Use N connections')
            [CompletionResult]::new('--instances', '--instances', [CompletionResultType]::ParameterName, 'Register N instances first [default: 10; 100 for heartbeat, 1 for watch]')
            [CompletionResult]::new('--watchers', '--watchers', [CompletionResultType]::ParameterName, 'Let N clients watch, for the scenario watch')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for a reply')
            [CompletionResult]::new('--cpu', '--cpu', [CompletionResultType]::ParameterName, 'Run on this processor only, to leave the others to the server')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--closed', '--closed', [CompletionResultType]::ParameterName, 'Send each request as soon as the previous one is answered, to measure the maximum throughput')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;ports' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;completions' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--install', '--install', [CompletionResultType]::ParameterName, 'Install the script where the shell finds it, and print that place')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;man' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--install', '--install', [CompletionResultType]::ParameterName, 'Install the pages where `man` finds them, and print that place')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;config' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print every setting with its value and origin, as a settings file or as JSON')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the configurations that a registry keeps')
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Print the value of a configuration')
            [CompletionResult]::new('put', 'put', [CompletionResultType]::ParameterValue, 'Store a new version of a configuration')
            [CompletionResult]::new('delete', 'delete', [CompletionResultType]::ParameterValue, 'Delete a configuration')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'List the stored versions of a configuration, the newest first')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Compare two versions of a configuration, line by line')
            [CompletionResult]::new('rollback', 'rollback', [CompletionResultType]::ParameterValue, 'Make an older version of a configuration the newest')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;config;show' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;config;list' {
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;config;get' {
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print this version, if it is still stored')
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Print the value again after each change, until Ctrl-C')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            break
        }
        'portolan;config;put' {
            [CompletionResult]::new('--format', '--format', [CompletionResultType]::ParameterName, 'Set the format of the value [default: json if it is JSON, else text]')
            [CompletionResult]::new('--expect', '--expect', [CompletionResultType]::ParameterName, 'Store it only if this version is the current one; 0: only if there is none')
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;config;delete' {
            [CompletionResult]::new('--expect', '--expect', [CompletionResultType]::ParameterName, 'Delete it only if this version is the current one')
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;config;history' {
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;config;diff' {
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;config;rollback' {
            [CompletionResult]::new('--expect', '--expect', [CompletionResultType]::ParameterName, 'Roll back only if this version is the current one')
            [CompletionResult]::new('--registry', '--registry', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--server', '--server', [CompletionResultType]::ParameterName, 'Use this registry, as in portolan://127.0.0.1:7440, consul://127.0.0.1:8500, etcd://127.0.0.1:2379 or file:services.toml [default: from the DISCOVERY_* variables, else portolan://127.0.0.1:7440]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'Set the maximum time for the first reply of the registry')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Read settings from this file [default: $XDG_CONFIG_HOME/portolan/config.toml]; `serve`, `key` and `db` (and `doctor`, if it is YAML) read the server''s settings from it')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'Output format. FORMAT=FILE also writes to a file; can be repeated')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Use color; auto: on a terminal, unless NO_COLOR is set')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Write only errors to stderr')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;config;help' {
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print every setting with its value and origin, as a settings file or as JSON')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the configurations that a registry keeps')
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Print the value of a configuration')
            [CompletionResult]::new('put', 'put', [CompletionResultType]::ParameterValue, 'Store a new version of a configuration')
            [CompletionResult]::new('delete', 'delete', [CompletionResultType]::ParameterValue, 'Delete a configuration')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'List the stored versions of a configuration, the newest first')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Compare two versions of a configuration, line by line')
            [CompletionResult]::new('rollback', 'rollback', [CompletionResultType]::ParameterValue, 'Make an older version of a configuration the newest')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;config;help;show' {
            break
        }
        'portolan;config;help;list' {
            break
        }
        'portolan;config;help;get' {
            break
        }
        'portolan;config;help;put' {
            break
        }
        'portolan;config;help;delete' {
            break
        }
        'portolan;config;help;history' {
            break
        }
        'portolan;config;help;diff' {
            break
        }
        'portolan;config;help;rollback' {
            break
        }
        'portolan;config;help;help' {
            break
        }
        'portolan;help' {
            [CompletionResult]::new('local', 'local', [CompletionResultType]::ParameterValue, 'List what listens on this machine; short for `discover local`')
            [CompletionResult]::new('scan', 'scan', [CompletionResultType]::ParameterValue, 'Find the open ports of hosts; short for `discover scan`')
            [CompletionResult]::new('discover', 'discover', [CompletionResultType]::ParameterValue, 'List the services of this machine, other hosts, a cluster, a registry or a file')
            [CompletionResult]::new('who', 'who', [CompletionResultType]::ParameterValue, 'Show who holds a port: process, command line, unit or container, and since when')
            [CompletionResult]::new('kill', 'kill', [CompletionResultType]::ParameterValue, 'End the process that listens on a TCP port')
            [CompletionResult]::new('free-port', 'free-port', [CompletionResultType]::ParameterValue, 'Print a port that is free and that you may listen on')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Check services and score their health; every deduction is explained')
            [CompletionResult]::new('score', 'score', [CompletionResultType]::ParameterValue, 'Score services again from the evidence of `portolan validate --evidence`')
            [CompletionResult]::new('wait', 'wait', [CompletionResultType]::ParameterValue, 'Wait until every target accepts connections, then exit or run a command')
            [CompletionResult]::new('resolve', 'resolve', [CompletionResultType]::ParameterValue, 'Print an endpoint of a service for the next call')
            [CompletionResult]::new('register', 'register', [CompletionResultType]::ParameterValue, 'Register a service, and keep it registered while a program runs')
            [CompletionResult]::new('deregister', 'deregister', [CompletionResultType]::ParameterValue, 'Remove instances from a registry')
            [CompletionResult]::new('services', 'services', [CompletionResultType]::ParameterValue, 'List, show and change the services of a registry')
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show the state of a registry that `portolan serve` runs: version, store, index, counts, uptime')
            [CompletionResult]::new('health', 'health', [CompletionResultType]::ParameterValue, 'Check the instances of a registry that `portolan serve` runs, or show what its checks found')
            [CompletionResult]::new('audit', 'audit', [CompletionResultType]::ParameterValue, 'Read the audit log of a registry that `portolan serve` runs: who did what, when, from where, with which result')
            [CompletionResult]::new('export', 'export', [CompletionResultType]::ParameterValue, 'Write the instances of services as a proxy configuration')
            [CompletionResult]::new('drift', 'drift', [CompletionResultType]::ParameterValue, 'Compare registries with what listens on this machine and what replies')
            [CompletionResult]::new('agent', 'agent', [CompletionResultType]::ParameterValue, 'Register what listens on this host, and report where host and registry disagree')
            [CompletionResult]::new('sync', 'sync', [CompletionResultType]::ParameterValue, 'Copy the services of one registry to another')
            [CompletionResult]::new('doctor', 'doctor', [CompletionResultType]::ParameterValue, 'Find problems with this machine, a registry or a service, and say what to do')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Explain a finding: what it means, what it costs, what to do about it')
            [CompletionResult]::new('serve', 'serve', [CompletionResultType]::ParameterValue, 'Run a registry server: services register over HTTP, clients discover them')
            [CompletionResult]::new('key', 'key', [CompletionResultType]::ParameterValue, 'Create, list and revoke the API keys of `portolan serve`')
            [CompletionResult]::new('db', 'db', [CompletionResultType]::ParameterValue, 'Inspect, migrate, back up and copy the databases of `portolan serve`')
            [CompletionResult]::new('bench', 'bench', [CompletionResultType]::ParameterValue, 'Measure the latency of a registry under load')
            [CompletionResult]::new('ports', 'ports', [CompletionResultType]::ParameterValue, 'List the built-in port names that --ports accepts in place of numbers')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print a shell completion script, or install it')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Write one manual page per command to a directory, or install the pages')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Show portolan''s settings, or read and write configurations that a registry keeps for services')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;help;local' {
            break
        }
        'portolan;help;scan' {
            break
        }
        'portolan;help;discover' {
            [CompletionResult]::new('local', 'local', [CompletionResultType]::ParameterValue, 'List what listens on this machine: addresses, processes, owners')
            [CompletionResult]::new('scan', 'scan', [CompletionResultType]::ParameterValue, 'Find open ports on hosts')
            [CompletionResult]::new('k8s', 'k8s', [CompletionResultType]::ParameterValue, 'List the services of a Kubernetes cluster, with endpoints, pods, nodes and findings')
            [CompletionResult]::new('consul', 'consul', [CompletionResultType]::ParameterValue, 'List the services of Consul, with their instances and Consul''s own checks')
            [CompletionResult]::new('etcd', 'etcd', [CompletionResultType]::ParameterValue, 'List the services that programs registered in etcd')
            [CompletionResult]::new('portolan', 'portolan', [CompletionResultType]::ParameterValue, 'List the services of a registry that `portolan serve` runs')
            [CompletionResult]::new('dns', 'dns', [CompletionResultType]::ParameterValue, 'List the instances of services in DNS, from SRV, A, AAAA and TXT records')
            [CompletionResult]::new('file', 'file', [CompletionResultType]::ParameterValue, 'List the services that a file declares')
            break
        }
        'portolan;help;discover;local' {
            break
        }
        'portolan;help;discover;scan' {
            break
        }
        'portolan;help;discover;k8s' {
            break
        }
        'portolan;help;discover;consul' {
            break
        }
        'portolan;help;discover;etcd' {
            break
        }
        'portolan;help;discover;portolan' {
            break
        }
        'portolan;help;discover;dns' {
            break
        }
        'portolan;help;discover;file' {
            break
        }
        'portolan;help;who' {
            break
        }
        'portolan;help;kill' {
            break
        }
        'portolan;help;free-port' {
            break
        }
        'portolan;help;validate' {
            break
        }
        'portolan;help;score' {
            break
        }
        'portolan;help;wait' {
            break
        }
        'portolan;help;resolve' {
            break
        }
        'portolan;help;register' {
            break
        }
        'portolan;help;deregister' {
            break
        }
        'portolan;help;services' {
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the services of a registry: how many instances of each are healthy, their versions and tags')
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Show a service: its health, versions, capabilities, and every instance with its state')
            [CompletionResult]::new('update', 'update', [CompletionResultType]::ParameterValue, 'Change the status or the weight of registered instances')
            [CompletionResult]::new('balance', 'balance', [CompletionResultType]::ParameterValue, 'Show or set the balancing strategy of a service for clients that choose none')
            [CompletionResult]::new('switch', 'switch', [CompletionResultType]::ParameterValue, 'Send all calls of a service to the instances with a version or a tag, in one change')
            [CompletionResult]::new('shift', 'shift', [CompletionResultType]::ParameterValue, 'Move the calls of a service step by step to the instances with a version or a tag; without options, show the progress')
            break
        }
        'portolan;help;services;list' {
            break
        }
        'portolan;help;services;get' {
            break
        }
        'portolan;help;services;update' {
            break
        }
        'portolan;help;services;balance' {
            break
        }
        'portolan;help;services;switch' {
            break
        }
        'portolan;help;services;shift' {
            break
        }
        'portolan;help;status' {
            break
        }
        'portolan;help;health' {
            [CompletionResult]::new('check', 'check', [CompletionResultType]::ParameterValue, 'Run the checks of instances now, on the server, and print the results')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Show the health of an instance or a service: the states of its checks, the findings, and past results')
            break
        }
        'portolan;help;health;check' {
            break
        }
        'portolan;help;health;show' {
            break
        }
        'portolan;help;audit' {
            [CompletionResult]::new('verify', 'verify', [CompletionResultType]::ParameterValue, 'Find changed, removed, moved and inserted records in the audit log')
            break
        }
        'portolan;help;audit;verify' {
            break
        }
        'portolan;help;export' {
            break
        }
        'portolan;help;drift' {
            break
        }
        'portolan;help;agent' {
            break
        }
        'portolan;help;sync' {
            break
        }
        'portolan;help;doctor' {
            break
        }
        'portolan;help;explain' {
            break
        }
        'portolan;help;serve' {
            break
        }
        'portolan;help;key' {
            [CompletionResult]::new('create', 'create', [CompletionResultType]::ParameterValue, 'Create a key and print it once')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the keys, without their secrets')
            [CompletionResult]::new('revoke', 'revoke', [CompletionResultType]::ParameterValue, 'Revoke keys at once and permanently')
            break
        }
        'portolan;help;key;create' {
            break
        }
        'portolan;help;key;list' {
            break
        }
        'portolan;help;key;revoke' {
            break
        }
        'portolan;help;db' {
            [CompletionResult]::new('status', 'status', [CompletionResultType]::ParameterValue, 'Show the engine, format, index and size of a database, and the rows of each table')
            [CompletionResult]::new('migrate', 'migrate', [CompletionResultType]::ParameterValue, 'Create the tables of a database, or migrate those of an older portolan')
            [CompletionResult]::new('backup', 'backup', [CompletionResultType]::ParameterValue, 'Write a backup of a database to a new SQLite file')
            [CompletionResult]::new('copy', 'copy', [CompletionResultType]::ParameterValue, 'Copy a database to an empty one: SQLite to PostgreSQL, PostgreSQL to SQLite, or either to its own kind')
            break
        }
        'portolan;help;db;status' {
            break
        }
        'portolan;help;db;migrate' {
            break
        }
        'portolan;help;db;backup' {
            break
        }
        'portolan;help;db;copy' {
            break
        }
        'portolan;help;bench' {
            break
        }
        'portolan;help;ports' {
            break
        }
        'portolan;help;completions' {
            break
        }
        'portolan;help;man' {
            break
        }
        'portolan;help;config' {
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print every setting with its value and origin, as a settings file or as JSON')
            [CompletionResult]::new('list', 'list', [CompletionResultType]::ParameterValue, 'List the configurations that a registry keeps')
            [CompletionResult]::new('get', 'get', [CompletionResultType]::ParameterValue, 'Print the value of a configuration')
            [CompletionResult]::new('put', 'put', [CompletionResultType]::ParameterValue, 'Store a new version of a configuration')
            [CompletionResult]::new('delete', 'delete', [CompletionResultType]::ParameterValue, 'Delete a configuration')
            [CompletionResult]::new('history', 'history', [CompletionResultType]::ParameterValue, 'List the stored versions of a configuration, the newest first')
            [CompletionResult]::new('diff', 'diff', [CompletionResultType]::ParameterValue, 'Compare two versions of a configuration, line by line')
            [CompletionResult]::new('rollback', 'rollback', [CompletionResultType]::ParameterValue, 'Make an older version of a configuration the newest')
            break
        }
        'portolan;help;config;show' {
            break
        }
        'portolan;help;config;list' {
            break
        }
        'portolan;help;config;get' {
            break
        }
        'portolan;help;config;put' {
            break
        }
        'portolan;help;config;delete' {
            break
        }
        'portolan;help;config;history' {
            break
        }
        'portolan;help;config;diff' {
            break
        }
        'portolan;help;config;rollback' {
            break
        }
        'portolan;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
