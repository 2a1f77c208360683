"""What a token may do at a forge, asked before the first push. Read-only requests; nothing is created."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from skerry.local import http_client
from skerry.model.errors import InputError
from skerry.model.flux_target import Target

MAINTAINER = 40  # https://docs.gitlab.com/api/access_requests/#valid-access-levels
Get = Callable[[str], tuple[int, Any]]
"""Status and parsed JSON (None if there is none) of a GET for an API path."""


def check(target: Target, get: Get) -> None:
    """Raises InputError, one line, unless the token can push to the branch and create a deploy key."""
    status, repository = get(_repository_path(target))
    name = target.token_name
    if status == 401:
        raise InputError(
            f"{name}: {target.host} does not accept it, it has expired or is mistyped; make a new one"
        )
    if status in (403, 404):
        raise InputError(
            f"{name}: shows no repository {target.repository} at {target.host}; create that, or grant the token access"
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


def _weak(target: Target, needed: str) -> str:
    return f"{target.token_name}: may not create deploy keys in {target.repository}; it needs {needed}"


def _protected(target: Target) -> str:
    return (
        f"branch {target.branch} of {target.repository} is protected against this token; let its owner push, or "
        "name another flux_branch"
    )


def _github(target: Target, repository: dict[str, Any], get: Get) -> Iterator[str]:
    if not (repository.get("permissions") or {}).get("admin"):
        yield _weak(target, "Administration and Contents, read and write")
    _, branch = get(f"{_repository_path(target)}/branches/{quote(target.branch, safe='')}")
    if isinstance(branch, dict) and branch.get("protected"):
        status, rules = get(f"{_repository_path(target)}/branches/{quote(target.branch, safe='')}/protection")
        if status != 200 or ((rules or {}).get("enforce_admins") or {}).get("enabled", True):
            yield _protected(target)


def _gitlab(target: Target, repository: dict[str, Any], get: Get) -> Iterator[str]:
    permissions = repository.get("permissions") or {}
    level = max((each or {}).get("access_level", 0) for each in (*permissions.values(), {}))
    if level < MAINTAINER:
        yield _weak(target, "the role Maintainer and the scope api")
    status, rules = get(f"{_repository_path(target)}/protected_branches/{quote(target.branch, safe='')}")
    levels = [each.get("access_level") or 0 for each in (rules or {}).get("push_access_levels", [])]
    if status == 200 and not any(0 < each <= level for each in levels):
        yield _protected(target)


def _gitea(target: Target, repository: dict[str, Any], get: Get) -> Iterator[str]:
    if not (repository.get("permissions") or {}).get("admin"):
        yield _weak(target, "write access to repository, from an administrator of it")
    status, rules = get(f"{_repository_path(target)}/branch_protections/{quote(target.branch, safe='')}")
    if status == 200 and not (rules or {}).get("enable_push"):
        yield _protected(target)


RULES = {"github": _github, "gitlab": _gitlab, "gitea": _gitea}


def client(target: Target, token: str, scheme: str = "https") -> Get:
    """A Get for the forge's API. The token goes into a header, and into no message."""
    place = {
        "github": f"{target.host}/api/v3",
        "gitlab": f"{target.host}/api/v4",
        "gitea": f"{target.host}/api/v1",
    }
    base = "api.github.com" if target.host == "github.com" else place[target.forge]
    token_header = (
        {"PRIVATE-TOKEN": token} if target.forge == "gitlab" else {"Authorization": f"token {token}"}
    )

    def get(path: str) -> tuple[int, Any]:
        try:
            with http_client.get(f"{scheme}://{base}/{path}", token_header) as response:
                response.read()
                return response.status_code, response.json() if response.is_success else None
        except (http_client.Unreachable, ValueError) as error:
            raise InputError(f"{error}; see flux_hostname") from None

    return get
