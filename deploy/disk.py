"""Measure the disks of new servers, and refuse bad ones: pyinfra inventories/oslo.py deploy/disk.py"""

from deploy.phases.disk import disk
from deploy.phases.preflight import preflight

preflight()
disk()
