# $@: our files that K3s's own uninstall script does not know.
section files; file_states "$@"
section uninstaller; [ -x /usr/local/bin/k3s-uninstall.sh ] && echo yes
section volumes; ls -A /var/lib/rancher/k3s/storage 2>/dev/null
section node; [ "$(systemctl show k3s -p ActiveState --value)" = active ] && hostname | tr '[:upper:]' '[:lower:]'
section packages; cat /var/lib/skerry/packages 2>/dev/null | sort -u
