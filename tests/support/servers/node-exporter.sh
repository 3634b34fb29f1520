exec prometheus-node-exporter --web.listen-address=$A:$P
