"""The drift check: do the archives still answer as the replica says they do?

`questions` is the table of what is asked; the modules beside it read the answers as flat
facts, `comparison` compares the facts of two sources, and `report` writes the outcome.
"""

from __future__ import annotations

#: Exit codes; drift and outage together give their sum.  Python and argparse end with 1 and 2
#: when the check itself fails, so that these stay free for that.
SAME, DRIFT, OUTAGE = 0, 10, 20
EXIT_CODES = f"""\
exit codes:
  {SAME}   every answer is the same
  {DRIFT}  drift: an answer has something new, gone or changed
  {OUTAGE}  outage: a service cannot be reached; the others are the same
  {DRIFT + OUTAGE}  both drift and outage
  1, 2  the check itself failed, or was called wrongly
"""
