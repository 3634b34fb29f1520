echo "$A:$P stream tcp nowait root /usr/sbin/telnetd telnetd" >$D/c
exec inetutils-inetd -d $D/c
