"""Help texts of arguments that several tasks have."""

INVENTORY = {"inventory": "inventory file of the cluster, such as inventories/oslo.py"}
INVENTORIES = {"inventory": "inventory files of the clusters, comma-separated"}
JSON = {"json": "print JSON instead of text for people"}
YES = {"yes": "do not ask for confirmation"}
