echo 'scrape_configs: []' >$D/c
exec prometheus --config.file=$D/c --web.listen-address=$A:$P --storage.tsdb.path=$D/data
