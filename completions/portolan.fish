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
complete -c portolan -n "__fish_portolan_needs_command" -s o -l output -d 'How results are written' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_needs_command" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_needs_command" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_needs_command" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_needs_command" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "discover" -d 'List services'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "ports" -d 'List the built-in port names, which --ports takes in the place of numbers'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "completions" -d 'Print the completion script of a shell'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "man" -d 'Write the manual pages, one per command, into a directory'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "config" -d 'Look at the settings'
complete -c portolan -n "__fish_portolan_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local help" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local help" -s o -l output -d 'How results are written' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local help" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local help" -l fail-empty -d 'Exit with 1 if nothing is found'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local help" -l strict -d 'Exit with 4 if rights are missing to see what is asked for, such as an owner'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local help" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local help" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local help" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local help" -f -a "local" -d 'List what listens on this machine: addresses, processes, owners'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and not __fish_seen_subcommand_from local help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -s p -l ports -d 'Only these ports: numbers, ranges and names, as in 22,80,8000-9000,https' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l state -d 'Only sockets in these states [default: listen,unconnected]' -r -f -a "listen\t'TCP and Unix-domain: accepts connections'
unconnected\t'UDP and Unix-domain datagrams: takes packets from anybody'
connected\t'UDP: takes packets from one peer only'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l process -d 'Only listeners held by a process whose name matches: `*`, `?`, `[a-z]`' -r
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l user -d 'Only listeners of this user: a name or a number' -r -f -a "(__fish_complete_users)"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l interface -d 'Only listeners that this interface leads to' -r -f
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l sort -d 'What to sort by' -r -f -a "port\t'Port, then transport, then address'
address\t'Address'
proto\t'Transport: TCP, UDP, Unix-domain'
name\t'Name of the service'
process\t'Name of the first process'
pid\t'Id of the first process'
user\t'Name of the user'"
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -s o -l output -d 'How results are written' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
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
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from local" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from help" -f -a "local" -d 'List what listens on this machine: addresses, processes, owners'
complete -c portolan -n "__fish_portolan_using_subcommand discover; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand ports" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand ports" -s o -l output -d 'How results are written' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_using_subcommand ports" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand ports" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand ports" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand ports" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand ports" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand completions" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand completions" -s o -l output -d 'How results are written' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_using_subcommand completions" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand completions" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand completions" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand completions" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand man" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand man" -s o -l output -d 'How results are written' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
name\t'Only ids'"
complete -c portolan -n "__fish_portolan_using_subcommand man" -l color -d 'Whether to use colour; without it NO_COLOR and the terminal decide' -r -f -a "auto\t''
always\t''
never\t''"
complete -c portolan -n "__fish_portolan_using_subcommand man" -l json -d 'Short for --output json'
complete -c portolan -n "__fish_portolan_using_subcommand man" -s q -l quiet -d 'Nothing on stderr but errors'
complete -c portolan -n "__fish_portolan_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c portolan -n "__fish_portolan_using_subcommand man" -s V -l version -d 'Print version'
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show help" -l config -d 'Settings file [default: $XDG_CONFIG_HOME/portolan/config.toml]' -r -F
complete -c portolan -n "__fish_portolan_using_subcommand config; and not __fish_seen_subcommand_from show help" -s o -l output -d 'How results are written' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
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
complete -c portolan -n "__fish_portolan_using_subcommand config; and __fish_seen_subcommand_from show" -s o -l output -d 'How results are written' -r -f -a "table\t'Aligned columns for people'
wide\t'The same with everything that is known, as far as the terminal is wide'
json\t'One document'
ndjson\t'One JSON object per line'
csv\t'One endpoint per line, for spreadsheets'
yaml\t'One document'
prometheus-sd\t'Targets for Prometheus\' file and HTTP service discovery'
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
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from discover ports completions man config help" -f -a "discover" -d 'List services'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from discover ports completions man config help" -f -a "ports" -d 'List the built-in port names, which --ports takes in the place of numbers'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from discover ports completions man config help" -f -a "completions" -d 'Print the completion script of a shell'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from discover ports completions man config help" -f -a "man" -d 'Write the manual pages, one per command, into a directory'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from discover ports completions man config help" -f -a "config" -d 'Look at the settings'
complete -c portolan -n "__fish_portolan_using_subcommand help; and not __fish_seen_subcommand_from discover ports completions man config help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from discover" -f -a "local" -d 'List what listens on this machine: addresses, processes, owners'
complete -c portolan -n "__fish_portolan_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Print every setting with its value and where that comes from, as a settings file or as JSON'
