"""Clients that nobody here wrote read the replica's S3; see docs/replica.md, "Other Clients"."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from replicas import ROOT, RunningReplica

from validation.clients import CLIENTS, Client, mistakes
from validation.judging import not_installed

NAMED = {client.name: client for client in CLIENTS}


@pytest.mark.parametrize("client", CLIENTS, ids=NAMED)
def test_a_client_reads_an_object_and_lists_a_folder(
    shared_replica: RunningReplica, tmp_path: Path, client: Client
) -> None:
    if missing := not_installed(client.programs, client.packages):
        pytest.skip(f"not installed: {missing}")
    assert mistakes(client, shared_replica.environment, tmp_path) == []


@pytest.mark.parametrize(
    ("script", "said"),
    [("echo other; echo 16", "got"), ("echo no network >&2; exit 3", "failed: no network")],
)
def test_a_client_that_gets_something_else_is_found_out(
    shared_replica: RunningReplica, tmp_path: Path, script: str, said: str
) -> None:
    client = replace(NAMED["curl"], script=script, programs={})
    (mistake,) = mistakes(client, shared_replica.environment, tmp_path)
    assert mistake.startswith(said)


@pytest.mark.parametrize("name", [name.partition(" ")[0] for name in NAMED])
def test_a_client_is_on_the_replicas_page(name: str) -> None:
    page = (ROOT / "docs" / "replica.md").read_text(encoding="utf-8")
    section = page.partition("## Other Clients")[2].partition("\n## ")[0]
    assert f"| {name}" in section.replace("`", "")
