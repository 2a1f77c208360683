"""Take the hardening off the hosts again: invoke unharden, or pyinfra inventories/oslo.py deploy/unharden.py"""

from skerry.phases.unharden import unharden

unharden()
