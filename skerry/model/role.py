"""The two roles of a host in a K3s cluster."""

from typing import Literal

Role = Literal["server", "agent"]
