"""Errors that end a run. Tasks must not import this module: pyinfra_cli, which it imports, starts gevent."""

from __future__ import annotations

from pyinfra.api.exceptions import DeployError
from pyinfra_cli.exceptions import CliError


class BadInput(DeployError, CliError):
    """A user's mistake: pyinfra prints the message without a traceback and exits with code 2."""

    exit_code = 2
