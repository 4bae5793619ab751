"""STILTS' taplint, the Virtual Observatory's judge of TAP services, finds no fault."""

from __future__ import annotations

import json
import shutil

import pytest
from replicas import RunningReplica
from test_tap import SERVICES

from validation import java
from validation.judging import Setting

pytestmark = pytest.mark.skipif(
    shutil.which("stilts") is None or shutil.which("keytool") is None,
    reason="STILTS and Java are not installed (Debian: apt-get install stilts)",
)

#: What is not of the replica's services: observations that are planned; and what GAVO's service
#: is recorded to claim, in DaCHS' own words.
EXPECTED = {"LOC-NOTP", "CAP-CULF"}


#: One service here, as all have the same code; `make validate` asks all, which takes longer: of
#: IRSA's catalogue, it makes all tiles.
_CASES = [
    pytest.param(url, id=name, marks=pytest.mark.slow if name != "HEASARC" else ())
    for name, url in SERVICES.items()
]


@pytest.mark.parametrize("url", _CASES)
def test_taplint_finds_no_error(
    shared_replica: RunningReplica, url: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    setting = Setting(shared_replica.environment, tmp_path_factory.getbasetemp())
    report = json.loads(java.stilts(setting, "taplint", "format=json", f"tapurl={url}"))
    found = [
        (each["level"], f"{section['code']}-{each['code']}", each["text"])
        for section in report["sections"]
        for each in section["reports"]
        if each["level"] in ("ERROR", "WARNING", "FAILURE")
    ]
    assert report["totals"]["ERROR"] == 0, found
    assert {code for _, code, _ in found} <= EXPECTED, found
