echo "defaults
  mode http
  timeout client 5s
  timeout connect 5s
  timeout server 5s
frontend f
  bind $A:$P
  http-request return status 200 content-type text/plain string hello" >$D/c
exec haproxy -db -f $D/c
