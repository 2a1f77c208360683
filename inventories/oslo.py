"""The worked example: one host in Oslo to start from. Replace the address (192.0.2.0/24 is for documentation)
with your own, then: invoke trust inventories/oslo.py && invoke up inventories/oslo.py

The first server starts the cluster. Where the hosts stand is in group_data/oslo.py.
"""

servers = [
    ("oslo-1", {"ssh_hostname": "192.0.2.10"}),
]

agents: list[str] = []
