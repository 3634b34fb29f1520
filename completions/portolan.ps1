
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
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Whether to use colour; without it NO_COLOR and the terminal decide')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('discover', 'discover', [CompletionResultType]::ParameterValue, 'List services')
            [CompletionResult]::new('scan', 'scan', [CompletionResultType]::ParameterValue, 'Ask hosts which of their ports are open; short for `discover scan`')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Check services and score how well they are, each point explained')
            [CompletionResult]::new('score', 'score', [CompletionResultType]::ParameterValue, 'Score services again from what `portolan validate --evidence` saw')
            [CompletionResult]::new('wait', 'wait', [CompletionResultType]::ParameterValue, 'Wait until every target accepts connections, then exit, or become a command')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Explain a finding: what it means, what it costs, what to do about it')
            [CompletionResult]::new('ports', 'ports', [CompletionResultType]::ParameterValue, 'List the built-in port names, which --ports takes in the place of numbers')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script of a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Write the manual pages, one per command, into a directory')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Look at the settings')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;discover' {
            [CompletionResult]::new('--hand-to', '--hand-to', [CompletionResultType]::ParameterName, 'Run this command for each host with open ports, when all are found; {ip} and {ports} stand for them')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Print only what opened, closed or changed since an earlier answer to the same question, a file of JSON or NDJSON')
            [CompletionResult]::new('--intensity', '--intensity', [CompletionResultType]::ParameterName, 'How much to ask of ports whose numbers hint at nothing')
            [CompletionResult]::new('--probes', '--probes', [CompletionResultType]::ParameterName, 'Also ask by the probes in this TOML file')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'How often to ask a source that cannot tell by itself, and to check [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'End the watch after that time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End the watch after so many changes; what was there from the beginning is none')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'End the watch with an event like this, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'Send each change to this address, as a POST with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Believe that a service is better again after so many looks in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Believe that a service is worse after so many looks in a row [default: 3]')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only what happened after this index: asked for by people who know registries, which keep it')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Whether to use colour; without it NO_COLOR and the terminal decide')
            [CompletionResult]::new('--fail-empty', '--fail-empty', [CompletionResultType]::ParameterName, 'Exit with 1 if nothing is found')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 4 if rights are missing to see what is asked for, such as an owner')
            [CompletionResult]::new('--fail-changed', '--fail-changed', [CompletionResultType]::ParameterName, 'Exit with 1 if --diff finds any difference')
            [CompletionResult]::new('--identify', '--identify', [CompletionResultType]::ParameterName, 'Ask each service what it is: protocol, product, version')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Write lines at a terminal too')
            [CompletionResult]::new('--validate', '--validate', [CompletionResultType]::ParameterName, 'Check each service and score how well it is, as `portolan validate -` does')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('local', 'local', [CompletionResultType]::ParameterValue, 'List what listens on this machine: addresses, processes, owners')
            [CompletionResult]::new('scan', 'scan', [CompletionResultType]::ParameterValue, 'Ask hosts which of their ports are open')
            [CompletionResult]::new('k8s', 'k8s', [CompletionResultType]::ParameterValue, 'List the services of a Kubernetes cluster: endpoints, pods, nodes, and what is wrong with them')
            [CompletionResult]::new('file', 'file', [CompletionResultType]::ParameterValue, 'List the services that a file declares, and what to ask them')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;discover;local' {
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'Only these ports: numbers, ranges and names, as in 22,80,8000-9000,https')
            [CompletionResult]::new('--ports', '--ports', [CompletionResultType]::ParameterName, 'Only these ports: numbers, ranges and names, as in 22,80,8000-9000,https')
            [CompletionResult]::new('--state', '--state', [CompletionResultType]::ParameterName, 'Only sockets in these states [default: listen,unconnected]')
            [CompletionResult]::new('--process', '--process', [CompletionResultType]::ParameterName, 'Only listeners held by a process whose name matches: `*`, `?`, `[a-z]`')
            [CompletionResult]::new('--user', '--user', [CompletionResultType]::ParameterName, 'Only listeners of this user: a name or a number')
            [CompletionResult]::new('--interface', '--interface', [CompletionResultType]::ParameterName, 'Only listeners that this interface leads to')
            [CompletionResult]::new('--sort', '--sort', [CompletionResultType]::ParameterName, 'What to sort a listing by; a watch tells what happens as it happens')
            [CompletionResult]::new('--hand-to', '--hand-to', [CompletionResultType]::ParameterName, 'Run this command for each host with open ports, when all are found; {ip} and {ports} stand for them')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Print only what opened, closed or changed since an earlier answer to the same question, a file of JSON or NDJSON')
            [CompletionResult]::new('--intensity', '--intensity', [CompletionResultType]::ParameterName, 'How much to ask of ports whose numbers hint at nothing')
            [CompletionResult]::new('--probes', '--probes', [CompletionResultType]::ParameterName, 'Also ask by the probes in this TOML file')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'How often to ask a source that cannot tell by itself, and to check [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'End the watch after that time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End the watch after so many changes; what was there from the beginning is none')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'End the watch with an event like this, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'Send each change to this address, as a POST with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Believe that a service is better again after so many looks in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Believe that a service is worse after so many looks in a row [default: 3]')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only what happened after this index: asked for by people who know registries, which keep it')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Whether to use colour; without it NO_COLOR and the terminal decide')
            [CompletionResult]::new('--common-ports', '--common-ports', [CompletionResultType]::ParameterName, 'Only ports that have a name in `portolan ports`')
            [CompletionResult]::new('--tcp', '--tcp', [CompletionResultType]::ParameterName, 'TCP listeners (the default is TCP and UDP)')
            [CompletionResult]::new('--udp', '--udp', [CompletionResultType]::ParameterName, 'UDP sockets that anybody can send to')
            [CompletionResult]::new('--unix', '--unix', [CompletionResultType]::ParameterName, 'Unix-domain listeners')
            [CompletionResult]::new('--skip-loopback', '--skip-loopback', [CompletionResultType]::ParameterName, 'Leave out what only this host can reach')
            [CompletionResult]::new('--skip-private', '--skip-private', [CompletionResultType]::ParameterName, 'Leave out what is bound to a private address')
            [CompletionResult]::new('--exposed', '--exposed', [CompletionResultType]::ParameterName, 'Only what another host could reach, as far as addresses and interfaces tell; a firewall is not looked at')
            [CompletionResult]::new('--all-netns', '--all-netns', [CompletionResultType]::ParameterName, 'Look into every network namespace of this machine (root)')
            [CompletionResult]::new('--fail-empty', '--fail-empty', [CompletionResultType]::ParameterName, 'Exit with 1 if nothing is found')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 4 if rights are missing to see what is asked for, such as an owner')
            [CompletionResult]::new('--fail-changed', '--fail-changed', [CompletionResultType]::ParameterName, 'Exit with 1 if --diff finds any difference')
            [CompletionResult]::new('--identify', '--identify', [CompletionResultType]::ParameterName, 'Ask each service what it is: protocol, product, version')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Write lines at a terminal too')
            [CompletionResult]::new('--validate', '--validate', [CompletionResultType]::ParameterName, 'Check each service and score how well it is, as `portolan validate -` does')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;discover;scan' {
            [CompletionResult]::new('--interface', '--interface', [CompletionResultType]::ParameterName, 'Scan the networks that this interface is in')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Leave out these targets')
            [CompletionResult]::new('--exclude-file', '--exclude-file', [CompletionResultType]::ParameterName, 'Leave out the targets that this file names')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'These ports: numbers, ranges and names, as in 22,80,8000-9000,https; - is all of them; U:53,161,T:80 are of UDP and TCP')
            [CompletionResult]::new('--ports', '--ports', [CompletionResultType]::ParameterName, 'These ports: numbers, ranges and names, as in 22,80,8000-9000,https; - is all of them; U:53,161,T:80 are of UDP and TCP')
            [CompletionResult]::new('--top-ports', '--top-ports', [CompletionResultType]::ParameterName, 'The so many likeliest ports [default: 1000]')
            [CompletionResult]::new('--exclude-ports', '--exclude-ports', [CompletionResultType]::ParameterName, 'Leave out these ports')
            [CompletionResult]::new('-T', '-T ', [CompletionResultType]::ParameterName, 'How fast to go')
            [CompletionResult]::new('--pace', '--pace', [CompletionResultType]::ParameterName, 'How fast to go')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'At most so many questions a second, in all')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The most that one attempt may wait, as in 500ms or 2s; how long it does wait follows the answers')
            [CompletionResult]::new('--retries', '--retries', [CompletionResultType]::ParameterName, 'How often a silent port is asked again at most [default: as the loss that is seen asks for]')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'End the whole scan after this time, done or not')
            [CompletionResult]::new('--resume', '--resume', [CompletionResultType]::ParameterName, 'Keep in this file where the scan stands, and go on there if an earlier one has left it')
            [CompletionResult]::new('--hand-to', '--hand-to', [CompletionResultType]::ParameterName, 'Run this command for each host with open ports, when all are found; {ip} and {ports} stand for them')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Print only what opened, closed or changed since an earlier answer to the same question, a file of JSON or NDJSON')
            [CompletionResult]::new('--intensity', '--intensity', [CompletionResultType]::ParameterName, 'How much to ask of ports whose numbers hint at nothing')
            [CompletionResult]::new('--probes', '--probes', [CompletionResultType]::ParameterName, 'Also ask by the probes in this TOML file')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'How often to ask a source that cannot tell by itself, and to check [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'End the watch after that time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End the watch after so many changes; what was there from the beginning is none')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'End the watch with an event like this, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'Send each change to this address, as a POST with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Believe that a service is better again after so many looks in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Believe that a service is worse after so many looks in a row [default: 3]')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only what happened after this index: asked for by people who know registries, which keep it')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Whether to use colour; without it NO_COLOR and the terminal decide')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Only IPv4 addresses')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Only IPv4 addresses')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Only IPv6 addresses')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Only IPv6 addresses')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Scan also where that takes more than 1,048,576 questions')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Scan also where that takes more than 1,048,576 questions')
            [CompletionResult]::new('-U', '-U ', [CompletionResultType]::ParameterName, 'Ask UDP ports, not TCP; without --ports those that portolan has a question for')
            [CompletionResult]::new('--udp', '--udp', [CompletionResultType]::ParameterName, 'Ask UDP ports, not TCP; without --ports those that portolan has a question for')
            [CompletionResult]::new('--syn', '--syn', [CompletionResultType]::ParameterName, 'Ask TCP ports by half connections, of which no program at the other end sees anything; needs CAP_NET_RAW')
            [CompletionResult]::new('--no-ping', '--no-ping', [CompletionResultType]::ParameterName, 'Ask every port of every host, without looking first whether anybody is there')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'List closed, filtered and unreachable ports too')
            [CompletionResult]::new('--open', '--open', [CompletionResultType]::ParameterName, 'List open ports only, as without --all, also where the settings say otherwise')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Show in the table what each state is known from')
            [CompletionResult]::new('--fail-empty', '--fail-empty', [CompletionResultType]::ParameterName, 'Exit with 1 if nothing is found')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 4 if rights are missing to see what is asked for, such as an owner')
            [CompletionResult]::new('--fail-changed', '--fail-changed', [CompletionResultType]::ParameterName, 'Exit with 1 if --diff finds any difference')
            [CompletionResult]::new('--identify', '--identify', [CompletionResultType]::ParameterName, 'Ask each service what it is: protocol, product, version')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Write lines at a terminal too')
            [CompletionResult]::new('--validate', '--validate', [CompletionResultType]::ParameterName, 'Check each service and score how well it is, as `portolan validate -` does')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;discover;k8s' {
            [CompletionResult]::new('-n', '-n', [CompletionResultType]::ParameterName, 'Only these namespaces [default: the context''s]')
            [CompletionResult]::new('--namespace', '--namespace', [CompletionResultType]::ParameterName, 'Only these namespaces [default: the context''s]')
            [CompletionResult]::new('-l', '-l', [CompletionResultType]::ParameterName, 'Only what has these labels, as in app=web,tier!=test or ''env in (dev,qa)''')
            [CompletionResult]::new('--selector', '--selector', [CompletionResultType]::ParameterName, 'Only what has these labels, as in app=web,tier!=test or ''env in (dev,qa)''')
            [CompletionResult]::new('--field-selector', '--field-selector', [CompletionResultType]::ParameterName, 'Only what has these fields, as in metadata.name=web')
            [CompletionResult]::new('--kubeconfig', '--kubeconfig', [CompletionResultType]::ParameterName, 'The kubeconfig; of several, the first to say something counts [default: ~/.kube/config]')
            [CompletionResult]::new('--context', '--context', [CompletionResultType]::ParameterName, 'The context of the kubeconfig [default: its current one]')
            [CompletionResult]::new('--via', '--via', [CompletionResultType]::ParameterName, 'With --validate: ask HTTP through the API server''s proxy, for who cannot reach the cluster''s own addresses')
            [CompletionResult]::new('--resolver', '--resolver', [CompletionResultType]::ParameterName, 'Look external names up by these resolvers instead of the system''s, as in 10.96.0.10 or 127.0.0.1:5353')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The most that one try of a question may take, as in 500ms or 10s')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'End the whole after this time, done or not [default: 2m for asking the server, none for checks]')
            [CompletionResult]::new('--hand-to', '--hand-to', [CompletionResultType]::ParameterName, 'Run this command for each host with open ports, when all are found; {ip} and {ports} stand for them')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Print only what opened, closed or changed since an earlier answer to the same question, a file of JSON or NDJSON')
            [CompletionResult]::new('--intensity', '--intensity', [CompletionResultType]::ParameterName, 'How much to ask of ports whose numbers hint at nothing')
            [CompletionResult]::new('--probes', '--probes', [CompletionResultType]::ParameterName, 'Also ask by the probes in this TOML file')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'How often to ask a source that cannot tell by itself, and to check [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'End the watch after that time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End the watch after so many changes; what was there from the beginning is none')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'End the watch with an event like this, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'Send each change to this address, as a POST with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Believe that a service is better again after so many looks in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Believe that a service is worse after so many looks in a row [default: 3]')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only what happened after this index: asked for by people who know registries, which keep it')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Whether to use colour; without it NO_COLOR and the terminal decide')
            [CompletionResult]::new('-A', '-A ', [CompletionResultType]::ParameterName, 'All namespaces')
            [CompletionResult]::new('--all-namespaces', '--all-namespaces', [CompletionResultType]::ParameterName, 'All namespaces')
            [CompletionResult]::new('--pods', '--pods', [CompletionResultType]::ParameterName, 'List pods too, each with its containers'' ports, and the services that choose it')
            [CompletionResult]::new('--ingress', '--ingress', [CompletionResultType]::ParameterName, 'List Ingresses too, and the routes of the Gateway API where the cluster has it: hosts, paths, and where they lead')
            [CompletionResult]::new('--in-cluster', '--in-cluster', [CompletionResultType]::ParameterName, 'Ask as the pod that this runs in; without a kubeconfig that is tried anyway')
            [CompletionResult]::new('--allow-exec', '--allow-exec', [CompletionResultType]::ParameterName, 'Run the program that the kubeconfig names to get credentials')
            [CompletionResult]::new('--fail-empty', '--fail-empty', [CompletionResultType]::ParameterName, 'Exit with 1 if nothing is found')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 4 if rights are missing to see what is asked for, such as an owner')
            [CompletionResult]::new('--fail-changed', '--fail-changed', [CompletionResultType]::ParameterName, 'Exit with 1 if --diff finds any difference')
            [CompletionResult]::new('--identify', '--identify', [CompletionResultType]::ParameterName, 'Ask each service what it is: protocol, product, version')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Write lines at a terminal too')
            [CompletionResult]::new('--validate', '--validate', [CompletionResultType]::ParameterName, 'Check each service and score how well it is, as `portolan validate -` does')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;discover;file' {
            [CompletionResult]::new('--hand-to', '--hand-to', [CompletionResultType]::ParameterName, 'Run this command for each host with open ports, when all are found; {ip} and {ports} stand for them')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Print only what opened, closed or changed since an earlier answer to the same question, a file of JSON or NDJSON')
            [CompletionResult]::new('--intensity', '--intensity', [CompletionResultType]::ParameterName, 'How much to ask of ports whose numbers hint at nothing')
            [CompletionResult]::new('--probes', '--probes', [CompletionResultType]::ParameterName, 'Also ask by the probes in this TOML file')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'How often to ask a source that cannot tell by itself, and to check [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'End the watch after that time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End the watch after so many changes; what was there from the beginning is none')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'End the watch with an event like this, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'Send each change to this address, as a POST with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Believe that a service is better again after so many looks in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Believe that a service is worse after so many looks in a row [default: 3]')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only what happened after this index: asked for by people who know registries, which keep it')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Whether to use colour; without it NO_COLOR and the terminal decide')
            [CompletionResult]::new('--fail-empty', '--fail-empty', [CompletionResultType]::ParameterName, 'Exit with 1 if nothing is found')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 4 if rights are missing to see what is asked for, such as an owner')
            [CompletionResult]::new('--fail-changed', '--fail-changed', [CompletionResultType]::ParameterName, 'Exit with 1 if --diff finds any difference')
            [CompletionResult]::new('--identify', '--identify', [CompletionResultType]::ParameterName, 'Ask each service what it is: protocol, product, version')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Write lines at a terminal too')
            [CompletionResult]::new('--validate', '--validate', [CompletionResultType]::ParameterName, 'Check each service and score how well it is, as `portolan validate -` does')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;discover;help' {
            [CompletionResult]::new('local', 'local', [CompletionResultType]::ParameterValue, 'List what listens on this machine: addresses, processes, owners')
            [CompletionResult]::new('scan', 'scan', [CompletionResultType]::ParameterValue, 'Ask hosts which of their ports are open')
            [CompletionResult]::new('k8s', 'k8s', [CompletionResultType]::ParameterValue, 'List the services of a Kubernetes cluster: endpoints, pods, nodes, and what is wrong with them')
            [CompletionResult]::new('file', 'file', [CompletionResultType]::ParameterValue, 'List the services that a file declares, and what to ask them')
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
        'portolan;discover;help;file' {
            break
        }
        'portolan;discover;help;help' {
            break
        }
        'portolan;scan' {
            [CompletionResult]::new('--hand-to', '--hand-to', [CompletionResultType]::ParameterName, 'Run this command for each host with open ports, when all are found; {ip} and {ports} stand for them')
            [CompletionResult]::new('--diff', '--diff', [CompletionResultType]::ParameterName, 'Print only what opened, closed or changed since an earlier answer to the same question, a file of JSON or NDJSON')
            [CompletionResult]::new('--intensity', '--intensity', [CompletionResultType]::ParameterName, 'How much to ask of ports whose numbers hint at nothing')
            [CompletionResult]::new('--probes', '--probes', [CompletionResultType]::ParameterName, 'Also ask by the probes in this TOML file')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'How often to ask a source that cannot tell by itself, and to check [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'End the watch after that time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End the watch after so many changes; what was there from the beginning is none')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'End the watch with an event like this, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'Send each change to this address, as a POST with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Believe that a service is better again after so many looks in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Believe that a service is worse after so many looks in a row [default: 3]')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only what happened after this index: asked for by people who know registries, which keep it')
            [CompletionResult]::new('--interface', '--interface', [CompletionResultType]::ParameterName, 'Scan the networks that this interface is in')
            [CompletionResult]::new('--exclude', '--exclude', [CompletionResultType]::ParameterName, 'Leave out these targets')
            [CompletionResult]::new('--exclude-file', '--exclude-file', [CompletionResultType]::ParameterName, 'Leave out the targets that this file names')
            [CompletionResult]::new('-p', '-p', [CompletionResultType]::ParameterName, 'These ports: numbers, ranges and names, as in 22,80,8000-9000,https; - is all of them; U:53,161,T:80 are of UDP and TCP')
            [CompletionResult]::new('--ports', '--ports', [CompletionResultType]::ParameterName, 'These ports: numbers, ranges and names, as in 22,80,8000-9000,https; - is all of them; U:53,161,T:80 are of UDP and TCP')
            [CompletionResult]::new('--top-ports', '--top-ports', [CompletionResultType]::ParameterName, 'The so many likeliest ports [default: 1000]')
            [CompletionResult]::new('--exclude-ports', '--exclude-ports', [CompletionResultType]::ParameterName, 'Leave out these ports')
            [CompletionResult]::new('-T', '-T ', [CompletionResultType]::ParameterName, 'How fast to go')
            [CompletionResult]::new('--pace', '--pace', [CompletionResultType]::ParameterName, 'How fast to go')
            [CompletionResult]::new('--rate', '--rate', [CompletionResultType]::ParameterName, 'At most so many questions a second, in all')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The most that one attempt may wait, as in 500ms or 2s; how long it does wait follows the answers')
            [CompletionResult]::new('--retries', '--retries', [CompletionResultType]::ParameterName, 'How often a silent port is asked again at most [default: as the loss that is seen asks for]')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'End the whole scan after this time, done or not')
            [CompletionResult]::new('--resume', '--resume', [CompletionResultType]::ParameterName, 'Keep in this file where the scan stands, and go on there if an earlier one has left it')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Whether to use colour; without it NO_COLOR and the terminal decide')
            [CompletionResult]::new('--fail-empty', '--fail-empty', [CompletionResultType]::ParameterName, 'Exit with 1 if nothing is found')
            [CompletionResult]::new('--strict', '--strict', [CompletionResultType]::ParameterName, 'Exit with 4 if rights are missing to see what is asked for, such as an owner')
            [CompletionResult]::new('--fail-changed', '--fail-changed', [CompletionResultType]::ParameterName, 'Exit with 1 if --diff finds any difference')
            [CompletionResult]::new('--identify', '--identify', [CompletionResultType]::ParameterName, 'Ask each service what it is: protocol, product, version')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Write lines at a terminal too')
            [CompletionResult]::new('--validate', '--validate', [CompletionResultType]::ParameterName, 'Check each service and score how well it is, as `portolan validate -` does')
            [CompletionResult]::new('-4', '-4', [CompletionResultType]::ParameterName, 'Only IPv4 addresses')
            [CompletionResult]::new('--ipv4', '--ipv4', [CompletionResultType]::ParameterName, 'Only IPv4 addresses')
            [CompletionResult]::new('-6', '-6', [CompletionResultType]::ParameterName, 'Only IPv6 addresses')
            [CompletionResult]::new('--ipv6', '--ipv6', [CompletionResultType]::ParameterName, 'Only IPv6 addresses')
            [CompletionResult]::new('-y', '-y', [CompletionResultType]::ParameterName, 'Scan also where that takes more than 1,048,576 questions')
            [CompletionResult]::new('--yes', '--yes', [CompletionResultType]::ParameterName, 'Scan also where that takes more than 1,048,576 questions')
            [CompletionResult]::new('-U', '-U ', [CompletionResultType]::ParameterName, 'Ask UDP ports, not TCP; without --ports those that portolan has a question for')
            [CompletionResult]::new('--udp', '--udp', [CompletionResultType]::ParameterName, 'Ask UDP ports, not TCP; without --ports those that portolan has a question for')
            [CompletionResult]::new('--syn', '--syn', [CompletionResultType]::ParameterName, 'Ask TCP ports by half connections, of which no program at the other end sees anything; needs CAP_NET_RAW')
            [CompletionResult]::new('--no-ping', '--no-ping', [CompletionResultType]::ParameterName, 'Ask every port of every host, without looking first whether anybody is there')
            [CompletionResult]::new('--all', '--all', [CompletionResultType]::ParameterName, 'List closed, filtered and unreachable ports too')
            [CompletionResult]::new('--open', '--open', [CompletionResultType]::ParameterName, 'List open ports only, as without --all, also where the settings say otherwise')
            [CompletionResult]::new('--reason', '--reason', [CompletionResultType]::ParameterName, 'Show in the table what each state is known from')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;validate' {
            [CompletionResult]::new('--protocol', '--protocol', [CompletionResultType]::ParameterName, 'What it speaks: http, https, grpc, grpcs, tls, tcp, redis, postgresql, smtp... [default: as the target says]')
            [CompletionResult]::new('--check', '--check', [CompletionResultType]::ParameterName, 'Run only these checks')
            [CompletionResult]::new('--no-check', '--no-check', [CompletionResultType]::ParameterName, 'Leave out these checks')
            [CompletionResult]::new('--server-name', '--server-name', [CompletionResultType]::ParameterName, 'The name to ask by: for TLS, and as the Host of HTTP [default: the target''s]')
            [CompletionResult]::new('--starttls', '--starttls', [CompletionResultType]::ParameterName, 'Begin in plain text and go over to TLS in the words of this protocol')
            [CompletionResult]::new('--path', '--path', [CompletionResultType]::ParameterName, 'The path that HTTP is asked for [default: /]')
            [CompletionResult]::new('--method', '--method', [CompletionResultType]::ParameterName, 'The method that HTTP is asked with [default: GET]')
            [CompletionResult]::new('--header', '--header', [CompletionResultType]::ParameterName, 'Send this header, as in ''Authorization: Bearer x''')
            [CompletionResult]::new('--expect-status', '--expect-status', [CompletionResultType]::ParameterName, 'The statuses that are well, as in 200-299,304 or 2xx [default: 200-399]')
            [CompletionResult]::new('--expect-body', '--expect-body', [CompletionResultType]::ParameterName, 'A regular expression that the body must match; of the body the first MiB is read')
            [CompletionResult]::new('--expect-header', '--expect-header', [CompletionResultType]::ParameterName, 'A header that must be there, and match if an expression is given, as in ''Content-Type: json''')
            [CompletionResult]::new('--expect-json', '--expect-json', [CompletionResultType]::ParameterName, 'A value that the JSON in the body must have, as in /status=ok (RFC 6901)')
            [CompletionResult]::new('--grpc-service', '--grpc-service', [CompletionResultType]::ParameterName, 'The service that gRPC''s health check is asked for [default: the server as a whole]')
            [CompletionResult]::new('--script', '--script', [CompletionResultType]::ParameterName, 'Run this program with these arguments, up to a `;`: 0 is well, 1 a warning. No shell is between')
            [CompletionResult]::new('--goal', '--goal', [CompletionResultType]::ParameterName, 'How quick answers should be, as in 200ms; connect=10ms is for connecting only [default: by the distance]')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'The most that one try may take, as in 500ms or 2s')
            [CompletionResult]::new('--deadline', '--deadline', [CompletionResultType]::ParameterName, 'End the whole run after this time; what was not looked at says so')
            [CompletionResult]::new('--retries', '--retries', [CompletionResultType]::ParameterName, 'How often silence is asked again; whoever answers is not asked twice')
            [CompletionResult]::new('--samples', '--samples', [CompletionResultType]::ParameterName, 'How often to look at each endpoint; several looks show how steady it is')
            [CompletionResult]::new('--concurrency', '--concurrency', [CompletionResultType]::ParameterName, 'The most endpoints looked at at once')
            [CompletionResult]::new('--resolver', '--resolver', [CompletionResultType]::ParameterName, 'Ask these resolvers instead of the system''s, as in 10.0.0.53 or 127.0.0.1:5353')
            [CompletionResult]::new('--ca', '--ca', [CompletionResultType]::ParameterName, 'Trust the certificates in this file (PEM) instead of the system''s roots')
            [CompletionResult]::new('--pin', '--pin', [CompletionResultType]::ParameterName, 'Trust the certificate with this SHA-256 and no other')
            [CompletionResult]::new('--cache-ttl', '--cache-ttl', [CompletionResultType]::ParameterName, 'Remember answers of DNS and TLS for so long within a run')
            [CompletionResult]::new('--ignore', '--ignore', [CompletionResultType]::ParameterName, 'Do not count these findings')
            [CompletionResult]::new('--min-score', '--min-score', [CompletionResultType]::ParameterName, 'Exit with 1 if any service scores less, or has no score')
            [CompletionResult]::new('--evidence', '--evidence', [CompletionResultType]::ParameterName, 'Write what was seen into this directory, a file for each service, for `portolan score`')
            [CompletionResult]::new('--interval', '--interval', [CompletionResultType]::ParameterName, 'How often to ask a source that cannot tell by itself, and to check [default: 1s for local and file, 1m for scan, 10s for checks]')
            [CompletionResult]::new('--for', '--for', [CompletionResultType]::ParameterName, 'End the watch after that time')
            [CompletionResult]::new('--count', '--count', [CompletionResultType]::ParameterName, 'End the watch after so many changes; what was there from the beginning is none')
            [CompletionResult]::new('--until', '--until', [CompletionResultType]::ParameterName, 'End the watch with an event like this, as in ''type=added and item.endpoints[].port=5432''')
            [CompletionResult]::new('--exec', '--exec', [CompletionResultType]::ParameterName, 'Run this command for each change, with the event as a line of JSON on its standard input')
            [CompletionResult]::new('--webhook', '--webhook', [CompletionResultType]::ParameterName, 'Send each change to this address, as a POST with the event as JSON')
            [CompletionResult]::new('--rise', '--rise', [CompletionResultType]::ParameterName, 'Believe that a service is better again after so many looks in a row [default: 2]')
            [CompletionResult]::new('--fall', '--fall', [CompletionResultType]::ParameterName, 'Believe that a service is worse after so many looks in a row [default: 3]')
            [CompletionResult]::new('--since', '--since', [CompletionResultType]::ParameterName, 'Only what happened after this index: asked for by people who know registries, which keep it')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Whether to use colour; without it NO_COLOR and the terminal decide')
            [CompletionResult]::new('--follow', '--follow', [CompletionResultType]::ParameterName, 'Follow redirects: at most 10, never to a lower scheme or a link-local address; credentials stay with their host')
            [CompletionResult]::new('--no-cache', '--no-cache', [CompletionResultType]::ParameterName, 'Remember nothing')
            [CompletionResult]::new('--require-complete', '--require-complete', [CompletionResultType]::ParameterName, 'Exit with 3 if anything that was wanted could not be looked at')
            [CompletionResult]::new('--explain', '--explain', [CompletionResultType]::ParameterName, 'Show every deduction with what to do about it')
            [CompletionResult]::new('-w', '-w', [CompletionResultType]::ParameterName, 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0')
            [CompletionResult]::new('--watch', '--watch', [CompletionResultType]::ParameterName, 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0')
            [CompletionResult]::new('--lines', '--lines', [CompletionResultType]::ParameterName, 'Write lines at a terminal too')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;score' {
            [CompletionResult]::new('--ignore', '--ignore', [CompletionResultType]::ParameterName, 'Do not count these findings either')
            [CompletionResult]::new('--min-score', '--min-score', [CompletionResultType]::ParameterName, 'Exit with 1 if any service scores less, or has no score')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Whether to use colour; without it NO_COLOR and the terminal decide')
            [CompletionResult]::new('--explain', '--explain', [CompletionResultType]::ParameterName, 'Show every deduction with what to do about it')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;wait' {
            [CompletionResult]::new('--min-score', '--min-score', [CompletionResultType]::ParameterName, 'Check them, and wait until each service scores at least so much')
            [CompletionResult]::new('--timeout', '--timeout', [CompletionResultType]::ParameterName, 'How long to wait for all of them')
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Whether to use colour; without it NO_COLOR and the terminal decide')
            [CompletionResult]::new('--gone', '--gone', [CompletionResultType]::ParameterName, 'Wait until none of them accepts connections any more, or is listed by its source; a host that nobody knows counts as not gone')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;explain' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Whether to use colour; without it NO_COLOR and the terminal decide')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;ports' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Whether to use colour; without it NO_COLOR and the terminal decide')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;completions' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Whether to use colour; without it NO_COLOR and the terminal decide')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;man' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Whether to use colour; without it NO_COLOR and the terminal decide')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;config' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Whether to use colour; without it NO_COLOR and the terminal decide')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print every setting with its value and where that comes from, as a settings file or as JSON')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;config;show' {
            [CompletionResult]::new('--config', '--config', [CompletionResultType]::ParameterName, 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]')
            [CompletionResult]::new('-o', '-o', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--output', '--output', [CompletionResultType]::ParameterName, 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too')
            [CompletionResult]::new('--color', '--color', [CompletionResultType]::ParameterName, 'Whether to use colour; without it NO_COLOR and the terminal decide')
            [CompletionResult]::new('--json', '--json', [CompletionResultType]::ParameterName, 'Short for --output json')
            [CompletionResult]::new('-q', '-q', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('--quiet', '--quiet', [CompletionResultType]::ParameterName, 'Nothing on stderr but errors')
            [CompletionResult]::new('-h', '-h', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('--help', '--help', [CompletionResultType]::ParameterName, 'Print help (see more with ''--help'')')
            [CompletionResult]::new('-V', '-V ', [CompletionResultType]::ParameterName, 'Print version')
            [CompletionResult]::new('--version', '--version', [CompletionResultType]::ParameterName, 'Print version')
            break
        }
        'portolan;config;help' {
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print every setting with its value and where that comes from, as a settings file or as JSON')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;config;help;show' {
            break
        }
        'portolan;config;help;help' {
            break
        }
        'portolan;help' {
            [CompletionResult]::new('discover', 'discover', [CompletionResultType]::ParameterValue, 'List services')
            [CompletionResult]::new('scan', 'scan', [CompletionResultType]::ParameterValue, 'Ask hosts which of their ports are open; short for `discover scan`')
            [CompletionResult]::new('validate', 'validate', [CompletionResultType]::ParameterValue, 'Check services and score how well they are, each point explained')
            [CompletionResult]::new('score', 'score', [CompletionResultType]::ParameterValue, 'Score services again from what `portolan validate --evidence` saw')
            [CompletionResult]::new('wait', 'wait', [CompletionResultType]::ParameterValue, 'Wait until every target accepts connections, then exit, or become a command')
            [CompletionResult]::new('explain', 'explain', [CompletionResultType]::ParameterValue, 'Explain a finding: what it means, what it costs, what to do about it')
            [CompletionResult]::new('ports', 'ports', [CompletionResultType]::ParameterValue, 'List the built-in port names, which --ports takes in the place of numbers')
            [CompletionResult]::new('completions', 'completions', [CompletionResultType]::ParameterValue, 'Print the completion script of a shell')
            [CompletionResult]::new('man', 'man', [CompletionResultType]::ParameterValue, 'Write the manual pages, one per command, into a directory')
            [CompletionResult]::new('config', 'config', [CompletionResultType]::ParameterValue, 'Look at the settings')
            [CompletionResult]::new('help', 'help', [CompletionResultType]::ParameterValue, 'Print this message or the help of the given subcommand(s)')
            break
        }
        'portolan;help;discover' {
            [CompletionResult]::new('local', 'local', [CompletionResultType]::ParameterValue, 'List what listens on this machine: addresses, processes, owners')
            [CompletionResult]::new('scan', 'scan', [CompletionResultType]::ParameterValue, 'Ask hosts which of their ports are open')
            [CompletionResult]::new('k8s', 'k8s', [CompletionResultType]::ParameterValue, 'List the services of a Kubernetes cluster: endpoints, pods, nodes, and what is wrong with them')
            [CompletionResult]::new('file', 'file', [CompletionResultType]::ParameterValue, 'List the services that a file declares, and what to ask them')
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
        'portolan;help;discover;file' {
            break
        }
        'portolan;help;scan' {
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
        'portolan;help;explain' {
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
            [CompletionResult]::new('show', 'show', [CompletionResultType]::ParameterValue, 'Print every setting with its value and where that comes from, as a settings file or as JSON')
            break
        }
        'portolan;help;config;show' {
            break
        }
        'portolan;help;help' {
            break
        }
    })

    $completions.Where{ $_.CompletionText -like "$wordToComplete*" } |
        Sort-Object -Property ListItemText
}
