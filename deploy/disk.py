"""Measure the disks of new servers, and refuse bad ones: pyinfra inventories/oslo.py deploy/disk.py"""

from skerry.phases.disk import disk
from skerry.phases.preflight import preflight

preflight()
disk()
