"""``python -m visop``."""

import sys

from visop.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
