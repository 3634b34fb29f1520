echo "server:
  interface: $A@$P
  directory: $D
  chroot: ''
  username: ''
  pidfile: ''
  use-syslog: no
  do-daemonize: no
  local-zone: . static
  access-control: 127.0.0.0/8 allow
remote-control:
  control-enable: no" >$D/c
exec unbound -d -c $D/c
