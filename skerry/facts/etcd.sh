# Reports on this server's etcd member and cluster; skerry/model/k3s/etcd.py parses it. The addresses come from etcd's
# own configuration file: they differ between versions of K3s, and 2379 has been gRPC only since etcd 3.5.9 (etcd#15402).
PATH=$PATH:/usr/local/bin
config=/var/lib/rancher/k3s/server/db/etcd/config tls=/var/lib/rancher/k3s/server/tls/etcd
first() { sed -n "s/^$1: *//p" "$config" 2>/dev/null | tr -d "\"'" | cut -d , -f 1; }
metrics=$(first listen-metrics-urls) peer=$(first initial-advertise-peer-urls)
[ -n "$peer" ] || peer=$(first listen-peer-urls)

section name; first name
section health; [ -n "$metrics" ] && curl -s --max-time 6 "$metrics/health"; echo
section leader; [ -n "$metrics" ] && curl -s --max-time 6 "$metrics/metrics" | sed -n 's/^etcd_server_is_leader //p'
# HTTP/1.1: the peer port takes every HTTP/2 request for gRPC.
section members
[ -n "$peer" ] && curl -s --http1.1 --max-time 6 --cacert $tls/peer-ca.crt --cert $tls/peer-server-client.crt \
  --key $tls/peer-server-client.key "$peer/members"
echo
section ready; timeout 10 k3s kubectl get --raw /readyz 2>/dev/null; echo
section node
timeout 10 k3s kubectl get --raw "/api/v1/nodes/$(hostname | tr '[:upper:]' '[:lower:]')" 2>/dev/null | tr -d '\n'
