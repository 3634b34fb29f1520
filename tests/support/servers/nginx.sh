# $KIND is nginx or nginx-tls.
case $KIND in
nginx) server="listen $A:$P;" ;;
nginx-tls) server="listen $A:$P ssl http2; ssl_certificate $D/cert.pem; ssl_certificate_key $D/key.pem;" ;;
esac
echo "daemon off; pid $D/pid; error_log stderr; events {}
http { access_log off; server { $server location / { return 200 'hello'; } } }" >$D/c
exec nginx -p $D -c $D/c
