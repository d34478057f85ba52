"""What people touch: the command line, the tour, the chat, the table of results."""


class Problem(Exception):
    """Something that the person at the keyboard can mend; its text is one line: what is wrong; what to do."""
