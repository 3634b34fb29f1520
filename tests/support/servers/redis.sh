# $KIND is redis, redis-tls or redis-password.
set -- --bind $A --save '' --appendonly no --dir $D
case $KIND in
redis) set -- "$@" --port $P ;;
redis-password) set -- "$@" --port $P --requirepass secret ;;
redis-tls) set -- "$@" --port 0 --tls-port $P --tls-cert-file $D/cert.pem --tls-key-file $D/key.pem \
    --tls-ca-cert-file $D/cert.pem --tls-auth-clients no ;;
esac
exec redis-server "$@"
