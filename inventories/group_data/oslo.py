"""Settings of all hosts in inventories/oslo.py. Other settings have the values of all.py."""

region = "no-oslo-1"
country = "NO"

# The Norwegian metrology service, so that time requests stay in the country, too.
ntp_servers = ["ntp.justervesenet.no"]
