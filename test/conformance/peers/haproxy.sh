#!/bin/sh
# Runs HAProxy as a plain TCP forwarder: haproxy.sh host port listen-port scratch-directory
set -eu
case $1 in *:*) host="[$1]" ;; *) host=$1 ;; esac
cat >"$4/haproxy.cfg" <<END
global
    maxconn 9000
    nbthread 2
defaults
    mode tcp
    retries 0
    timeout connect 10s
    timeout client 10s
    timeout server 10s
listen forward
    bind :::$3 v4v6
    server destination $host:$2
END
exec haproxy -db -f "$4/haproxy.cfg"
