# $1: our GRUB drop-in.
section type; stat -fc %T /sys/fs/cgroup
section files; file_states "$1"
# Whether the boot menu has the drop-in's kernel argument.
section in_menu; grep -q systemd.unified_cgroup_hierarchy=1 /boot/grub/grub.cfg 2>/dev/null && echo yes
