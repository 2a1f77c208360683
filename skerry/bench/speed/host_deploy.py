"""Prepare and harden any number of hosts: pyinfra inventories/lab.py skerry/bench/speed/host_deploy.py"""

from skerry.phases.cgroup import cgroup
from skerry.phases.clock import clock
from skerry.phases.firewall import firewall
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
