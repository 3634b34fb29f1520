mkdir $D/p $D/l $D/s $D/c
echo "[global]
bind interfaces only = yes
interfaces = $A/8
private dir = $D/p
lock directory = $D/l
state directory = $D/s
cache directory = $D/c
pid directory = $D
ncalrpc dir = $D/n
log file = $D/samba.log
disable spoolss = yes
load printers = no
printing = bsd
[share]
path = $D/c" >$D/smb.conf
exec smbd -F --no-process-group -s $D/smb.conf -p $P
