# What the jobs share: checks, and servers on free ports of loopback that end with the script.
set -uo pipefail

work=$(mktemp -d)
chmod 755 "$work"
pids=()
title='' count=0 failed=0
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null; done; wait 2>/dev/null; rm -rf "$work"' EXIT
jobs_folder=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
program=$(realpath "${PORTOLAN:-portolan}")
cd "$work" || exit 1
export HOME=$work XDG_CONFIG_HOME=$work/config XDG_STATE_HOME=$work/state STATE_DIRECTORY=$work/state
unset PORTOLAN_CONFIG PORTOLAN_OUTPUT NO_COLOR COLUMNS DISCOVERY_PROVIDER

portolan() { "$program" "$@"; }

job() {
    title=$1
    count=$((count + 1))
}

wrong() {
    failed=$((failed + 1))
    printf 'job %s: %s\n  %s\n  of: %s\n%s\n' "$count" "$title" "$1" "$2" "$3" >&2
}

# shows TEXT COMMAND...: the text is in the output or in the notes.
shows() {
    local text=$1 output
    shift
    output=$("$@" 2>&1 </dev/null)
    [[ $output == *"$text"* ]] || wrong "does not show: $text" "$*" "$output"
}

# hides TEXT COMMAND...
hides() {
    local text=$1 output
    shift
    output=$("$@" 2>&1 </dev/null)
    [[ $output != *"$text"* ]] || wrong "shows: $text" "$*" "$output"
}

# exits CODE COMMAND...
exits() {
    local code=$1 output is
    shift
    output=$("$@" 2>&1 </dev/null)
    is=$?
    ((is == code)) || wrong "exits with $is, not with $code" "$*" "$output"
}

# serve NAME PROGRAM: starts a Python program that prints its port, and puts the port into the variable NAME.
serve() {
    local line
    exec {from}< <(exec python3 -u -c "$2" 2>"$work/server.log")
    pids+=("$!")
    read -r line <&"$from" || { cat "$work/server.log" >&2; exit 1; }
    printf -v "$1" '%s' "$line"
}

web='import http.server
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        good = not self.path.startswith("/bad")
        self.send_response(200 if good else 500)
        body = b"{\"status\": \"ok\"}" if good else b"broken"
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_HEAD = do_GET
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
print(server.server_port, flush=True)
server.serve_forever()'

greeter='import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    peer, _ = listener.accept()
    try:
        peer.sendall(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
        peer.recv(1024)
    except OSError: pass
    peer.close()'

# A port that refuses: it was free a moment ago, and nothing here takes it.
closed_port() { portolan free-port 127.0.0.1 2>/dev/null || portolan free-port; }

finish() {
    ((failed == 0)) || exit 1
    printf '%s jobs\n' "$count"
}
