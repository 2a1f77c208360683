"""The page and the picture show a whole run, and the page fetches nothing."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from skerry.bench.charts import Curve, ShareChart
from skerry.bench.criteria import ETCD
from skerry.bench.figures import picture, svg
from skerry.bench.page import page
from skerry.bench.run import HostRun, Run, load
from skerry.commands.hosts import audit_page
from skerry.model.errors import InputError
from tests.unit.bench.test_verdict import result, spread

RECIPE = {"name": "fio recipe", "kind": "recipe", "fio": {"fio version": "fio-3.16", "time": 1, "jobs": [
    {"sync": {"lat_ns": {"bins": {"300000": 100}, "percentile": {"99.000000": 300000}}}}]}}  # fmt: skip
IOPS = {
    "name": "random 4k",
    "kind": "iops",
    "fio": {"randread-qd1": {"iops": 8300.5}, "randread-qd32": {"error": "x"}},
}


def a_run() -> Run:
    slow = result(sync=spread(0.05, 12))
    slow["phases"] += [{**slow["phases"][0], "name": "beside <neighbour>", "neighbour": "pull"}, RECIPE, IOPS]
    hosts = (
        HostRun("good", "server", "etcd", result=result()),
        HostRun("bad", "server", "etcd", result=slow, since=["worse: yesterday"]),
        HostRun("away", "server", "etcd", error="cannot be reached"),
    )
    return Run("harbour", "standard", 1_800_000_000.0, hosts).ranked()


class Words(HTMLParser):
    """Collects the text and the links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [str(value) for name, value in attrs if name in ("src", "href", "srcset", "data")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_shows_everything_and_fetches_nothing() -> None:
    words = Words()
    text = page(a_run())
    words.feed(text)
    said = " ".join(words.text)
    for word in ("away", "cannot be reached", "FAIL", "PASS", "worse: yesterday", "beside <neighbour>", "8300 IOPS",
                 "p99 0.30 ms of 100 syncs", "10 ms", "25 ms"):  # fmt: skip
        assert word in said
    assert {link.split("/")[2] for link in words.links} <= {"etcd.io", "github.com", "docs.k3s.io"}
    assert not re.search(r"<script|@import|url\(", text)
    assert "prefers-color-scheme: dark" in text
    assert re.search(r"NaN|inf\b|None", text) is None


def colours(style: str) -> dict[str, str]:
    return dict(re.findall(r"--([a-z0-9]+): (#[0-9a-f]{6});", style))


def test_every_colour_is_a_variable_with_a_light_and_a_dark_value() -> None:
    text = page(a_run())
    style, _, body = text.partition("</style>")
    light, dark = map(colours, style.split("prefers-color-scheme: dark")[:2])
    assert set(light) == set(dark)
    assert set(re.findall(r"var\(--([a-z0-9]+)\)", text)) <= set(light)
    assert "stroke: var(--c0)" in body
    assert not re.search(r"(fill|stroke|color): #", body)


def test_the_same_run_gives_the_same_page_and_picture(tmp_path: Path) -> None:
    assert page(a_run()) == page(a_run())
    first, second = tmp_path / "1.png", tmp_path / "2.png"
    picture(a_run(), first)
    picture(a_run(), second)
    assert first.read_bytes() == second.read_bytes()


def test_names_from_hosts_are_text_and_neither_markup_nor_formula() -> None:
    name = '_<b>$x^2$ & "fill: #0b62b8"\x07\n'
    drawing = svg(ShareChart(name, [Curve(name, [(1, 0.5), (2, 0.1)])], ETCD[0]))
    texts = [element.text for element in ElementTree.fromstring(drawing).iter() if element.text]  # noqa: S314  our own drawing
    assert '_<b>$x^2$ & "fill: #0b6…' in texts
    assert '_<b>$x^2$ & "fill: #0b62b8"  ' in texts  # the title
    assert "<b>" not in drawing


def test_an_axis_shows_what_lies_beyond_it_at_its_end() -> None:
    drawing = svg(ShareChart("t", [Curve("h", [(0.001, 1.0), (10**5, 0.0)])], ETCD[0]))
    assert not re.search(r"nan|inf", drawing)


def test_drawing_imports_nothing_before_it_draws() -> None:
    """matplotlib and Jinja2 take half a second, which only a report should pay."""
    code = (
        "import sys, skerry.bench.page; sys.exit(bool({'matplotlib', 'jinja2', 'numpy'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_all_pages_share_one_stylesheet_and_forbid_scripts() -> None:
    pages = [page(a_run()), audit_page.page("oslo", "now", [])]
    heads = [text.partition("</style>")[0] for text in pages]
    assert heads[0].partition("<style>")[2] == heads[1].partition("<style>")[2]
    assert all("default-src 'none'" in head for head in heads)


def test_the_worst_comes_first() -> None:
    assert [host.host for host in a_run().hosts] == ["away", "bad", "good"]


def test_the_picture_has_the_run_in_it(tmp_path: Path) -> None:
    picture(a_run(), tmp_path / "run.png")
    with Image.open(tmp_path / "run.png") as drawn:
        assert drawn.width == 1440
        assert len(drawn.convert("RGB").getcolors(1 << 24) or []) > 50


def test_a_run_is_read_again_as_it_was_written(tmp_path: Path) -> None:
    import json

    path = tmp_path / "run.json"
    path.write_text(json.dumps(a_run().as_json()))
    assert load(path).as_json() == json.loads(path.read_text())
    for wrong in ("{}", "[]", "no json", '{"schema": 99}'):
        path.write_text(wrong)
        with pytest.raises(InputError, match=r"measure again|is not a run"):
            load(path)
    with pytest.raises(InputError, match="No such file"):
        load(tmp_path / "none.json")
