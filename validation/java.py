"""STILTS, which is a Java program: Java takes proxies and certificates as properties."""

from __future__ import annotations

import subprocess
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from validation.judging import JudgeError, Setting

PROGRAMS = {
    "stilts": "apt-get install stilts",
    "keytool": "apt-get install default-jre-headless",
}
_PASSWORD = "changeit"
#: taplint takes the longest, 20 to 60 s.
_TIMEOUT = 400


def stilts(setting: Setting, *arguments: str) -> str:
    """Run STILTS, which reaches the network through the replica only; return what it prints.

    Raises
    ------
    JudgeError
        If it says nothing but that it failed.
    """
    command = ["stilts", *properties(setting.proxy, setting.certificate), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT)
    if done.returncode and not done.stdout:
        raise JudgeError(f"{arguments[0]} failed: {done.stderr.strip()[-300:]}")
    return done.stdout


@lru_cache
def properties(proxy: str, certificate: Path) -> tuple[str, ...]:
    """Return the options that lead Java to a proxy and let it trust a certificate."""
    address = urlsplit(proxy)
    proxies = [
        f"-D{scheme}.proxy{name}={value}"
        for scheme in ("http", "https")
        for name, value in (("Host", address.hostname), ("Port", address.port))
    ]
    trust = {"trustStore": _trust_store(certificate), "trustStorePassword": _PASSWORD}
    return (*proxies, *(f"-Djavax.net.ssl.{name}={value}" for name, value in trust.items()))


def _trust_store(certificate: Path) -> Path:
    """Write a store that holds the certificate alone, beside it."""
    store = certificate.with_name("trust.p12")
    command = ["keytool", "-importcert", "-noprompt", "-alias", "replica"]
    command += ["-file", str(certificate), "-keystore", str(store)]
    command += ["-storetype", "PKCS12", "-storepass", _PASSWORD]
    subprocess.run(command, check=True, capture_output=True)
    return store
