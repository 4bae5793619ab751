"""Stand-in for certifi in programs that the replica runs: trust the replica's authority.

Some libraries (astropy's ``download_file`` among them) trust certifi's list of authorities
and nothing else; certifi's interface is these two functions.
"""

import os
from pathlib import Path


def where() -> str:
    """Path of the certificates to trust."""
    return os.environ["SSL_CERT_FILE"]


def contents() -> str:
    """The certificates to trust, PEM."""
    return Path(where()).read_text(encoding="ascii")
