"""Check a token's permissions at a forge before the first push, by read-only requests."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from skerry.local import http_client
from skerry.model.errors import InputError
from skerry.model.flux_target import Target

MAINTAINER = 40  # https://docs.gitlab.com/api/access_requests/#valid-access-levels

Get = Callable[[str], tuple[int, Any]]
"""GET an API path. Returns the status and the parsed JSON, which is None unless the request succeeded."""


def check(target: Target, get: Get) -> None:
    """Raise InputError unless the token can push to the branch and create a deploy key."""
    status, repository = get(_repository_path(target))
    name = target.token_name
    if status == 401:
        raise InputError(
            f"{name}: {target.host} refuses it, because it has expired or is mistyped; make a new one"
        )
    if status in (403, 404):
        raise InputError(
            f"{name}: sees no repository {target.repository} at {target.host}; create it, or grant the token access"
        )
    if status != 200 or not isinstance(repository, dict):
        raise InputError(f"{target.host} answers with HTTP {status}; see flux_hostname")
    problem = next(RULES[target.forge](target, repository, get), "")
    if problem:
        raise InputError(problem)


def _repository_path(target: Target) -> str:
    if target.forge == "gitlab":
        return f"projects/{quote(target.repository, safe='')}"
    return f"repos/{target.repository}"


def _lacks_permission(target: Target, needed: str) -> str:
    return f"{target.token_name}: may not create deploy keys in {target.repository}; it needs {needed}"


def _is_protected(target: Target) -> str:
    return (
        f"branch {target.branch} of {target.repository} is protected against this token; let its owner push, or set "
        "another flux_branch"
    )


def _github(target: Target, repository: dict[str, Any], get: Get) -> Iterator[str]:
    if not (repository.get("permissions") or {}).get("admin"):
        yield _lacks_permission(target, "Administration and Contents, read and write")
    _, branch = get(f"{_repository_path(target)}/branches/{quote(target.branch, safe='')}")
    if isinstance(branch, dict) and branch.get("protected"):
        status, rules = get(f"{_repository_path(target)}/branches/{quote(target.branch, safe='')}/protection")
        if status != 200 or ((rules or {}).get("enforce_admins") or {}).get("enabled", True):
            yield _is_protected(target)


def _gitlab(target: Target, repository: dict[str, Any], get: Get) -> Iterator[str]:
    permissions = repository.get("permissions") or {}
    level = max((access or {}).get("access_level", 0) for access in (*permissions.values(), {}))
    if level < MAINTAINER:
        yield _lacks_permission(target, "the role Maintainer and the scope api")
    status, rules = get(f"{_repository_path(target)}/protected_branches/{quote(target.branch, safe='')}")
    allowed = [rule.get("access_level") or 0 for rule in (rules or {}).get("push_access_levels", [])]
    if status == 200 and not any(0 < needed <= level for needed in allowed):
        yield _is_protected(target)


def _gitea(target: Target, repository: dict[str, Any], get: Get) -> Iterator[str]:
    if not (repository.get("permissions") or {}).get("admin"):
        yield _lacks_permission(target, "write access to repository, from an administrator of it")
    status, rules = get(f"{_repository_path(target)}/branch_protections/{quote(target.branch, safe='')}")
    if status == 200 and not (rules or {}).get("enable_push"):
        yield _is_protected(target)


RULES = {"github": _github, "gitlab": _gitlab, "gitea": _gitea}


def client(target: Target, token: str, scheme: str = "https") -> Get:
    """Returns a function that makes GET requests to the forge's API. The token is sent in a header and never shown."""
    api = {"github": "v3", "gitlab": "v4", "gitea": "v1"}[target.forge]
    base = "api.github.com" if target.host == "github.com" else f"{target.host}/api/{api}"
    token_header = (
        {"PRIVATE-TOKEN": token} if target.forge == "gitlab" else {"Authorization": f"token {token}"}
    )

    def get(path: str) -> tuple[int, Any]:
        try:
            with http_client.get(f"{scheme}://{base}/{path}", token_header) as response:
                response.read()
                return response.status_code, response.json() if response.is_success else None
        except http_client.Unreachable as error:
            raise InputError(f"{error}; see flux_hostname") from None
        except (json.JSONDecodeError, UnicodeDecodeError):
            raise InputError(f"{base} does not answer with JSON; see flux_hostname") from None

    return get
