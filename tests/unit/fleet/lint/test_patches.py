"""What the target of a patch selects, as in kustomize."""

from __future__ import annotations

from typing import Any

import pytest

from skerry.fleet.lint.patches import Resource, matches

SHOP = Resource(
    "apps",
    "v1",
    "Deployment",
    frozenset(["shop", "dev-shop"]),
    frozenset(["", "shop"]),
    frozenset([("app", "shop")]),
)


@pytest.mark.parametrize(
    ("target", "hit"),
    [
        ({"kind": "Deployment"}, True),
        ({"kind": "Deployment", "name": "shop"}, True),
        ({"kind": "Deployment", "name": "dev-shop"}, True),
        ({"kind": "Deployment", "name": "sho"}, False),
        ({"kind": "Deployment", "name": "sh.*"}, True),
        ({"kind": "Deployment", "name": "("}, False),
        ({"kind": "StatefulSet", "name": "shop"}, False),
        ({"group": "batch", "kind": "Deployment"}, False),
        ({"version": "v1", "namespace": "shop"}, True),
        ({"namespace": "other"}, False),
        ({"labelSelector": "app=shop"}, True),
        ({"labelSelector": "app==shop,app!=other"}, True),
        ({"labelSelector": "app!=shop"}, False),
        ({"labelSelector": "app"}, True),
        ({"labelSelector": "!app"}, False),
        ({"labelSelector": "tier"}, False),
        ({"labelSelector": "app in (a, b)"}, True),
        ({"annotationSelector": "a=b"}, False),
    ],
)
def test_targets(target: dict[str, Any], hit: bool) -> None:
    assert matches(target, SHOP) is hit
