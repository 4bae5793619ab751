"""``python -m replica``: serve, run a command, build or check the data."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  one sentence in place of a traceback
    python = ".".join(map(str, sys.version_info[:3]))
    sys.exit(f"replica: Python 3.11 or newer is needed, and {sys.executable} is {python}")

import re
import shlex
from importlib.metadata import PackageNotFoundError, version

#: The extra ``replica`` of pyproject.toml, which only a checkout can install by that name.
NEEDS = (
    "ahocorasick-rs>=1.0",
    "aiohttp>=3.11",
    "astropy>=8.0",
    "certifi>=2024.7.4",
    "filelock>=3.16",
    "httptools>=0.6.4",
    "ncompress>=1.0.2",
    "platformdirs>=4.3",
    "pyvo>=1.9",
    "python-multipart>=0.0.20",
    "requests>=2.32.5",
    "sqlglot>=30.30",
    "starlette>=0.46",
    "trustme>=1.2",
    "uvicorn>=0.34",
)


def lacking(need: str) -> str:
    """Name the package if it is missing, and its version if that is too old."""
    name, least = need.split(">=")
    try:
        found = version(name)
    except PackageNotFoundError:
        return name
    return "" if release(found) >= release(least) else f"{need} (here is {found})"


def release(number: str) -> list[int]:
    """Return the numbers of a version, without what follows them in a pre-release."""
    return [int(part) for part in re.findall(r"\d+", re.split(r"[^\d.]", number)[0])]


missing = list(filter(None, map(lacking, NEEDS)))
if missing:
    install = shlex.join([sys.executable, "-m", "pip", "install", *NEEDS])
    sys.exit(f"replica: missing packages: {', '.join(missing)}; install them with: {install}")

from replica.cli import main  # noqa: E402

raise SystemExit(main())
