mkdir -p /run/vsftpd/empty
echo "listen=YES
listen_address=$A
listen_port=$P
background=NO
seccomp_sandbox=NO
ssl_enable=YES
rsa_cert_file=$D/cert.pem
rsa_private_key_file=$D/key.pem" >$D/c
exec vsftpd $D/c
