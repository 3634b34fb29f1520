
use builtin;
use str;

set edit:completion:arg-completer[portolan] = {|@words|
    fn spaces {|n|
        builtin:repeat $n ' ' | str:join ''
    }
    fn cand {|text desc|
        edit:complex-candidate $text &display=$text' '(spaces (- 14 (wcswidth $text)))$desc
    }
    var command = 'portolan'
    for word $words[1..-1] {
        if (str:has-prefix $word '-') {
            break
        }
        set command = $command';'$word
    }
    var completions = [
        &'portolan'= {
            cand --config 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]'
            cand -o 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --output 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --color 'Whether to use colour; without it NO_COLOR and the terminal decide'
            cand --json 'Short for --output json'
            cand -q 'Nothing on stderr but errors'
            cand --quiet 'Nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand discover 'List services'
            cand scan 'Ask hosts which of their ports are open; short for `discover scan`'
            cand validate 'Check services and score how well they are, each point explained'
            cand score 'Score services again from what `portolan validate --evidence` saw'
            cand wait 'Wait until every target accepts connections, then exit, or become a command'
            cand explain 'Explain a finding: what it means, what it costs, what to do about it'
            cand ports 'List the built-in port names, which --ports takes in the place of numbers'
            cand completions 'Print the completion script of a shell'
            cand man 'Write the manual pages, one per command, into a directory'
            cand config 'Look at the settings'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'portolan;discover'= {
            cand --hand-to 'Run this command for each host with open ports, when all are found; {ip} and {ports} stand for them'
            cand --diff 'Print only what opened, closed or changed since an earlier answer to the same question, a file of JSON or NDJSON'
            cand --intensity 'How much to ask of ports whose numbers hint at nothing'
            cand --probes 'Also ask by the probes in this TOML file'
            cand --interval 'How often to ask a source that cannot tell by itself [default: 1s for local, 1m for scan]'
            cand --for 'End the watch after that time'
            cand --count 'End the watch after so many changes; what was there from the beginning is none'
            cand --config 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]'
            cand -o 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --output 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --color 'Whether to use colour; without it NO_COLOR and the terminal decide'
            cand --fail-empty 'Exit with 1 if nothing is found'
            cand --strict 'Exit with 4 if rights are missing to see what is asked for, such as an owner'
            cand --fail-changed 'Exit with 1 if --diff finds any difference'
            cand --identify 'Ask each service what it is: protocol, product, version'
            cand -w 'Go on, and write a line for whatever changes; Ctrl-C ends it with exit code 0'
            cand --watch 'Go on, and write a line for whatever changes; Ctrl-C ends it with exit code 0'
            cand --validate 'Check each service and score how well it is, as `portolan validate -` does'
            cand --json 'Short for --output json'
            cand -q 'Nothing on stderr but errors'
            cand --quiet 'Nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand local 'List what listens on this machine: addresses, processes, owners'
            cand scan 'Ask hosts which of their ports are open'
            cand k8s 'List the services of a Kubernetes cluster: endpoints, pods, nodes, and what is wrong with them'
            cand file 'List the services that a file declares, and what to ask them'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'portolan;discover;local'= {
            cand -p 'Only these ports: numbers, ranges and names, as in 22,80,8000-9000,https'
            cand --ports 'Only these ports: numbers, ranges and names, as in 22,80,8000-9000,https'
            cand --state 'Only sockets in these states [default: listen,unconnected]'
            cand --process 'Only listeners held by a process whose name matches: `*`, `?`, `[a-z]`'
            cand --user 'Only listeners of this user: a name or a number'
            cand --interface 'Only listeners that this interface leads to'
            cand --sort 'What to sort by'
            cand --hand-to 'Run this command for each host with open ports, when all are found; {ip} and {ports} stand for them'
            cand --diff 'Print only what opened, closed or changed since an earlier answer to the same question, a file of JSON or NDJSON'
            cand --intensity 'How much to ask of ports whose numbers hint at nothing'
            cand --probes 'Also ask by the probes in this TOML file'
            cand --interval 'How often to ask a source that cannot tell by itself [default: 1s for local, 1m for scan]'
            cand --for 'End the watch after that time'
            cand --count 'End the watch after so many changes; what was there from the beginning is none'
            cand --config 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]'
            cand -o 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --output 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --color 'Whether to use colour; without it NO_COLOR and the terminal decide'
            cand --common-ports 'Only ports that have a name in `portolan ports`'
            cand --tcp 'TCP listeners (the default is TCP and UDP)'
            cand --udp 'UDP sockets that anybody can send to'
            cand --unix 'Unix-domain listeners'
            cand --skip-loopback 'Leave out what only this host can reach'
            cand --skip-private 'Leave out what is bound to a private address'
            cand --exposed 'Only what another host could reach, as far as addresses and interfaces tell; a firewall is not looked at'
            cand --all-netns 'Look into every network namespace of this machine (root)'
            cand --fail-empty 'Exit with 1 if nothing is found'
            cand --strict 'Exit with 4 if rights are missing to see what is asked for, such as an owner'
            cand --fail-changed 'Exit with 1 if --diff finds any difference'
            cand --identify 'Ask each service what it is: protocol, product, version'
            cand -w 'Go on, and write a line for whatever changes; Ctrl-C ends it with exit code 0'
            cand --watch 'Go on, and write a line for whatever changes; Ctrl-C ends it with exit code 0'
            cand --validate 'Check each service and score how well it is, as `portolan validate -` does'
            cand --json 'Short for --output json'
            cand -q 'Nothing on stderr but errors'
            cand --quiet 'Nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'portolan;discover;scan'= {
            cand --interface 'Scan the networks that this interface is in'
            cand --exclude 'Leave out these targets'
            cand --exclude-file 'Leave out the targets that this file names'
            cand -p 'These ports: numbers, ranges and names, as in 22,80,8000-9000,https; - is all of them; U:53,161,T:80 are of UDP and TCP'
            cand --ports 'These ports: numbers, ranges and names, as in 22,80,8000-9000,https; - is all of them; U:53,161,T:80 are of UDP and TCP'
            cand --top-ports 'The so many likeliest ports [default: 1000]'
            cand --exclude-ports 'Leave out these ports'
            cand -T 'How fast to go'
            cand --pace 'How fast to go'
            cand --rate 'At most so many questions a second, in all'
            cand --timeout 'The most that one attempt may wait, as in 500ms or 2s; how long it does wait follows the answers'
            cand --retries 'How often a silent port is asked again at most [default: as the loss that is seen asks for]'
            cand --deadline 'End the whole scan after this time, done or not'
            cand --resume 'Keep in this file where the scan stands, and go on there if an earlier one has left it'
            cand --hand-to 'Run this command for each host with open ports, when all are found; {ip} and {ports} stand for them'
            cand --diff 'Print only what opened, closed or changed since an earlier answer to the same question, a file of JSON or NDJSON'
            cand --intensity 'How much to ask of ports whose numbers hint at nothing'
            cand --probes 'Also ask by the probes in this TOML file'
            cand --interval 'How often to ask a source that cannot tell by itself [default: 1s for local, 1m for scan]'
            cand --for 'End the watch after that time'
            cand --count 'End the watch after so many changes; what was there from the beginning is none'
            cand --config 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]'
            cand -o 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --output 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --color 'Whether to use colour; without it NO_COLOR and the terminal decide'
            cand -4 'Only IPv4 addresses'
            cand --ipv4 'Only IPv4 addresses'
            cand -6 'Only IPv6 addresses'
            cand --ipv6 'Only IPv6 addresses'
            cand -y 'Scan also where that takes more than 1,048,576 questions'
            cand --yes 'Scan also where that takes more than 1,048,576 questions'
            cand -U 'Ask UDP ports, not TCP; without --ports those that portolan has a question for'
            cand --udp 'Ask UDP ports, not TCP; without --ports those that portolan has a question for'
            cand --syn 'Ask TCP ports by half connections, of which no program at the other end sees anything; needs CAP_NET_RAW'
            cand --no-ping 'Ask every port of every host, without looking first whether anybody is there'
            cand --all 'List closed, filtered and unreachable ports too'
            cand --reason 'Show in the table what each state is known from'
            cand --fail-empty 'Exit with 1 if nothing is found'
            cand --strict 'Exit with 4 if rights are missing to see what is asked for, such as an owner'
            cand --fail-changed 'Exit with 1 if --diff finds any difference'
            cand --identify 'Ask each service what it is: protocol, product, version'
            cand -w 'Go on, and write a line for whatever changes; Ctrl-C ends it with exit code 0'
            cand --watch 'Go on, and write a line for whatever changes; Ctrl-C ends it with exit code 0'
            cand --validate 'Check each service and score how well it is, as `portolan validate -` does'
            cand --json 'Short for --output json'
            cand -q 'Nothing on stderr but errors'
            cand --quiet 'Nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'portolan;discover;k8s'= {
            cand -n 'Only these namespaces [default: the context''s]'
            cand --namespace 'Only these namespaces [default: the context''s]'
            cand -l 'Only services with these labels, as in app=web,tier!=test or ''env in (dev,qa)'''
            cand --selector 'Only services with these labels, as in app=web,tier!=test or ''env in (dev,qa)'''
            cand --field-selector 'Only services with these fields, as in metadata.name=web'
            cand --kubeconfig 'The kubeconfig; of several, the first to say something counts [default: ~/.kube/config]'
            cand --context 'The context of the kubeconfig [default: its current one]'
            cand --timeout 'The most that one try of a question may take, as in 500ms or 10s'
            cand --deadline 'End the whole after this time, done or not'
            cand --hand-to 'Run this command for each host with open ports, when all are found; {ip} and {ports} stand for them'
            cand --diff 'Print only what opened, closed or changed since an earlier answer to the same question, a file of JSON or NDJSON'
            cand --intensity 'How much to ask of ports whose numbers hint at nothing'
            cand --probes 'Also ask by the probes in this TOML file'
            cand --interval 'How often to ask a source that cannot tell by itself [default: 1s for local, 1m for scan]'
            cand --for 'End the watch after that time'
            cand --count 'End the watch after so many changes; what was there from the beginning is none'
            cand --config 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]'
            cand -o 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --output 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --color 'Whether to use colour; without it NO_COLOR and the terminal decide'
            cand -A 'All namespaces'
            cand --all-namespaces 'All namespaces'
            cand --in-cluster 'Ask as the pod that this runs in; without a kubeconfig that is tried anyway'
            cand --allow-exec 'Run the program that the kubeconfig names to get credentials'
            cand --fail-empty 'Exit with 1 if nothing is found'
            cand --strict 'Exit with 4 if rights are missing to see what is asked for, such as an owner'
            cand --fail-changed 'Exit with 1 if --diff finds any difference'
            cand --identify 'Ask each service what it is: protocol, product, version'
            cand -w 'Go on, and write a line for whatever changes; Ctrl-C ends it with exit code 0'
            cand --watch 'Go on, and write a line for whatever changes; Ctrl-C ends it with exit code 0'
            cand --validate 'Check each service and score how well it is, as `portolan validate -` does'
            cand --json 'Short for --output json'
            cand -q 'Nothing on stderr but errors'
            cand --quiet 'Nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'portolan;discover;file'= {
            cand --hand-to 'Run this command for each host with open ports, when all are found; {ip} and {ports} stand for them'
            cand --diff 'Print only what opened, closed or changed since an earlier answer to the same question, a file of JSON or NDJSON'
            cand --intensity 'How much to ask of ports whose numbers hint at nothing'
            cand --probes 'Also ask by the probes in this TOML file'
            cand --interval 'How often to ask a source that cannot tell by itself [default: 1s for local, 1m for scan]'
            cand --for 'End the watch after that time'
            cand --count 'End the watch after so many changes; what was there from the beginning is none'
            cand --config 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]'
            cand -o 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --output 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --color 'Whether to use colour; without it NO_COLOR and the terminal decide'
            cand --fail-empty 'Exit with 1 if nothing is found'
            cand --strict 'Exit with 4 if rights are missing to see what is asked for, such as an owner'
            cand --fail-changed 'Exit with 1 if --diff finds any difference'
            cand --identify 'Ask each service what it is: protocol, product, version'
            cand -w 'Go on, and write a line for whatever changes; Ctrl-C ends it with exit code 0'
            cand --watch 'Go on, and write a line for whatever changes; Ctrl-C ends it with exit code 0'
            cand --validate 'Check each service and score how well it is, as `portolan validate -` does'
            cand --json 'Short for --output json'
            cand -q 'Nothing on stderr but errors'
            cand --quiet 'Nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'portolan;discover;help'= {
            cand local 'List what listens on this machine: addresses, processes, owners'
            cand scan 'Ask hosts which of their ports are open'
            cand k8s 'List the services of a Kubernetes cluster: endpoints, pods, nodes, and what is wrong with them'
            cand file 'List the services that a file declares, and what to ask them'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'portolan;discover;help;local'= {
        }
        &'portolan;discover;help;scan'= {
        }
        &'portolan;discover;help;k8s'= {
        }
        &'portolan;discover;help;file'= {
        }
        &'portolan;discover;help;help'= {
        }
        &'portolan;scan'= {
            cand --hand-to 'Run this command for each host with open ports, when all are found; {ip} and {ports} stand for them'
            cand --diff 'Print only what opened, closed or changed since an earlier answer to the same question, a file of JSON or NDJSON'
            cand --intensity 'How much to ask of ports whose numbers hint at nothing'
            cand --probes 'Also ask by the probes in this TOML file'
            cand --interval 'How often to ask a source that cannot tell by itself [default: 1s for local, 1m for scan]'
            cand --for 'End the watch after that time'
            cand --count 'End the watch after so many changes; what was there from the beginning is none'
            cand --interface 'Scan the networks that this interface is in'
            cand --exclude 'Leave out these targets'
            cand --exclude-file 'Leave out the targets that this file names'
            cand -p 'These ports: numbers, ranges and names, as in 22,80,8000-9000,https; - is all of them; U:53,161,T:80 are of UDP and TCP'
            cand --ports 'These ports: numbers, ranges and names, as in 22,80,8000-9000,https; - is all of them; U:53,161,T:80 are of UDP and TCP'
            cand --top-ports 'The so many likeliest ports [default: 1000]'
            cand --exclude-ports 'Leave out these ports'
            cand -T 'How fast to go'
            cand --pace 'How fast to go'
            cand --rate 'At most so many questions a second, in all'
            cand --timeout 'The most that one attempt may wait, as in 500ms or 2s; how long it does wait follows the answers'
            cand --retries 'How often a silent port is asked again at most [default: as the loss that is seen asks for]'
            cand --deadline 'End the whole scan after this time, done or not'
            cand --resume 'Keep in this file where the scan stands, and go on there if an earlier one has left it'
            cand --config 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]'
            cand -o 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --output 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --color 'Whether to use colour; without it NO_COLOR and the terminal decide'
            cand --fail-empty 'Exit with 1 if nothing is found'
            cand --strict 'Exit with 4 if rights are missing to see what is asked for, such as an owner'
            cand --fail-changed 'Exit with 1 if --diff finds any difference'
            cand --identify 'Ask each service what it is: protocol, product, version'
            cand -w 'Go on, and write a line for whatever changes; Ctrl-C ends it with exit code 0'
            cand --watch 'Go on, and write a line for whatever changes; Ctrl-C ends it with exit code 0'
            cand --validate 'Check each service and score how well it is, as `portolan validate -` does'
            cand -4 'Only IPv4 addresses'
            cand --ipv4 'Only IPv4 addresses'
            cand -6 'Only IPv6 addresses'
            cand --ipv6 'Only IPv6 addresses'
            cand -y 'Scan also where that takes more than 1,048,576 questions'
            cand --yes 'Scan also where that takes more than 1,048,576 questions'
            cand -U 'Ask UDP ports, not TCP; without --ports those that portolan has a question for'
            cand --udp 'Ask UDP ports, not TCP; without --ports those that portolan has a question for'
            cand --syn 'Ask TCP ports by half connections, of which no program at the other end sees anything; needs CAP_NET_RAW'
            cand --no-ping 'Ask every port of every host, without looking first whether anybody is there'
            cand --all 'List closed, filtered and unreachable ports too'
            cand --reason 'Show in the table what each state is known from'
            cand --json 'Short for --output json'
            cand -q 'Nothing on stderr but errors'
            cand --quiet 'Nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'portolan;validate'= {
            cand --protocol 'What it speaks: http, https, grpc, grpcs, tls, tcp, redis, postgresql, smtp... [default: as the target says]'
            cand --check 'Run only these checks'
            cand --no-check 'Leave out these checks'
            cand --server-name 'The name to ask by: for TLS, and as the Host of HTTP [default: the target''s]'
            cand --starttls 'Begin in plain text and go over to TLS in the words of this protocol'
            cand --path 'The path that HTTP is asked for [default: /]'
            cand --method 'The method that HTTP is asked with [default: GET]'
            cand --header 'Send this header, as in ''Authorization: Bearer x'''
            cand --expect-status 'The statuses that are well, as in 200-299,304 or 2xx [default: 200-399]'
            cand --expect-body 'A regular expression that the body must match; of the body the first MiB is read'
            cand --expect-header 'A header that must be there, and match if an expression is given, as in ''Content-Type: json'''
            cand --expect-json 'A value that the JSON in the body must have, as in /status=ok (RFC 6901)'
            cand --grpc-service 'The service that gRPC''s health check is asked for [default: the server as a whole]'
            cand --script 'Run this program with these arguments, up to a `;`: 0 is well, 1 a warning. No shell is between'
            cand --goal 'How quick answers should be, as in 200ms; connect=10ms is for connecting only [default: by the distance]'
            cand --timeout 'The most that one try may take, as in 500ms or 2s'
            cand --deadline 'End the whole run after this time; what was not looked at says so'
            cand --retries 'How often silence is asked again; whoever answers is not asked twice'
            cand --samples 'How often to look at each endpoint; several looks show how steady it is'
            cand --concurrency 'The most endpoints looked at at once'
            cand --resolver 'Ask these resolvers instead of the system''s, as in 10.0.0.53 or 127.0.0.1:5353'
            cand --ca 'Trust the certificates in this file (PEM) instead of the system''s roots'
            cand --pin 'Trust the certificate with this SHA-256 and no other'
            cand --cache-ttl 'Remember answers of DNS and TLS for so long within a run'
            cand --ignore 'Do not count these findings'
            cand --min-score 'Exit with 1 if any service scores less, or has no score'
            cand --evidence 'Write what was seen into this directory, a file for each service, for `portolan score`'
            cand --config 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]'
            cand -o 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --output 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --color 'Whether to use colour; without it NO_COLOR and the terminal decide'
            cand --follow 'Follow redirects: at most 10, never to a lower scheme or a link-local address; credentials stay with their host'
            cand --no-cache 'Remember nothing'
            cand --require-complete 'Exit with 3 if anything that was wanted could not be looked at'
            cand --explain 'Show every deduction with what to do about it'
            cand --json 'Short for --output json'
            cand -q 'Nothing on stderr but errors'
            cand --quiet 'Nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'portolan;score'= {
            cand --ignore 'Do not count these findings either'
            cand --min-score 'Exit with 1 if any service scores less, or has no score'
            cand --config 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]'
            cand -o 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --output 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --color 'Whether to use colour; without it NO_COLOR and the terminal decide'
            cand --explain 'Show every deduction with what to do about it'
            cand --json 'Short for --output json'
            cand -q 'Nothing on stderr but errors'
            cand --quiet 'Nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'portolan;wait'= {
            cand --timeout 'How long to wait for all of them'
            cand --config 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]'
            cand -o 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --output 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --color 'Whether to use colour; without it NO_COLOR and the terminal decide'
            cand --gone 'Wait until none of them accepts connections any more; a name that nobody knows counts as not gone'
            cand --json 'Short for --output json'
            cand -q 'Nothing on stderr but errors'
            cand --quiet 'Nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'portolan;explain'= {
            cand --config 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]'
            cand -o 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --output 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --color 'Whether to use colour; without it NO_COLOR and the terminal decide'
            cand --json 'Short for --output json'
            cand -q 'Nothing on stderr but errors'
            cand --quiet 'Nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'portolan;ports'= {
            cand --config 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]'
            cand -o 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --output 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --color 'Whether to use colour; without it NO_COLOR and the terminal decide'
            cand --json 'Short for --output json'
            cand -q 'Nothing on stderr but errors'
            cand --quiet 'Nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'portolan;completions'= {
            cand --config 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]'
            cand -o 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --output 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --color 'Whether to use colour; without it NO_COLOR and the terminal decide'
            cand --json 'Short for --output json'
            cand -q 'Nothing on stderr but errors'
            cand --quiet 'Nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'portolan;man'= {
            cand --config 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]'
            cand -o 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --output 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --color 'Whether to use colour; without it NO_COLOR and the terminal decide'
            cand --json 'Short for --output json'
            cand -q 'Nothing on stderr but errors'
            cand --quiet 'Nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'portolan;config'= {
            cand --config 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]'
            cand -o 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --output 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --color 'Whether to use colour; without it NO_COLOR and the terminal decide'
            cand --json 'Short for --output json'
            cand -q 'Nothing on stderr but errors'
            cand --quiet 'Nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand show 'Print every setting with its value and where that comes from, as a settings file or as JSON'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'portolan;config;show'= {
            cand --config 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]'
            cand -o 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --output 'How results are written; FORMAT=FILE, as often as wanted, writes them to a file too'
            cand --color 'Whether to use colour; without it NO_COLOR and the terminal decide'
            cand --json 'Short for --output json'
            cand -q 'Nothing on stderr but errors'
            cand --quiet 'Nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
        }
        &'portolan;config;help'= {
            cand show 'Print every setting with its value and where that comes from, as a settings file or as JSON'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'portolan;config;help;show'= {
        }
        &'portolan;config;help;help'= {
        }
        &'portolan;help'= {
            cand discover 'List services'
            cand scan 'Ask hosts which of their ports are open; short for `discover scan`'
            cand validate 'Check services and score how well they are, each point explained'
            cand score 'Score services again from what `portolan validate --evidence` saw'
            cand wait 'Wait until every target accepts connections, then exit, or become a command'
            cand explain 'Explain a finding: what it means, what it costs, what to do about it'
            cand ports 'List the built-in port names, which --ports takes in the place of numbers'
            cand completions 'Print the completion script of a shell'
            cand man 'Write the manual pages, one per command, into a directory'
            cand config 'Look at the settings'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'portolan;help;discover'= {
            cand local 'List what listens on this machine: addresses, processes, owners'
            cand scan 'Ask hosts which of their ports are open'
            cand k8s 'List the services of a Kubernetes cluster: endpoints, pods, nodes, and what is wrong with them'
            cand file 'List the services that a file declares, and what to ask them'
        }
        &'portolan;help;discover;local'= {
        }
        &'portolan;help;discover;scan'= {
        }
        &'portolan;help;discover;k8s'= {
        }
        &'portolan;help;discover;file'= {
        }
        &'portolan;help;scan'= {
        }
        &'portolan;help;validate'= {
        }
        &'portolan;help;score'= {
        }
        &'portolan;help;wait'= {
        }
        &'portolan;help;explain'= {
        }
        &'portolan;help;ports'= {
        }
        &'portolan;help;completions'= {
        }
        &'portolan;help;man'= {
        }
        &'portolan;help;config'= {
            cand show 'Print every setting with its value and where that comes from, as a settings file or as JSON'
        }
        &'portolan;help;config;show'= {
        }
        &'portolan;help;help'= {
        }
    ]
    $completions[$command]
}
