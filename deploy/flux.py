"""Hand the cluster over to Flux: pyinfra inventories/oslo.py deploy/flux.py"""

from skerry.phases.flux import flux

flux()
