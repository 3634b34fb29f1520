exec dnsmasq --conf-file=/dev/null --keep-in-foreground --user=root --pid-file --port=$P --listen-address=$A \
    --bind-interfaces --no-resolv --no-hosts --local=/test.local/ --host-record=web1.test.local,127.0.0.9
