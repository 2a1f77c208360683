"""Take K3s and the hardening off the hosts again: invoke uninstall"""

from skerry.phases.unharden import unharden
from skerry.phases.uninstall import uninstall

uninstall()
unharden()
