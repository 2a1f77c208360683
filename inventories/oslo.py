"""An example to start from: a cluster of one host in Oslo.

Replace the address (192.0.2.0/24 is reserved for documentation) with your host's, then:
invoke trust inventories/oslo.py && invoke up inventories/oslo.py

The first server initialises the cluster. Settings of all hosts are in group_data/oslo.py.
"""

servers = [
    ("oslo-1", {"ssh_hostname": "192.0.2.10"}),
]

agents: list[str] = []
