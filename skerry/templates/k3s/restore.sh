# $1 "etcd" or "sqlite", $2 seconds it may take. The datastore in /var/lib/skerry/restore becomes the server's; its
# members are this host alone. Cut off, it is done again from the start.
PATH=$PATH:/usr/local/bin
here=/var/lib/skerry/restore db=/var/lib/rancher/k3s/server/db unit=skerry-restore
begin=$(date +%s)
systemctl stop k3s 2>/dev/null
mkdir -p $db && chmod 700 $db

if [ "$1" = etcd ]; then # in a unit of its own, which goes on when SSH is cut and never runs twice
  systemctl stop $unit 2>/dev/null
  systemctl reset-failed $unit 2>/dev/null
  rm -f $db/reset-flag
  systemd-run --quiet --wait --collect --unit=$unit --property=RuntimeMaxSec="$2" \
    --property=EnvironmentFile=-/etc/default/k3s \
    /usr/local/bin/k3s server --cluster-reset --cluster-reset-restore-path=$here/datastore --etcd-s3=false || {
    echo "K3s could not restore the snapshot; the last lines of its journal:"
    journalctl --unit $unit --since "@$begin" --no-pager --output cat | cut -c 1-300 | tail -n 20
    exit 1
  } >&2
else
  for file in state.db-wal state.db-shm; do rm -f $db/$file; done
  [ ! -e $db/state.db ] || mv $db/state.db "$db/state.db-old-$begin"
  install -m 600 $here/datastore $db/state.db.skerry-new && sync $db/state.db.skerry-new || exit 1
  mv -f $db/state.db.skerry-new $db/state.db || exit 1
fi
rm -rf $here
