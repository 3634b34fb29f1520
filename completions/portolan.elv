
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
            cand -o 'How results are written'
            cand --output 'How results are written'
            cand --color 'Whether to use colour; without it NO_COLOR and the terminal decide'
            cand --json 'Short for --output json'
            cand -q 'Nothing on stderr but errors'
            cand --quiet 'Nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand discover 'List services'
            cand ports 'List the built-in port names, which --ports takes in the place of numbers'
            cand completions 'Print the completion script of a shell'
            cand man 'Write the manual pages, one per command, into a directory'
            cand config 'Look at the settings'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'portolan;discover'= {
            cand --config 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]'
            cand -o 'How results are written'
            cand --output 'How results are written'
            cand --color 'Whether to use colour; without it NO_COLOR and the terminal decide'
            cand --fail-empty 'Exit with 1 if nothing is found'
            cand --strict 'Exit with 4 if rights are missing to see what is asked for, such as an owner'
            cand --json 'Short for --output json'
            cand -q 'Nothing on stderr but errors'
            cand --quiet 'Nothing on stderr but errors'
            cand -h 'Print help (see more with ''--help'')'
            cand --help 'Print help (see more with ''--help'')'
            cand -V 'Print version'
            cand --version 'Print version'
            cand local 'List what listens on this machine: addresses, processes, owners'
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
            cand --config 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]'
            cand -o 'How results are written'
            cand --output 'How results are written'
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
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'portolan;discover;help;local'= {
        }
        &'portolan;discover;help;help'= {
        }
        &'portolan;ports'= {
            cand --config 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]'
            cand -o 'How results are written'
            cand --output 'How results are written'
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
            cand -o 'How results are written'
            cand --output 'How results are written'
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
            cand -o 'How results are written'
            cand --output 'How results are written'
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
            cand -o 'How results are written'
            cand --output 'How results are written'
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
            cand -o 'How results are written'
            cand --output 'How results are written'
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
            cand ports 'List the built-in port names, which --ports takes in the place of numbers'
            cand completions 'Print the completion script of a shell'
            cand man 'Write the manual pages, one per command, into a directory'
            cand config 'Look at the settings'
            cand help 'Print this message or the help of the given subcommand(s)'
        }
        &'portolan;help;discover'= {
            cand local 'List what listens on this machine: addresses, processes, owners'
        }
        &'portolan;help;discover;local'= {
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
