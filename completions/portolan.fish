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

complete -c portolan -n "__fish_portolan_needs_command" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_needs_command" -s o -l output -d 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
nmap-xml\t'The XML of nmap, for ndiff and whatever else reads that'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as metrics, for Prometheus'
explain\t'Every deduction from a score with what to do about it'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_needs_command" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_needs_command" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_needs_command" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_needs_command" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "discover" -d 'List services'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "scan" -d 'Ask hosts which of their ports are open; short for `discover scan`'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "validate" -d 'Check services and score how well they are, each point explained'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "score" -d 'Score services again from what `portolan validate --evidence` saw'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "wait" -d 'Wait until every target accepts connections, then exit, or become a command'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "explain" -d 'Explain a finding: what it means, what it costs, what to do about it'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "ports" -d 'List the built-in port names, which --ports takes in the place of numbers'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "completions" -d 'Print the completion script of a shell'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "man" -d 'Write the manual pages, one per command, into a directory'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "config" -d 'Look at the settings'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l hand-to -d 'Run this command for each host with open ports, when all are found; {ip} and {ports} stand for them' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l diff -d 'Print only what opened, closed or changed since an earlier answer to the same question, a file of JSON or NDJSON' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l intensity -d 'How much to ask of ports whose numbers hint at nothing' -r -f -a "light\t'What the port\'s number hints at, and HTTP: at most 3 connections to a port'
normal\t'Also TLS, and nearly all that must be asked in their own words: at most 14 connections to a port'
all\t'Also RTSP, everything even of who greets in unknown words, and ports of printers, which may print what they are sent'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l probes -d 'Also ask by the probes in this TOML file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l interval -d 'How often to ask a source that cannot tell by itself, and to check [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l for -d 'End the watch after that time' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l count -d 'End the watch after so many changes; what was there from the beginning is none' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l until -d 'End the watch with an event like this, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l webhook -d 'Send each change to this address, as a POST with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l rise -d 'Believe that a service is better again after so many looks in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l fall -d 'Believe that a service is worse after so many looks in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l since -d 'Only what happened after this index: asked for by people who know registries, which keep it' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -s o -l output -d 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
nmap-xml\t'The XML of nmap, for ndiff and whatever else reads that'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as metrics, for Prometheus'
explain\t'Every deduction from a score with what to do about it'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l fail-empty -d 'Exit with 1 if nothing is found'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l strict -d 'Exit with 4 if rights are missing to see what is asked for, such as an owner'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l fail-changed -d 'Exit with 1 if --diff finds any difference'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l identify -d 'Ask each service what it is: protocol, product, version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -s w -l watch -d 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l lines -d 'Write lines at a terminal too'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l validate -d 'Check each service and score how well it is, as `portolan validate -` does'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -f -a "local" -d 'List what listens on this machine: addresses, processes, owners'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -f -a "scan" -d 'Ask hosts which of their ports are open'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -f -a "k8s" -d 'List the services of a Kubernetes cluster: endpoints, pods, nodes, and what is wrong with them'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -f -a "file" -d 'List the services that a file declares, and what to ask them'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local scan k8s file help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -s p -l ports -d 'Only these ports: numbers, ranges and names, as in 22,80,8000-9000,https' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l state -d 'Only sockets in these states [default: listen,unconnected]' -r -f -a "listen\t'TCP and Unix-domain: accepts connections'
unconnected\t'UDP and Unix-domain datagrams: takes packets from anybody'
connected\t'UDP: takes packets from one peer only'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l process -d 'Only listeners held by a process whose name matches: `*`, `?`, `[a-z]`' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l user -d 'Only listeners of this user: a name or a number' -r -f -a "(__fish_complete_users)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l interface -d 'Only listeners that this interface leads to' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l sort -d 'What to sort a listing by; a watch tells what happens as it happens' -r -f -a "port\t'Port, then transport, then address'
address\t'Address'
proto\t'Transport: TCP, UDP, Unix-domain'
name\t'Name of the service'
process\t'Name of the first process'
pid\t'Id of the first process'
user\t'Name of the user'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l hand-to -d 'Run this command for each host with open ports, when all are found; {ip} and {ports} stand for them' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l diff -d 'Print only what opened, closed or changed since an earlier answer to the same question, a file of JSON or NDJSON' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l intensity -d 'How much to ask of ports whose numbers hint at nothing' -r -f -a "light\t'What the port\'s number hints at, and HTTP: at most 3 connections to a port'
normal\t'Also TLS, and nearly all that must be asked in their own words: at most 14 connections to a port'
all\t'Also RTSP, everything even of who greets in unknown words, and ports of printers, which may print what they are sent'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l probes -d 'Also ask by the probes in this TOML file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l interval -d 'How often to ask a source that cannot tell by itself, and to check [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l for -d 'End the watch after that time' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l count -d 'End the watch after so many changes; what was there from the beginning is none' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l until -d 'End the watch with an event like this, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l webhook -d 'Send each change to this address, as a POST with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l rise -d 'Believe that a service is better again after so many looks in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l fall -d 'Believe that a service is worse after so many looks in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l since -d 'Only what happened after this index: asked for by people who know registries, which keep it' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -s o -l output -d 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
nmap-xml\t'The XML of nmap, for ndiff and whatever else reads that'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as metrics, for Prometheus'
explain\t'Every deduction from a score with what to do about it'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l common-ports -d 'Only ports that have a name in `portolan ports`'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l tcp -d 'TCP listeners (the default is TCP and UDP)'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l udp -d 'UDP sockets that anybody can send to'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l unix -d 'Unix-domain listeners'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l skip-loopback -d 'Leave out what only this host can reach'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l skip-private -d 'Leave out what is bound to a private address'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l exposed -d 'Only what another host could reach, as far as addresses and interfaces tell; a firewall is not looked at'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l all-netns -d 'Look into every network namespace of this machine (root)'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l fail-empty -d 'Exit with 1 if nothing is found'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l strict -d 'Exit with 4 if rights are missing to see what is asked for, such as an owner'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l fail-changed -d 'Exit with 1 if --diff finds any difference'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l identify -d 'Ask each service what it is: protocol, product, version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -s w -l watch -d 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l lines -d 'Write lines at a terminal too'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l validate -d 'Check each service and score how well it is, as `portolan validate -` does'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l interface -d 'Scan the networks that this interface is in' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l exclude -d 'Leave out these targets' -r -f -a "(__fish_print_hostnames)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l exclude-file -d 'Leave out the targets that this file names' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s p -l ports -d 'These ports: numbers, ranges and names, as in 22,80,8000-9000,https; - is all of them; U:53,161,T:80 are of UDP and TCP' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l top-ports -d 'The so many likeliest ports [default: 1000]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l exclude-ports -d 'Leave out these ports' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s T -l pace -d 'How fast to go' -r -f -a "polite\t'At most 200 questions a second and 16 open at a time, for networks that must not notice'
normal\t'As fast as answers come'
fast\t'The same with shorter waits and a wider beginning, for a network known to be good'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l rate -d 'At most so many questions a second, in all' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l timeout -d 'The most that one attempt may wait, as in 500ms or 2s; how long it does wait follows the answers' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l retries -d 'How often a silent port is asked again at most [default: as the loss that is seen asks for]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l deadline -d 'End the whole scan after this time, done or not' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l resume -d 'Keep in this file where the scan stands, and go on there if an earlier one has left it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l hand-to -d 'Run this command for each host with open ports, when all are found; {ip} and {ports} stand for them' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l diff -d 'Print only what opened, closed or changed since an earlier answer to the same question, a file of JSON or NDJSON' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l intensity -d 'How much to ask of ports whose numbers hint at nothing' -r -f -a "light\t'What the port\'s number hints at, and HTTP: at most 3 connections to a port'
normal\t'Also TLS, and nearly all that must be asked in their own words: at most 14 connections to a port'
all\t'Also RTSP, everything even of who greets in unknown words, and ports of printers, which may print what they are sent'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l probes -d 'Also ask by the probes in this TOML file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l interval -d 'How often to ask a source that cannot tell by itself, and to check [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l for -d 'End the watch after that time' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l count -d 'End the watch after so many changes; what was there from the beginning is none' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l until -d 'End the watch with an event like this, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l webhook -d 'Send each change to this address, as a POST with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l rise -d 'Believe that a service is better again after so many looks in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l fall -d 'Believe that a service is worse after so many looks in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l since -d 'Only what happened after this index: asked for by people who know registries, which keep it' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s o -l output -d 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
nmap-xml\t'The XML of nmap, for ndiff and whatever else reads that'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as metrics, for Prometheus'
explain\t'Every deduction from a score with what to do about it'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s 4 -l ipv4 -d 'Only IPv4 addresses'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s 6 -l ipv6 -d 'Only IPv6 addresses'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s y -l yes -d 'Scan also where that takes more than 1,048,576 questions'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s U -l udp -d 'Ask UDP ports, not TCP; without --ports those that portolan has a question for'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l syn -d 'Ask TCP ports by half connections, of which no program at the other end sees anything; needs CAP_NET_RAW'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l no-ping -d 'Ask every port of every host, without looking first whether anybody is there'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l all -d 'List closed, filtered and unreachable ports too'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l open -d 'List open ports only, as without --all, also where the settings say otherwise'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l reason -d 'Show in the table what each state is known from'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l fail-empty -d 'Exit with 1 if nothing is found'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l strict -d 'Exit with 4 if rights are missing to see what is asked for, such as an owner'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l fail-changed -d 'Exit with 1 if --diff finds any difference'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l identify -d 'Ask each service what it is: protocol, product, version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s w -l watch -d 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l lines -d 'Write lines at a terminal too'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l validate -d 'Check each service and score how well it is, as `portolan validate -` does'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from scan" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -s n -l namespace -d 'Only these namespaces [default: the context\'s]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -s l -l selector -d 'Only what has these labels, as in app=web,tier!=test or \'env in (dev,qa)\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l field-selector -d 'Only what has these fields, as in metadata.name=web' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l kubeconfig -d 'The kubeconfig; of several, the first to say something counts [default: ~/.kube/config]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l context -d 'The context of the kubeconfig [default: its current one]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l via -d 'With --validate: ask HTTP through the API server\'s proxy, for who cannot reach the cluster\'s own addresses' -r -f -a "api-proxy\t'The API server, by its proxy'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l resolver -d 'Look external names up by these resolvers instead of the system\'s, as in 10.96.0.10 or 127.0.0.1:5353' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l timeout -d 'The most that one try of a question may take, as in 500ms or 10s' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l deadline -d 'End the whole after this time, done or not [default: 2m for asking the server, none for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l hand-to -d 'Run this command for each host with open ports, when all are found; {ip} and {ports} stand for them' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l diff -d 'Print only what opened, closed or changed since an earlier answer to the same question, a file of JSON or NDJSON' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l intensity -d 'How much to ask of ports whose numbers hint at nothing' -r -f -a "light\t'What the port\'s number hints at, and HTTP: at most 3 connections to a port'
normal\t'Also TLS, and nearly all that must be asked in their own words: at most 14 connections to a port'
all\t'Also RTSP, everything even of who greets in unknown words, and ports of printers, which may print what they are sent'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l probes -d 'Also ask by the probes in this TOML file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l interval -d 'How often to ask a source that cannot tell by itself, and to check [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l for -d 'End the watch after that time' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l count -d 'End the watch after so many changes; what was there from the beginning is none' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l until -d 'End the watch with an event like this, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l webhook -d 'Send each change to this address, as a POST with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l rise -d 'Believe that a service is better again after so many looks in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l fall -d 'Believe that a service is worse after so many looks in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l since -d 'Only what happened after this index: asked for by people who know registries, which keep it' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -s o -l output -d 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
nmap-xml\t'The XML of nmap, for ndiff and whatever else reads that'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as metrics, for Prometheus'
explain\t'Every deduction from a score with what to do about it'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -s A -l all-namespaces -d 'All namespaces'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l pods -d 'List pods too, each with its containers\' ports, and the services that choose it'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l ingress -d 'List Ingresses too, and the routes of the Gateway API where the cluster has it: hosts, paths, and where they lead'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l in-cluster -d 'Ask as the pod that this runs in; without a kubeconfig that is tried anyway'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l allow-exec -d 'Run the program that the kubeconfig names to get credentials'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l fail-empty -d 'Exit with 1 if nothing is found'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l strict -d 'Exit with 4 if rights are missing to see what is asked for, such as an owner'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l fail-changed -d 'Exit with 1 if --diff finds any difference'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l identify -d 'Ask each service what it is: protocol, product, version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -s w -l watch -d 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l lines -d 'Write lines at a terminal too'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l validate -d 'Check each service and score how well it is, as `portolan validate -` does'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from k8s" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l hand-to -d 'Run this command for each host with open ports, when all are found; {ip} and {ports} stand for them' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l diff -d 'Print only what opened, closed or changed since an earlier answer to the same question, a file of JSON or NDJSON' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l intensity -d 'How much to ask of ports whose numbers hint at nothing' -r -f -a "light\t'What the port\'s number hints at, and HTTP: at most 3 connections to a port'
normal\t'Also TLS, and nearly all that must be asked in their own words: at most 14 connections to a port'
all\t'Also RTSP, everything even of who greets in unknown words, and ports of printers, which may print what they are sent'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l probes -d 'Also ask by the probes in this TOML file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l interval -d 'How often to ask a source that cannot tell by itself, and to check [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l for -d 'End the watch after that time' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l count -d 'End the watch after so many changes; what was there from the beginning is none' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l until -d 'End the watch with an event like this, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l webhook -d 'Send each change to this address, as a POST with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l rise -d 'Believe that a service is better again after so many looks in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l fall -d 'Believe that a service is worse after so many looks in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l since -d 'Only what happened after this index: asked for by people who know registries, which keep it' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -s o -l output -d 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
nmap-xml\t'The XML of nmap, for ndiff and whatever else reads that'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as metrics, for Prometheus'
explain\t'Every deduction from a score with what to do about it'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l fail-empty -d 'Exit with 1 if nothing is found'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l strict -d 'Exit with 4 if rights are missing to see what is asked for, such as an owner'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l fail-changed -d 'Exit with 1 if --diff finds any difference'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l identify -d 'Ask each service what it is: protocol, product, version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -s w -l watch -d 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l lines -d 'Write lines at a terminal too'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l validate -d 'Check each service and score how well it is, as `portolan validate -` does'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from file" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from help" -f -a "local" -d 'List what listens on this machine: addresses, processes, owners'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from help" -f -a "scan" -d 'Ask hosts which of their ports are open'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from help" -f -a "k8s" -d 'List the services of a Kubernetes cluster: endpoints, pods, nodes, and what is wrong with them'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from help" -f -a "file" -d 'List the services that a file declares, and what to ask them'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l hand-to -d 'Run this command for each host with open ports, when all are found; {ip} and {ports} stand for them' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l diff -d 'Print only what opened, closed or changed since an earlier answer to the same question, a file of JSON or NDJSON' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l intensity -d 'How much to ask of ports whose numbers hint at nothing' -r -f -a "light\t'What the port\'s number hints at, and HTTP: at most 3 connections to a port'
normal\t'Also TLS, and nearly all that must be asked in their own words: at most 14 connections to a port'
all\t'Also RTSP, everything even of who greets in unknown words, and ports of printers, which may print what they are sent'"
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l probes -d 'Also ask by the probes in this TOML file' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l interval -d 'How often to ask a source that cannot tell by itself, and to check [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l for -d 'End the watch after that time' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l count -d 'End the watch after so many changes; what was there from the beginning is none' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l until -d 'End the watch with an event like this, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l webhook -d 'Send each change to this address, as a POST with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l rise -d 'Believe that a service is better again after so many looks in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l fall -d 'Believe that a service is worse after so many looks in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l since -d 'Only what happened after this index: asked for by people who know registries, which keep it' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l interface -d 'Scan the networks that this interface is in' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l exclude -d 'Leave out these targets' -r -f -a "(__fish_print_hostnames)"
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l exclude-file -d 'Leave out the targets that this file names' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s p -l ports -d 'These ports: numbers, ranges and names, as in 22,80,8000-9000,https; - is all of them; U:53,161,T:80 are of UDP and TCP' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l top-ports -d 'The so many likeliest ports [default: 1000]' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l exclude-ports -d 'Leave out these ports' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s T -l pace -d 'How fast to go' -r -f -a "polite\t'At most 200 questions a second and 16 open at a time, for networks that must not notice'
normal\t'As fast as answers come'
fast\t'The same with shorter waits and a wider beginning, for a network known to be good'"
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l rate -d 'At most so many questions a second, in all' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l timeout -d 'The most that one attempt may wait, as in 500ms or 2s; how long it does wait follows the answers' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l retries -d 'How often a silent port is asked again at most [default: as the loss that is seen asks for]' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l deadline -d 'End the whole scan after this time, done or not' -r
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l resume -d 'Keep in this file where the scan stands, and go on there if an earlier one has left it' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s o -l output -d 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
nmap-xml\t'The XML of nmap, for ndiff and whatever else reads that'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as metrics, for Prometheus'
explain\t'Every deduction from a score with what to do about it'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l fail-empty -d 'Exit with 1 if nothing is found'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l strict -d 'Exit with 4 if rights are missing to see what is asked for, such as an owner'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l fail-changed -d 'Exit with 1 if --diff finds any difference'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l identify -d 'Ask each service what it is: protocol, product, version'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s w -l watch -d 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l lines -d 'Write lines at a terminal too'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l validate -d 'Check each service and score how well it is, as `portolan validate -` does'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s 4 -l ipv4 -d 'Only IPv4 addresses'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s 6 -l ipv6 -d 'Only IPv6 addresses'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s y -l yes -d 'Scan also where that takes more than 1,048,576 questions'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s U -l udp -d 'Ask UDP ports, not TCP; without --ports those that portolan has a question for'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l syn -d 'Ask TCP ports by half connections, of which no program at the other end sees anything; needs CAP_NET_RAW'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l no-ping -d 'Ask every port of every host, without looking first whether anybody is there'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l all -d 'List closed, filtered and unreachable ports too'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l open -d 'List open ports only, as without --all, also where the settings say otherwise'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l reason -d 'Show in the table what each state is known from'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand scan" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l protocol -d 'What it speaks: http, https, grpc, grpcs, tls, tcp, redis, postgresql, smtp... [default: as the target says]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l check -d 'Run only these checks' -r -f -a "dns\t'The name leads to the address, by every resolver'
tcp\t'Connections can be made, and how fast'
tls\t'TLS is spoken as it should be, and the certificate is good'
http\t'HTTP answers what is expected, and how fast'
grpc\t'A gRPC server says that it is serving'
protocol\t'The server says in its own protocol that it is well'
script\t'A program of yours says that it is well'
stability\t'The results of several looks are steady'"
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l no-check -d 'Leave out these checks' -r -f -a "dns\t'The name leads to the address, by every resolver'
tcp\t'Connections can be made, and how fast'
tls\t'TLS is spoken as it should be, and the certificate is good'
http\t'HTTP answers what is expected, and how fast'
grpc\t'A gRPC server says that it is serving'
protocol\t'The server says in its own protocol that it is well'
script\t'A program of yours says that it is well'
stability\t'The results of several looks are steady'"
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l server-name -d 'The name to ask by: for TLS, and as the Host of HTTP [default: the target\'s]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l starttls -d 'Begin in plain text and go over to TLS in the words of this protocol' -r -f -a "smtp\t'Mail, RFC 3207'
imap\t'Mailboxes, RFC 9051'
pop3\t'Mailboxes, RFC 2595'
ftp\t'Files, RFC 4217'
ldap\t'Directories, RFC 4511'
postgresql\t'PostgreSQL\'s SSLRequest'
mysql\t'MySQL\'s and MariaDB\'s SSLRequest'"
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l path -d 'The path that HTTP is asked for [default: /]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l method -d 'The method that HTTP is asked with [default: GET]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l header -d 'Send this header, as in \'Authorization: Bearer x\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l expect-status -d 'The statuses that are well, as in 200-299,304 or 2xx [default: 200-399]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l expect-body -d 'A regular expression that the body must match; of the body the first MiB is read' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l expect-header -d 'A header that must be there, and match if an expression is given, as in \'Content-Type: json\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l expect-json -d 'A value that the JSON in the body must have, as in /status=ok (RFC 6901)' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l grpc-service -d 'The service that gRPC\'s health check is asked for [default: the server as a whole]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l script -d 'Run this program with these arguments, up to a `;`: 0 is well, 1 a warning. No shell is between' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l goal -d 'How quick answers should be, as in 200ms; connect=10ms is for connecting only [default: by the distance]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l timeout -d 'The most that one try may take, as in 500ms or 2s' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l deadline -d 'End the whole run after this time; what was not looked at says so' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l retries -d 'How often silence is asked again; whoever answers is not asked twice' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l samples -d 'How often to look at each endpoint; several looks show how steady it is' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l concurrency -d 'The most endpoints looked at at once' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l resolver -d 'Ask these resolvers instead of the system\'s, as in 10.0.0.53 or 127.0.0.1:5353' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l ca -d 'Trust the certificates in this file (PEM) instead of the system\'s roots' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l pin -d 'Trust the certificate with this SHA-256 and no other' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l cache-ttl -d 'Remember answers of DNS and TLS for so long within a run' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l ignore -d 'Do not count these findings' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l min-score -d 'Exit with 1 if any service scores less, or has no score' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l evidence -d 'Write what was seen into this directory, a file for each service, for `portolan score`' -r -f -a "(__fish_complete_directories)"
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l interval -d 'How often to ask a source that cannot tell by itself, and to check [default: 1s for local and file, 1m for scan, 10s for checks]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l for -d 'End the watch after that time' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l count -d 'End the watch after so many changes; what was there from the beginning is none' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l until -d 'End the watch with an event like this, as in \'type=added and item.endpoints[].port=5432\'' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l exec -d 'Run this command for each change, with the event as a line of JSON on its standard input' -r -f -a "(__fish_complete_command)"
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l webhook -d 'Send each change to this address, as a POST with the event as JSON' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l rise -d 'Believe that a service is better again after so many looks in a row [default: 2]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l fall -d 'Believe that a service is worse after so many looks in a row [default: 3]' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l since -d 'Only what happened after this index: asked for by people who know registries, which keep it' -r
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand validate" -s o -l output -d 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
nmap-xml\t'The XML of nmap, for ndiff and whatever else reads that'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as metrics, for Prometheus'
explain\t'Every deduction from a score with what to do about it'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l follow -d 'Follow redirects: at most 10, never to a lower scheme or a link-local address; credentials stay with their host'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l no-cache -d 'Remember nothing'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l require-complete -d 'Exit with 3 if anything that was wanted could not be looked at'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l explain -d 'Show every deduction with what to do about it'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -s w -l watch -d 'Go on, and show whatever changes; Ctrl-C ends it with exit code 0'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l lines -d 'Write lines at a terminal too'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand validate" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand score" -l ignore -d 'Do not count these findings either' -r
complete -c portolan -n "__fish_portolan_using_subcommand score" -l min-score -d 'Exit with 1 if any service scores less, or has no score' -r
complete -c portolan -n "__fish_portolan_using_subcommand score" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand score" -s o -l output -d 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
nmap-xml\t'The XML of nmap, for ndiff and whatever else reads that'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as metrics, for Prometheus'
explain\t'Every deduction from a score with what to do about it'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_using_subcommand score" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand score" -l explain -d 'Show every deduction with what to do about it'
complete -c portolan -n "__fish_portolan_using_subcommand score" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand score" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand score" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand score" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l min-score -d 'Check them, and wait until each service scores at least so much' -r
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l timeout -d 'How long to wait for all of them' -r
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand wait" -s o -l output -d 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
nmap-xml\t'The XML of nmap, for ndiff and whatever else reads that'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as metrics, for Prometheus'
explain\t'Every deduction from a score with what to do about it'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l gone -d 'Wait until none of them accepts connections any more, or is listed by its source; a host that nobody knows counts as not gone'
complete -c portolan -n "__fish_portolan_using_subcommand wait" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand wait" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand wait" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand wait" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand explain" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand explain" -s o -l output -d 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
nmap-xml\t'The XML of nmap, for ndiff and whatever else reads that'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as metrics, for Prometheus'
explain\t'Every deduction from a score with what to do about it'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_using_subcommand explain" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand explain" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand explain" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand explain" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand ports" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand ports" -s o -l output -d 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
nmap-xml\t'The XML of nmap, for ndiff and whatever else reads that'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as metrics, for Prometheus'
explain\t'Every deduction from a score with what to do about it'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_using_subcommand ports" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand ports" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand ports" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand ports" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand ports" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand completions" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand completions" -s o -l output -d 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
nmap-xml\t'The XML of nmap, for ndiff and whatever else reads that'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as metrics, for Prometheus'
explain\t'Every deduction from a score with what to do about it'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_using_subcommand completions" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand completions" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand completions" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand completions" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand man" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand man" -s o -l output -d 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
nmap-xml\t'The XML of nmap, for ndiff and whatever else reads that'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as metrics, for Prometheus'
explain\t'Every deduction from a score with what to do about it'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_using_subcommand man" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand man" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand man" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand man" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show help" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show help" -s o -l output -d 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
nmap-xml\t'The XML of nmap, for ndiff and whatever else reads that'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as metrics, for Prometheus'
explain\t'Every deduction from a score with what to do about it'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show help" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show help" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show help" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show help" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "show" -d 'Print every setting with its value and where that comes from, as a settings file or as JSON'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from show" -s o -l output -d 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
nmap-xml\t'The XML of nmap, for ndiff and whatever else reads that'
junit\t'Health as JUnit XML, for CI'
prometheus\t'Health as metrics, for Prometheus'
explain\t'Every deduction from a score with what to do about it'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from show" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from show" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from show" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print every setting with its value and where that comes from, as a settings file or as JSON'
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from discover scan validate score wait explain ports completions man config help" -f -a "discover" -d 'List services'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from discover scan validate score wait explain ports completions man config help" -f -a "scan" -d 'Ask hosts which of their ports are open; short for `discover scan`'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from discover scan validate score wait explain ports completions man config help" -f -a "validate" -d 'Check services and score how well they are, each point explained'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from discover scan validate score wait explain ports completions man config help" -f -a "score" -d 'Score services again from what `portolan validate --evidence` saw'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from discover scan validate score wait explain ports completions man config help" -f -a "wait" -d 'Wait until every target accepts connections, then exit, or become a command'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from discover scan validate score wait explain ports completions man config help" -f -a "explain" -d 'Explain a finding: what it means, what it costs, what to do about it'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from discover scan validate score wait explain ports completions man config help" -f -a "ports" -d 'List the built-in port names, which --ports takes in the place of numbers'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from discover scan validate score wait explain ports completions man config help" -f -a "completions" -d 'Print the completion script of a shell'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from discover scan validate score wait explain ports completions man config help" -f -a "man" -d 'Write the manual pages, one per command, into a directory'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from discover scan validate score wait explain ports completions man config help" -f -a "config" -d 'Look at the settings'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from discover scan validate score wait explain ports completions man config help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from discover" -f -a "local" -d 'List what listens on this machine: addresses, processes, owners'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from discover" -f -a "scan" -d 'Ask hosts which of their ports are open'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from discover" -f -a "k8s" -d 'List the services of a Kubernetes cluster: endpoints, pods, nodes, and what is wrong with them'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from discover" -f -a "file" -d 'List the services that a file declares, and what to ask them'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Print every setting with its value and where that comes from, as a settings file or as JSON'
