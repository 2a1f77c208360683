"""A fresh host becomes a K3s node: pyinfra inventories/oslo.py deploy/k3s.py"""

from deploy.phases.cgroup import cgroup
from deploy.phases.clock import clock
from deploy.phases.disk import disk
from deploy.phases.firewall import firewall
from deploy.phases.flux import flux
from deploy.phases.k3s import k3s
from deploy.phases.kernel import kernel
from deploy.phases.packages import packages
from deploy.phases.preflight import preflight
from deploy.phases.ssh import ssh
from deploy.phases.swap import swap
from deploy.phases.system import system

preflight()
packages()
clock()
swap()
cgroup()
kernel()
ssh()
firewall()
system()
disk()
k3s()
flux()
