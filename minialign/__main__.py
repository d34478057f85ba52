"""`python -m minialign` is the same as `minialign`."""

import sys

from .cli.command import main

if __name__ == "__main__":
    sys.exit(main())
