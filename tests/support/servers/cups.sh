echo "Listen $A:$P
ServerAlias *
ServerTokens Full
WebInterface Yes
Browsing Off
DefaultAuthType None
<Location />
Order allow,deny
</Location>" >$D/c
mkdir $D/spool $D/cache $D/state $D/root
echo "ServerRoot $D/root
CacheDir $D/cache
StateDir $D/state
RequestRoot $D/spool
TempDir $D/spool
AccessLog stderr
ErrorLog stderr
PageLog stderr" >$D/f
exec cupsd -f -c $D/c -s $D/f
