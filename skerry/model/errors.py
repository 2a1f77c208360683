"""The one kind of error that is the user's to mend."""


class InputError(ValueError):
    """A mistake in what the user gave us: "what is wrong; where or how to mend it", one line per mistake.

    Shown as it is, without a traceback; the run then ends with exit code 2.
    """
