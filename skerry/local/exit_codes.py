"""Exit codes of the tasks and of the runner."""

DONE = 0
FAILED = 1
BAD_INPUT = 2
"""The user's mistake: a setting, an option, a host that cannot be reached. No host was changed."""
NOT_AS_WANTED = 3
"""A task that only looks has found a host, a cluster or a repository not as wanted."""
INTERRUPTED = 130
"""Ctrl-C: 128 and the number of SIGINT, as shells report it."""
