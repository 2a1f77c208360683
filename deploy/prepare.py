"""The host part alone, ready for K3s: pyinfra inventories/oslo.py deploy/prepare.py"""

from skerry.phases.cgroup import cgroup
from skerry.phases.clock import clock
from skerry.phases.kernel import kernel
from skerry.phases.packages import packages
from skerry.phases.preflight import preflight
from skerry.phases.swap import swap

preflight()
packages()
clock()
swap()
cgroup()
kernel()
