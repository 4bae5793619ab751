"""``python -m replica``: serve, run a command, or build the data."""

from replica.cli import main

raise SystemExit(main())
