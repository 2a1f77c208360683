"""Take K3s and the hardening off the hosts again: invoke uninstall"""

from deploy.phases.unharden import unharden
from deploy.phases.uninstall import uninstall

uninstall()
unharden()
