"""``python -m opkit``."""

import sys

from opkit.cli import main

if __name__ == "__main__":
    sys.exit(main())
