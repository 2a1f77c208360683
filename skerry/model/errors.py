"""The error that a user can correct.

Whatever else goes wrong outside Skerry (a host, a tool, the network) is a RuntimeError with a message of the same form;
tasks print it as one line, too, and end with exit code 1.
"""


class InputError(ValueError):
    """A mistake in the user's input: "what is wrong; how or where to correct it", one line for each mistake.

    Tasks print it without a traceback and end with exit code 2.
    """
