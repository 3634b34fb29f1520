printf "clientPort=$P\nclientPortAddress=$A\ndataDir=$D/data\nadmin.enableServer=false\n" >$D/c
mkdir $D/data
exec java -Xmx64m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp '/usr/share/java/zookeeper.jar:/usr/share/java/*' \
    org.apache.zookeeper.server.quorum.QuorumPeerMain $D/c
