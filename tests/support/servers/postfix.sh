mkdir $D/etc $D/queue
install -d -o postfix $D/data
cp /usr/share/postfix/master.cf.dist $D/etc/master.cf
sed -i "s/^smtp  *inet.*/$A:$P inet n - n - - smtpd/; s/ y  *-  *\(.*\)$/ n - \1/" $D/etc/master.cf
echo "compatibility_level = 3.6
mail_name = Postfix
myhostname = mail.test.local
inet_interfaces = $A
queue_directory = $D/queue
data_directory = $D/data
maillog_file = /dev/stdout
maillog_file_prefixes = /dev
smtpd_banner = \$myhostname ESMTP \$mail_name \$mail_version
smtpd_tls_security_level = may
smtpd_tls_cert_file = $D/cert.pem
smtpd_tls_key_file = $D/key.pem
alias_maps =
alias_database =" >$D/etc/main.cf
chmod 755 $D
exec /usr/sbin/postfix -c $D/etc start-fg
