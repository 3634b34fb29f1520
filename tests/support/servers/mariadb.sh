# Without its own tables: no login is possible anyway, and making them takes seconds.
mkdir $D/data
exec mariadbd --no-defaults --user=root --skip-grant-tables --datadir=$D/data --bind-address=$A --port=$P \
    --socket=$D/s --ssl-cert=$D/cert.pem --ssl-key=$D/key.pem
