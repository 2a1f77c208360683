"""Take K3s off the hosts again: invoke uninstall, or pyinfra inventories/oslo.py deploy/uninstall.py"""

from deploy.phases.uninstall import uninstall

uninstall()
