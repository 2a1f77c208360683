"""Hand the cluster over to Flux: pyinfra inventories/oslo.py deploy/flux.py"""

from deploy.phases.flux import flux

flux()
