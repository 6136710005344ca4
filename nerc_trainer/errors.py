"""What the user can mend: the one exception that says so, and the disk that is full."""

import errno

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


class NercError(Exception):
    """A failure told in one line that names the file, key or row, the value, and the way out.

    The command line prints the message alone and exits with status 1; anything else is a bug and keeps its traceback
    under ``--debug``.
    """
