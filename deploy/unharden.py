"""Take the hardening off the hosts again: invoke unharden, or pyinfra inventories/oslo.py deploy/unharden.py"""

from deploy.phases.unharden import unharden

unharden()
