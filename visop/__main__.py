"""``python -m visop``."""

import sys

from visop.cli import main

if __name__ == "__main__":
    sys.exit(main())
