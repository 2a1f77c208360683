"""What the hosts of inventories/oslo.py have in common and all.py does not say."""

region = "no-oslo-1"
country = "NO"
ntp_servers = ["ntp.justervesenet.no"]  # the Norwegian metrology service: time, too, stays in the country
