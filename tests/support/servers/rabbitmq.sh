# The port mapper and the distribution of Erlang stay on loopback.
cd $D
chmod 700 $D
export HOME=$D RABBITMQ_NODE_IP_ADDRESS=$A RABBITMQ_NODE_PORT=$P RABBITMQ_NODENAME=rabbit@localhost
export RABBITMQ_MNESIA_BASE=$D/db RABBITMQ_LOGS=- RABBITMQ_ENABLED_PLUGINS_FILE=$D/plugins RABBITMQ_PID_FILE=$D/pid
export RABBITMQ_CONFIG_FILE=$D/none RABBITMQ_DIST_PORT=$((P + 1)) ERL_EPMD_ADDRESS=127.0.0.1 ERL_EPMD_PORT=$((P + 2))
export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS='-kernel inet_dist_use_interface {127,0,0,1} +S 1:1'
echo '[].' >$D/plugins
exec /usr/lib/rabbitmq/bin/rabbitmq-server
