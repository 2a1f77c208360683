"""The host part and its hardening, on any number of hosts: pyinfra inventories/lab.py tests/bench/walk.py"""

from deploy.phases.cgroup import cgroup
from deploy.phases.clock import clock
from deploy.phases.firewall import firewall
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
