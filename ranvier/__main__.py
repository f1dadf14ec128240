"""`python -m ranvier`: the command line without its script on the path."""

from __future__ import annotations

import sys

from ranvier.cli.app import main

sys.exit(main())
