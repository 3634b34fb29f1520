echo 'mpath="/usr/lib/x86_64-linux-gnu/kamailio/modules/"
loadmodule "sl.so"
request_route { sl_send_reply("200", "OK"); }' >$D/c
exec kamailio -DD -E -f $D/c -Y $D -l udp:$A:$P -l tcp:$A:$P -n 1 -N 1 -w $D
