"""Serve CustomOperator until SIGTERM, with settings from flags and OP_* variables. The same as ``visop serve``."""

from __future__ import annotations

import sys

from visop.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["serve", *sys.argv[1:]]))
