mkdir $D/data
echo "include /etc/ldap/schema/core.schema
pidfile $D/pid
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile $D/cert.pem
TLSCertificateKeyFile $D/key.pem
database mdb
suffix dc=test,dc=local
directory $D/data" >$D/c
exec slapd -d 0 -h ldap://$A:$P -f $D/c
