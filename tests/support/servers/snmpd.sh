echo "agentAddress udp:$A:$P" >$D/c
# Without `-I -smux` it also listens on every address at 199.
SNMP_PERSISTENT_DIR=$D exec snmpd -f -Lo -C -c $D/c -I -smux
