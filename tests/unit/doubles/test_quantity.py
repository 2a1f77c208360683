from __future__ import annotations

from fractions import Fraction

import pytest

from tests.doubles.k3s_standin import quantity


@pytest.mark.parametrize(
    ("text", "value"), [("500m", "1/2"), ("1.5Gi", str(1536 * 1024**2)), ("1e3", "1000"), ("2", "2")]
)
def test_quantities(text: str, value: str) -> None:
    assert quantity.parse(text) == Fraction(value)


def test_quantities_are_written_canonically() -> None:
    assert [quantity.size(Fraction(number)) for number in (1024**3, 1536, 1000, 0)] == [
        "1Gi",
        "1536",
        "1000",
        "0",
    ]
    assert [quantity.cores(Fraction(text)) for text in ("2", "3/2")] == ["2", "1500m"]
