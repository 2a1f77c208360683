"""pyinfra's configuration: the `pyinfra` command executes this file first, if it is started in this folder.

It makes `pyinfra inventories/oslo.py deploy/k3s.py` keep the promises of `invoke up inventories/oslo.py`.
"""

from skerry.runner.plain_pyinfra import prepare

prepare()
