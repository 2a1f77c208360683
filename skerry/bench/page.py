"""A run as a page that needs nothing but itself: no script, no network, light and dark."""

from __future__ import annotations

from html import escape

from skerry.bench.attribution import attribute, iops, recipe
from skerry.bench.charts import charts
from skerry.bench.run import HostRun, Run
from skerry.bench.scene import HEIGHT, WIDTH, Chart, Line, Shape
from skerry.bench.verdict import Result, loads

STYLE = """
:root { color-scheme: light dark; --back: #fff; --text: #1b1f24; --faint: #59636e; --grid: #e4e8ec; --axis: #9aa4af;
  --limit: #c2255c; --other: #b6bec7; --pass: #1a7f37; --warn: #8a5a00; --fail: #c2255c;
  --c0: #0b62b8; --c1: #d9480f; --c2: #2b8a3e; --c3: #8b3fc7; --c4: #b8860b; --c5: #0d8f94; }
@media (prefers-color-scheme: dark) { :root { --back: #12161b; --text: #e6eaee; --faint: #9aa5b1; --grid: #262d35;
  --axis: #56616d; --limit: #ff7096; --other: #4d5762; --pass: #56d364; --warn: #e3b341; --fail: #ff7096;
  --c0: #6cb6ff; --c1: #ff9e57; --c2: #6fdd8b; --c3: #cf9bff; --c4: #ecd06f; --c5: #4fd6d9; } }
body { margin: 2rem auto; max-width: 76rem; padding: 0 1rem; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
p, td, th { max-width: 60rem; } .faint { color: var(--faint); }
table { border-collapse: collapse; width: 100%; } .wide { overflow-x: auto; }
th, td { text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid var(--grid); vertical-align: top; }
th { color: var(--faint); font-weight: 500; white-space: nowrap; }
.verdict { font-weight: 600; } .verdict, .host { white-space: nowrap; }
.PASS { color: var(--pass); }
.FAIL, .SUSPECT, .failed { color: var(--fail); } .INCONCLUSIVE, .CPU-BOUND { color: var(--warn); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 32rem), 1fr)); gap: 1.5rem; }
svg { width: 100%; height: auto; } svg text { font-family: system-ui, sans-serif; }
svg .halo { paint-order: stroke; stroke: var(--back); stroke-width: 4px; stroke-linejoin: round; }
details { margin: .3rem 0; } summary { cursor: pointer; }
"""


def page(run: Run) -> str:
    """The whole page."""
    body = [
        f"<h1>Disks of {escape(run.inventory)}</h1>",
        f'<p class="faint">{escape(run.title)} UTC, profile {escape(run.profile)}. Times are of '
        "fdatasync as etcd calls it; the lines show which share of them took longer than a time.</p>",
        _summary(run),
        '<div class="charts">',
        *(f"<figure style='margin:0'>{svg(each)}</figure>" for each in charts(run)),
        "</div><h2>What was judged</h2>",
        *(_details(each) for each in run.hosts),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Disks of {escape(run.inventory)}</title><style>{STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>\n"
    )


def _summary(run: Run) -> str:
    rows = "".join(
        f'<tr><td class="host">{escape(each.host)}</td><td>{each.role}</td>{_verdict_cell(each)}'
        f"<td>{escape(_why(each))}</td></tr>"
        for each in run.hosts
    )
    return f'<div class="wide"><table><tr><th>host<th>role<th>verdict<th>why</tr>{rows}</table></div>'


def _verdict_cell(host: HostRun) -> str:
    word = host.judgement.verdict.value if host.judgement else "failed"
    return f'<td class="verdict {word}">{word}</td>'


def _why(host: HostRun) -> str:
    return "; ".join([host.judgement.reason if host.judgement else host.error, *host.since])


def _details(host: HostRun) -> str:
    if host.judgement is None or host.result is None:
        return ""
    rows = "".join(
        f'<tr><td>{escape(each.phase)}</td><td>{escape(each.criterion)}</td><td class="verdict {each.verdict.value}">'
        f"{each.verdict.value}{'' if each.judged else ' (not judged)'}</td><td>{escape(each.measured)}</td>"
        f"<td>{_source(each.source)}</td></tr>"
        for each in host.judgement.findings
    )
    found = host.result["environment"]
    names = (
        "filesystem",
        "journal",
        "disk",
        "model",
        "write_cache",
        "scheduler",
        "virtualisation",
        "kernel",
        "cores",
        "path",
    )
    about = ", ".join(f"{name.replace('_', ' ')} {found[name]}" for name in names if found.get(name))
    notes = "".join(f"<p>{escape(note)}</p>" for note in host.judgement.notes)
    return (
        f"<details open><summary>{escape(host.host)}</summary><p class='faint'>{escape(about)}</p>{notes}"
        f'<div class="wide"><table><tr><th>phase<th>criterion<th>verdict<th>measured<th>source</tr>{rows}</table></div>'
        f"{_attribution(host.result)}{_classics(host.result)}</details>"
    )


def _attribution(result: Result) -> str:
    """What the host counted meanwhile, phase by phase."""
    rows = "".join(
        f"<tr><td>{escape(each.phase)}</td><td>{_percent(each.cpu_pressure)}</td><td>{_percent(each.steal)}</td>"
        f"<td>{_percent(each.io_pressure)}</td><td>{_percent(each.disk_busy)}</td><td>{_number(each.flushes, 0)}</td>"
        f"<td>{_number(each.flush_ms, 3)}</td><td>{_number(each.written_mib, 0)}</td></tr>"
        for each in map(attribute, loads(result))
    )
    heads = (
        "phase",
        "waits for CPU",
        "steal",
        "waits for I/O",
        "disk busy",
        "flushes",
        "mean flush, ms",
        "written, MiB",
    )
    head = "".join(f"<th>{each}" for each in heads)
    return f'<div class="wide"><table><tr>{head}</tr>{rows}</table></div>'


def _classics(result: Result) -> str:
    """The fio recipe and random I/O, for comparison with others' figures."""
    lines = []
    for phase in result["phases"]:
        if found := recipe(phase):
            lines.append(
                f"fio recipe, for comparison: p99 {found.p99_ms:.2f} ms of {found.syncs} syncs one after the other; "
                f"a request at a random moment would have waited over 10 ms in {100 * found.over_10_ms:.2g} % of cases"
            )
        if speeds := iops(phase):
            lines.append(", ".join(f"{name} {speed:.0f} IOPS" for name, speed in speeds.items()))
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def _percent(value: float | None) -> str:
    return "unknown" if value is None else f"{100 * value:.1f} %"


def _number(value: float | None, digits: int) -> str:
    return "unknown" if value is None else f"{value:.{digits}f}"


def _source(source: str) -> str:
    if not source.startswith("https://"):
        return escape(source)
    return f'<a href="{escape(source)}">{escape(source.split("/")[2])}</a>'


def svg(chart: Chart) -> str:
    """A chart as an inline drawing."""
    shapes = "".join(_shape(each) for each in chart.shapes())
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(chart.title)}">{shapes}</svg>'


def _shape(shape: Shape) -> str:
    if isinstance(shape, Line):
        points = " ".join(f"{x:.1f},{y:.1f}" for x, y in shape.points)
        dashes = ' stroke-dasharray="5 4"' if shape.dashed else ""
        return (
            f'<polyline points="{points}" fill="none" stroke="var(--{shape.role})" stroke-width="{shape.width:g}" '
            f'stroke-linejoin="round"{dashes}/>'
        )
    weight = ' font-weight="600"' if shape.bold else ""
    halo = ' class="halo"' if shape.role == "limit" else ""  # a label that lines may cross
    return (
        f'<text{halo} x="{shape.x:.1f}" y="{shape.y:.1f}" text-anchor="{shape.anchor}" fill="var(--{shape.role})" '
        f'font-size="{shape.size}"{weight}>{escape(shape.text)}</text>'
    )
