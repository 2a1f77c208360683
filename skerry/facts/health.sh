# The health of a host; skerry/model/k3s/health.py parses and judges it. $1: the folder of snapshots.
data=/var/lib/rancher/k3s

section now; date +%s
# "seconds since 1970, path" of the first certificate to expire. K3s renews these when it starts; CAs last ten years.
section certificate
command -v openssl > /dev/null && for file in $data/server/tls/*.crt $data/server/tls/etcd/*.crt $data/agent/*.crt; do
  case $file in *-ca.crt | *.nochain.crt) continue ;; esac
  end=$(openssl x509 -noout -enddate -in "$file" 2>/dev/null) && echo "$(date -d "${end#*=}" +%s) $file"
done | sort -n | head -n 1
section snapshot; find "$1" -type f -printf '%T@\n' 2>/dev/null | sort -rn | head -n 1 | cut -d . -f 1
section free; df -Pk /var/lib | awk 'NR == 2 { print $4 }'
section reboot; [ -e /run/reboot-required ] && echo pending
section restore; [ -e /var/lib/skerry/restore/wanted ] && echo pending
section metrics
command -v curl > /dev/null && curl -s --max-time 6 http://127.0.0.1:2381/metrics |
  grep -E '^etcd_disk_(wal_fsync|backend_commit)_duration_seconds'
