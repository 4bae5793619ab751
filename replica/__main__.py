"""``python -m replica``: serve, run a command, build or check the data."""

import shlex
import sys
from importlib.util import find_spec

#: The extra ``replica`` of pyproject.toml, which only a checkout can install by that name.
NEEDS = (
    "filelock>=3.16",
    "httptools>=0.6.4",
    "ncompress>=1.0.2",
    "platformdirs>=4.3",
    "sqlglot>=30.30",
    "starlette>=0.46",
    "trustme>=1.2",
    "uvicorn>=0.34",
)

if sys.version_info < (3, 11):  # noqa: UP036  one sentence in place of a traceback
    version = ".".join(map(str, sys.version_info[:3]))
    sys.exit(f"replica: Python 3.11 or newer is needed, and {sys.executable} is {version}")

missing = [name for name in (need.partition(">")[0] for need in NEEDS) if not find_spec(name)]
if missing:
    install = shlex.join([sys.executable, "-m", "pip", "install", *NEEDS])
    sys.exit(f"replica: missing packages: {', '.join(missing)}; install them with: {install}")

from replica.cli import main  # noqa: E402

raise SystemExit(main())
