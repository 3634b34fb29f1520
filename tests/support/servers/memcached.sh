exec memcached -l $A -p $P -U 0 -u memcache
