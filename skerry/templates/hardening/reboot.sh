#!/bin/sh
# Written by Skerry. Reboots this host if an update asked for it: drained first, and only while all other nodes are
# Ready. Whatever speaks against it puts it off until the next window, and says so in the journal.
PATH=$$PATH:/usr/local/bin
MARK=/var/lib/skerry/cordoned
[ -e /run/reboot-required ] || exit 0
[ ! -d /var/lib/skerry/guard ] || { echo "put off: a change to SSH or the firewall is not proven yet"; exit 0; }
node=$$(hostname | tr '[:upper:]' '[:lower:]')

if systemctl is-active --quiet k3s-agent; then
  echo "put off: an agent may not drain itself; drain it from a server, then reboot it" >&2
  exit 1
fi
if systemctl is-active --quiet k3s; then
  nodes=$$(k3s kubectl get nodes --no-headers) || { echo "put off: the API server does not answer" >&2; exit 1; }
  down=$$(printf '%s\n' "$$nodes" | awk -v me="$$node" '$$1 != me && $$2 != "Ready" { print $$1 }')
  [ -z "$$down" ] || { echo "put off: not Ready: $$down" >&2; exit 1; }
  echo "$$node" > "$$MARK"
  if ! k3s kubectl drain "$$node" --ignore-daemonsets --delete-emptydir-data --timeout=${drain_seconds}s; then
    k3s kubectl uncordon "$$node" && rm -f "$$MARK"
    echo "put off: the node was not drained in ${drain_seconds} s" >&2
    exit 1
  fi
fi
echo "rebooting: $$(tr '\n' ' ' < /run/reboot-required)"
systemctl reboot
