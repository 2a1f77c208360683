"""A fresh host becomes a K3s node: pyinfra inventories/oslo.py deploy/k3s.py"""

from skerry.phases.cgroup import cgroup
from skerry.phases.clock import clock
from skerry.phases.disk import disk
from skerry.phases.firewall import firewall
from skerry.phases.flux import flux
from skerry.phases.k3s import k3s
from skerry.phases.kernel import kernel
from skerry.phases.packages import packages
from skerry.phases.preflight import preflight
from skerry.phases.ssh import ssh
from skerry.phases.swap import swap
from skerry.phases.system import system

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
