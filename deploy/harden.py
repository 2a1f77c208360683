"""A host that an auditor accepts and K3s runs on: pyinfra inventories/oslo.py deploy/harden.py"""

from skerry.phases.firewall import firewall
from skerry.phases.preflight import preflight
from skerry.phases.ssh import ssh
from skerry.phases.system import system

preflight()
ssh()
firewall()
system()
