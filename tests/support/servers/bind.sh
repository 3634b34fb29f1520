echo "options { directory \"$D\"; pid-file none; listen-on port $P { $A; }; listen-on-v6 { none; }; recursion no;
dnssec-validation no; session-keyfile none; }; controls {};" >$D/c
exec named -g -c $D/c
