"""How tasks end: a user's mistake in one line and exit code 2, a failure in one line and 1; no traceback."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any

NOT_AS_WANTED = 3  # the exit code of tasks that look, when what they find is not as wanted


def plain_errors(body: Callable[..., Any]) -> Callable[..., Any]:
    """A user's mistake ends in one line and exit code 2, a failure in one line and 1; neither in a traceback."""

    @wraps(body)
    def run(*args: Any, **kwargs: Any) -> Any:
        from cluster.errors import InputError
        from deploy.artifacts import Unreachable
        from lab import LabError

        try:
            return body(*args, **kwargs)
        except InputError as error:
            print(error, file=sys.stderr)
            sys.exit(2)
        except (LabError, RuntimeError, Unreachable) as error:
            print(error, file=sys.stderr)
            sys.exit(1)

    return run
