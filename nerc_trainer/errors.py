"""The one exception that means: the user can mend this."""


class NercError(Exception):
    """A failure told in one line that names the file, key or row, the value, and the way out.

    The command line prints the message alone and exits with status 1; anything else is a bug and keeps its traceback
    under ``--debug``.
    """
