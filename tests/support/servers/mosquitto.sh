# $KIND is mosquitto or mosquitto-tls.
install -o mosquitto -m 600 $D/key.pem $D/server.key
printf "listener $P $A\nallow_anonymous true\n" >$D/c
[ $KIND = mosquitto ] || printf "certfile $D/cert.pem\nkeyfile $D/server.key\n" >>$D/c
exec mosquitto -c $D/c
