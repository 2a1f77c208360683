"""TCP ports that several modules must agree on."""

API_PORT = 6443

RELAY_PORT = 6440
"""Where a host serves artifacts to the other hosts of its region while they download them."""
