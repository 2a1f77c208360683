"""A host that an auditor accepts and K3s runs on: pyinfra inventories/oslo.py deploy/harden.py"""

from deploy.phases.firewall import firewall
from deploy.phases.preflight import preflight
from deploy.phases.ssh import ssh
from deploy.phases.system import system

preflight()
ssh()
firewall()
system()
