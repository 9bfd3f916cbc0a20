"""What can be wrong with footage: one error for the user, one for a single file.

`DataError` ends a run with its message; `UnusableFileError` is of one file: whoever opens a source
of several turns it into a `Rejected` and goes on with the next.
"""


class DataError(Exception):
    """The data cannot be used; the message names the file, the rule, what was got and a remedy."""


class UnusableFileError(Exception):
    """One file cannot be used; the message is the reason alone, without the file's name."""
