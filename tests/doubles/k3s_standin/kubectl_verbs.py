"""The verbs of `k3s kubectl` and their output."""

from __future__ import annotations

import json
import ssl
import sys
import time
from typing import Any, NoReturn

from .client import Client
from .switches import switch

NODES = ("node", "nodes", "no")
LISTS = {
    "pods": "pods",
    "pod": "pods",
    "po": "pods",
    "pv": "persistentvolumes",
    "persistentvolumes": "persistentvolumes",
}
LISTS.update({"pvc": "persistentvolumeclaims", "persistentvolumeclaims": "persistentvolumeclaims"})
UNITS = {"s": 1, "m": 60, "h": 3600}


class KubectlError(Exception):
    """Ends kubectl with a message and exit code 1."""


class Kubectl:
    """One invocation."""

    def __init__(self, client: Client, options: dict[str, str]) -> None:
        self.client, self.options = client, options
        self.output = options.get("o") or options.get("output") or ""

    def ask(self, method: str, path: str, body: Any = None, accept: str = "application/json") -> Any:
        """The API's answer. Ends kubectl unless it is a success."""
        return json.loads(_successful(*self._request(method, path, body, accept)))

    def get(self, words: list[str]) -> None:
        if "raw" in self.options:
            print(_successful(*self._request("GET", self.options["raw"], None, "*/*")), end="")
            return
        kind, *names = [part for word in words[:1] for part in word.split("/")] + words[1:]
        if kind in NODES:
            self._get_nodes(names)
        elif kind in LISTS and not names and self.output in ("", "name", "wide", "json"):
            answer = self.ask("GET", f"/api/v1/{LISTS[kind]}")
            if self.output == "json":
                print(json.dumps(answer, indent=4))
            elif self.output != "name":
                print("No resources found", file=sys.stderr)
        else:
            raise KubectlError(f"the stand-in cannot get {' '.join(words)}")

    def cordon(self, names: list[str], cordoned: bool) -> None:
        done = "cordoned" if cordoned else "uncordoned"
        for name in _names(names):
            already = bool(self.ask("GET", f"/api/v1/nodes/{name}")["spec"].get("unschedulable")) == cordoned
            if not already:
                self.ask("PATCH", f"/api/v1/nodes/{name}", {"spec": {"unschedulable": cordoned or None}})
            print(f"node/{name} {'already ' if already else ''}{done}")

    def drain(self, names: list[str]) -> None:
        self.cordon(names, True)
        if switch("drain_blocked") in names:
            print(
                'error when evicting pods/"web-0" -n "default" (will retry after 5s): Cannot evict pod as it would '
                "violate the pod's disruption budget.",
                file=sys.stderr,
            )
            time.sleep(_seconds(self.options.get("timeout", "0s")))
            raise KubectlError(
                f'unable to drain node "{names[0]}", aborting command... (global timeout reached)'
            )
        for name in _names(names):
            print(f"node/{name} drained")

    def delete(self, words: list[str]) -> None:
        kind, *names = [part for word in words[:1] for part in word.split("/")] + words[1:]
        paths = {**dict.fromkeys(NODES, "/api/v1/nodes"), "secret": "/api/v1/namespaces/kube-system/secrets"}
        if kind not in paths:
            raise KubectlError(f"the stand-in cannot delete {kind}")
        for name in _names(names):
            code, text = self._request("DELETE", f"{paths[kind]}/{name}", None, "application/json")
            if code == 404 and self.options.get("ignore-not-found") == "true":
                continue
            _successful(code, text)
            print(f'{"secret" if kind == "secret" else "node"} "{name}" deleted')

    def wait(self, words: list[str]) -> None:
        kind, *names = [part for word in words[:1] for part in word.split("/")] + words[1:]
        if kind not in NODES or self.options.get("for") not in ("condition=Ready", "condition=ready"):
            raise KubectlError("the stand-in waits only for condition=Ready of nodes")
        if self.options.get("all") == "true":
            names = [item["metadata"]["name"] for item in self.ask("GET", "/api/v1/nodes")["items"]]
        until = time.monotonic() + _seconds(self.options.get("timeout", "30s"))
        for name in _names(names):
            while not _is_ready(self.ask("GET", f"/api/v1/nodes/{name}")):
                if time.monotonic() > until:
                    raise KubectlError(f"timed out waiting for the condition on nodes/{name}")
                time.sleep(0.2)
            print(f"node/{name} condition met")

    def _get_nodes(self, names: list[str]) -> None:
        if self.output not in ("", "json", "name", "wide") or len(names) > 1:
            raise KubectlError(f"the stand-in cannot get nodes {' '.join(names)} -o {self.output}")
        path = "/api/v1/nodes" + (f"/{names[0]}" if names else "")
        if self.output in ("json", "name"):
            answer = self.ask("GET", path)
            items = answer.get("items", [answer])
            listed = "\n".join(f"node/{item['metadata']['name']}" for item in items)
            print(json.dumps(answer, indent=4) if self.output == "json" else listed)
            return
        from . import tables  # imported late, because every start of kubectl should be quick

        table = self.ask("GET", path, accept="application/json;as=Table;v=v1;g=meta.k8s.io")
        lines = tables.text(table, self.output == "wide").splitlines()
        if len(lines) == 1:
            print("No resources found", file=sys.stderr)
        else:
            print("\n".join(lines[1:] if self.options.get("no-headers") == "true" else lines))

    def _request(self, method: str, path: str, body: Any, accept: str) -> tuple[int, str]:
        headers = {"Accept": accept, "Content-Type": "application/merge-patch+json"}
        try:
            return self.client.request(method, path, body, headers)
        except ConnectionRefusedError:
            refused(f"{self.client.host}:{self.client.port}")
        except ssl.SSLCertVerificationError as error:
            raise KubectlError(
                f"Unable to connect to the server: tls: failed to verify certificate: {error.verify_message}"
            ) from None
        except OSError as error:
            raise KubectlError(f"Unable to connect to the server: {error}") from None


def _successful(code: int, text: str) -> str:
    if code == 401:
        raise KubectlError("You must be logged in to the server (Unauthorized)")
    if code != 200:
        status = json.loads(text)
        raise KubectlError(f"Error from server ({status['reason']}): {status['message']}")
    return text


def refused(address: str) -> NoReturn:
    raise KubectlError(
        f"The connection to the server {address} was refused - did you specify the right host or port?"
    )


def _names(names: list[str]) -> list[str]:
    if not names:
        raise KubectlError("resource(s) were provided, but no name was specified")
    return [name.split("/")[-1] for name in names]


def _is_ready(node: dict[str, Any]) -> bool:
    return ("Ready", "True") in [(row["type"], row["status"]) for row in node["status"]["conditions"]]


def _seconds(text: str) -> float:
    unit = UNITS.get(text[-1:])
    if unit is None or not text[:-1].replace(".", "", 1).isdigit():
        raise KubectlError(
            f'invalid argument "{text}" for "--timeout" flag: time: missing unit in duration "{text}"'
        )
    return float(text[:-1]) * unit
