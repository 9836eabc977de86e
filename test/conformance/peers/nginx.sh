#!/bin/sh
# Runs nginx as a plain TCP forwarder: nginx.sh host port listen-port scratch-directory
set -eu
case $1 in *:*) host="[$1]" ;; *) host=$1 ;; esac
cat >"$4/nginx.conf" <<END
load_module /usr/lib/nginx/modules/ngx_stream_module.so;
daemon off;
user root;
pid $4/nginx.pid;
error_log stderr error;
worker_processes 2;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
stream {
    proxy_connect_timeout 10s;
    proxy_timeout 10s;
    proxy_half_close on;
    server {
        listen $3;
        listen [::]:$3;
        proxy_pass $host:$2;
    }
}
END
exec nginx -p "$4" -c "$4/nginx.conf"
