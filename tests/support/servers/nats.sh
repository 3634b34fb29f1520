exec nats-server -a $A -p $P
