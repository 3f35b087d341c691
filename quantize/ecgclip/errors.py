"""The one error that this package throws on purpose: a sentence that says what is wrong and what to do."""


class EcgclipError(Exception):
    """Ends a command with exit code 1 and its message on one line."""


class GateError(EcgclipError):
    """A measured check did not hold, so nothing was exported; exit code 3."""
