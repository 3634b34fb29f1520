install -d -o postgres $D/data
install -o postgres -m 600 $D/key.pem $D/server.key
by="setpriv --reuid postgres --regid postgres --init-groups"
bin=$(echo /usr/lib/postgresql/*/bin)
$by $bin/initdb -D $D/data -A trust --no-sync >/dev/null
exec $by $bin/postgres -D $D/data -h $A -p $P -k '' -F \
    -c ssl=on -c ssl_cert_file=$D/cert.pem -c ssl_key_file=$D/server.key
