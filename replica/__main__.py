"""``python -m replica``: serve, run a command, or build the data."""

from replica.command_line import main

raise SystemExit(main())
