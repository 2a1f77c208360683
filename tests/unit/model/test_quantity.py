"""Kubernetes quantities: what is accepted, what is refused with which words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry.model.errors import InputError
from skerry.model.quantity import format_cpu, format_memory, parse_cpu, parse_memory


@pytest.mark.parametrize(
    ("text", "millicores"), [("500m", 500), ("0.5", 500), ("1", 1000), ("1.25", 1250), ("0", 0), ("0.001", 1)]
)
def test_cpu_is_read_in_millicores(text: str, millicores: int) -> None:
    assert parse_cpu(text) == millicores


@pytest.mark.parametrize("text", ["", "m", "0.5m", "0.0001", "-1", "1 ", "1\n", "1e3", "½", "٣", "500M"])
def test_other_cpu_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_cpu(text)
    assert str(caught.value) == f"cpu {text!r} is not a quantity; write '500m' or '0.5'"


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("512Mi", 512 * 2**20),
        ("1Gi", 2**30),
        ("1Ki", 1024),
        ("500M", 500 * 10**6),
        ("1k", 1000),
        ("1.5Gi", 3 * 2**29),
        ("0.1Ki", 103),
        ("0Mi", 0),
    ],
)
def test_memory_is_read_in_bytes(text: str, size_bytes: int) -> None:
    """Parts of a byte round up: 0.1Ki is 102.4 bytes."""
    assert parse_memory(text) == size_bytes


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("512", "memory '512' has no unit; write '512Mi'"),
        ("512m", "memory '512m' has an unknown unit; write '512Mi' or '512Gi'"),
        ("512MB", "memory '512MB' has an unknown unit; write '512Mi' or '512Gi'"),
        ("512 Mi", "memory '512 Mi' is not a quantity; write it as '512Mi'"),
        ("-1Mi", "memory '-1Mi' is not a quantity; write it as '512Mi'"),
        ("1e9", "memory '1e9' is not a quantity; write it as '512Mi'"),
        ("Mi", "memory 'Mi' is not a quantity; write it as '512Mi'"),
        ("", "memory '' is not a quantity; write it as '512Mi'"),
    ],
)
def test_other_memory_is_refused(text: str, line: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_memory(text)
    assert str(caught.value) == line


def test_the_api_server_may_leave_the_unit_out() -> None:
    assert parse_memory("1001", from_api=True) == 1001


@given(st.integers(min_value=0, max_value=10**9))
def test_formatted_cpu_reads_back(millicores: int) -> None:
    assert parse_cpu(format_cpu(millicores)) == millicores


@given(st.integers(min_value=0, max_value=2**50))
def test_formatted_memory_reads_back(size_bytes: int) -> None:
    assert parse_memory(format_memory(size_bytes), from_api=True) == size_bytes


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [(0, "0Mi"), (512 * 2**20, "512Mi"), (2**30, "1Gi"), (2 * 10**9, "2G"), (1025, "1025"), (1536, "1536")],
)
def test_memory_is_written_in_the_shortest_exact_form(size_bytes: int, text: str) -> None:
    assert format_memory(size_bytes) == text


@pytest.mark.parametrize(("millicores", "text"), [(0, "0"), (500, "500m"), (2000, "2"), (2500, "2500m")])
def test_whole_cores_are_written_without_suffix(millicores: int, text: str) -> None:
    assert format_cpu(millicores) == text
