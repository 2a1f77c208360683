# $1 "etcd" or "sqlite", $2 the snapshot's name, $3 etcd's folder of snapshots. Prints what belongs into a backup, a
# line each: sha256, size in bytes, path, name in the archive. `rm -rf` of the last line's path takes the copy away.
set -eu
umask 077
PATH=$PATH:/usr/local/bin
server=/var/lib/rancher/k3s/server here=/var/lib/skerry/backup
tell() { [ ! -f "$1" ] || echo "$(sha256sum < "$1" | cut -d ' ' -f 1) $(stat -c %s "$1") $1 $2"; }

if [ "$1" = etcd ]; then
  find "$3" -name 'skerry-backup-*' -mmin +60 -delete 2>/dev/null || true # what a backup that was killed has left
  k3s etcd-snapshot save --name "$2" --s3=false >&2
  copy=$(find "$3" -type f -name "$2-*")
else # while K3s writes: a copy of the files would lack what is in the write-ahead log, or tear it
  mkdir -p $here
  find $here -type f -mmin +60 -delete
  copy=$here/$2
  python3 - $server/db/state.db "$copy" << 'END'
import sqlite3, sys
source, target = (sqlite3.connect(path) for path in sys.argv[1:])
source.backup(target)
found = target.execute("PRAGMA integrity_check").fetchone()[0]
sys.exit(0 if found == "ok" else "state.db: " + found)
END
fi
[ -s "$copy" ] || { echo "K3s left no snapshot in $3" >&2; exit 1; }
echo "@version"; k3s --version | sed -n 's/^k3s version \(v[^ ]*\).*/\1/p'
echo "@authority"; sed -n 's/^K10\([0-9a-f]*\)::.*/\1/p' $server/token
echo "@files"
for file in $server/tls/*-ca.* $server/tls/service*.key $server/tls/etcd/*-ca.* \
  $server/cred/passwd $server/cred/ipsec.psk $server/cred/encryption-*.json; do
  tell "$file" "server/${file#"$server"/}"
done
tell $server/token etc/full-token
tell /etc/rancher/k3s/agent-token etc/agent-token
tell /etc/rancher/k3s/config.yaml etc/config.yaml
tell "$copy" datastore
