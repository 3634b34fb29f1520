# Its second port is for other members of a cluster.
peer=http://$A:$((P + 1))
exec etcd --data-dir $D/data --listen-client-urls http://$A:$P --advertise-client-urls http://$A:$P \
    --listen-peer-urls $peer --initial-advertise-peer-urls $peer --initial-cluster default=$peer
