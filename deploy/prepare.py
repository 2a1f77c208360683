"""The host part alone, ready for K3s: pyinfra inventories/oslo.py deploy/prepare.py"""

from deploy.phases.cgroup import cgroup
from deploy.phases.clock import clock
from deploy.phases.kernel import kernel
from deploy.phases.packages import packages
from deploy.phases.preflight import preflight
from deploy.phases.swap import swap

preflight()
packages()
clock()
swap()
cgroup()
kernel()
