echo "server:
    listen: $A@$P
    rundir: $D
database:
    storage: $D
zone:
  - domain: test.local
    file: $D/zone
log:
  - target: stderr
    any: info" >$D/c
printf 'test.local. 60 SOA ns.test.local. root.test.local. 1 60 60 60 60\ntest.local. 60 NS ns.test.local.\nns.test.local. 60 A 127.0.0.9\n' >$D/zone
exec knotd -c $D/c
