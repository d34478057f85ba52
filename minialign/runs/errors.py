"""What the person at the keyboard can put right, told in one line."""

import errno


class Problem(Exception):
    """Something that the person at the keyboard can put right; its text is one line: what is wrong; what to do."""


def explain(problem: OSError) -> str:
    """An OSError as one line: what is wrong; what to do."""
    if problem.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; free some space and run the same command again: finished stages are kept"
    where = f"{problem.filename}: " if problem.filename else ""
    return f"{where}{problem.strerror or problem}; fix that and run the same command again: finished stages are kept"
