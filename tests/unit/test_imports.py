"""No module imports itself, however long the way round. The other rules of imports are in pyproject.toml."""

from __future__ import annotations

from graphlib import TopologicalSorter

import grimp


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Imports under TYPE_CHECKING count, too. A CycleError names the modules."""
    graph = grimp.build_graph("skerry")
    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    TopologicalSorter(imports).prepare()
