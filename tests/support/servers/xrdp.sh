mkdir -p /run/xrdp
cd $D
xrdp-keygen xrdp $D/rsakeys.ini >/dev/null
sed "s|^port=3389|port=tcp://$A:$P|; s|^certificate=|certificate=$D/cert.pem|; s|^key_file=|key_file=$D/key.pem|
s|^LogFile=.*|LogFile=$D/xrdp.log|; s|^EnableSyslog=.*|EnableSyslog=false|" /etc/xrdp/xrdp.ini >$D/xrdp.ini
exec xrdp --nodaemon --config $D/xrdp.ini
