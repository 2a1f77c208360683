from __future__ import annotations

from dataclasses import dataclass
from typing import Any

@dataclass(frozen=True)
class CheckPerf:
    throughput: float
    slowest_seconds: float
    deviation_seconds: float

    @property
    def passed(self) -> bool:
        return self.throughput > 0.9 and self.slowest_seconds <= 0.5 and self.deviation_seconds <= 0.1


def check_perf(phase: dict[str, Any]) -> CheckPerf:
    response = phase["response"]
    mean = response["sum"] / response["n"]
    deviation = max(response["squares"] / response["n"] - mean**2, 0) ** 0.5
    return CheckPerf(phase["records"] / response["n"], response["max"] / 1e9, deviation / 1e9)
