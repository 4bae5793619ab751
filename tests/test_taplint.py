"""STILTS' taplint, the Virtual Observatory's judge of TAP services, finds no fault."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from replicas import RunningReplica, fresh_environment
from test_tap import SERVICES

pytestmark = pytest.mark.skipif(
    shutil.which("stilts") is None or shutil.which("keytool") is None,
    reason="STILTS and Java are not installed (Debian: apt-get install stilts)",
)

#: What is not of the replica's services: observations that are planned; and what GAVO's service
#: is recorded to claim, in DaCHS' own words.
EXPECTED = {"LOC-NOTP", "CAP-CULF"}


@pytest.fixture(scope="module")
def through_the_replica(
    shared_replica: RunningReplica, tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    """Options that send Java to the replica, and let it trust its certificate."""
    store = tmp_path_factory.mktemp("java") / "trust.p12"
    certificate = shared_replica.environment["SSL_CERT_FILE"]
    command = ["keytool", "-importcert", "-noprompt", "-alias", "replica", "-file", certificate]
    kind = ["-keystore", str(store), "-storetype", "PKCS12", "-storepass", "changeit"]
    subprocess.run([*command, *kind], check=True, capture_output=True)
    proxy = urlsplit(shared_replica.proxy)
    proxies = [
        f"-D{scheme}.proxy{name}={value}"
        for scheme in ("http", "https")
        for name, value in (("Host", proxy.hostname), ("Port", proxy.port))
    ]
    trust = {"trustStore": store, "trustStorePassword": "changeit"}
    return [*proxies, *(f"-Djavax.net.ssl.{name}={value}" for name, value in trust.items())]


@pytest.mark.parametrize("url", SERVICES.values(), ids=SERVICES)
def test_taplint_finds_no_error(through_the_replica: list[str], url: str, tmp_path: Path) -> None:
    output = tmp_path / "report.json"
    command = ["stilts", *through_the_replica, "taplint", "format=json", f"tapurl={url}"]
    # It ends with 0 whatever it found.
    with output.open("w") as file:
        subprocess.run(command, stdout=file, env=fresh_environment(), timeout=280, check=True)
    report = json.loads(output.read_text())
    found = [
        (each["level"], f"{section['code']}-{each['code']}", each["text"])
        for section in report["sections"]
        for each in section["reports"]
        if each["level"] in ("ERROR", "WARNING", "FAILURE")
    ]
    assert report["totals"]["ERROR"] == 0, found
    assert {code for _, code, _ in found} <= EXPECTED, found
