mkdir -p /run/sshd
ssh-keygen -q -t ed25519 -N '' -f $D/host
exec /usr/sbin/sshd -D -e -f /dev/null -h $D/host -o ListenAddress=$A -o Port=$P -o UsePAM=no -o MaxStartups=200
