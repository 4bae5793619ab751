"""Certificates for one run: an authority of our own, and a leaf for each host asked for."""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Certificates:
    """Issue certificates that only holders of this run's authority file trust.

    The authority's key stays in this process's memory.

    Parameters
    ----------
    authority_file : pathlib.Path
        Where to write the authority's certificate (PEM, no key).
    """

    def __init__(self, authority_file: Path) -> None:
        self._authority = trustme.CA(organization_name="archives-in-the-cloud replica")
        self._contexts: dict[str, ssl.SSLContext] = {}
        self.authority_file = authority_file
        self._authority.cert_pem.write_to_path(str(authority_file))

    def context(self, host: str) -> ssl.SSLContext:
        """Return a server-side TLS context that proves to be `host`."""
        if host not in self._contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._authority.issue_cert(host).configure_cert(context)
            self._contexts[host] = context
        return self._contexts[host]
