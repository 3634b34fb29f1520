# $KIND is imap, imaps, pop3 or pop3s.
protocol=${KIND%s}
case $KIND in *s) other=$protocol ;; *) other=${KIND}s ;; esac
echo "protocols = $protocol
base_dir = $D/run
state_dir = $D/state
log_path = /dev/stderr
listen = $A
ssl = yes
ssl_cert = <$D/cert.pem
ssl_key = <$D/key.pem
mail_location = maildir:$D/mail
passdb {
  driver = static
  args = password=secret
}
service $protocol-login {
  inet_listener $KIND {
    port = $P
  }
  inet_listener $other {
    port = 0
  }
}" >$D/c
exec dovecot -F -c $D/c
