"""The weekly workflow keeps one issue, with the script that is in its file."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from replicas import ROOT

WORKFLOW = ROOT / ".github" / "workflows" / "live.yml"
#: A stand-in for GitHub's command line: writes down its arguments, knows one issue or none.
GH = """#!/usr/bin/env bash
echo "$*" >> "$CALLS"
if [ "$1 $2" = "issue list" ]; then echo "$ISSUE"; fi
if [ "$1 $2" = "issue create" ]; then echo "https://github.com/owner/name/issues/7"; fi
"""


def step(identifier: str) -> dict:
    workflow = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))
    steps = [each for job in workflow["jobs"].values() for each in job["steps"]]
    return next(each for each in steps if each.get("id") == identifier)


def keep_issue(folder: Path, code: int, issue: str) -> list[str]:
    """Run the workflow's own script; return what it told GitHub to do."""
    (folder / "bin").mkdir()
    (folder / "build").mkdir()
    (folder / "build" / "check.md").write_text("# Drift report\n")
    (folder / "build" / "live.txt").write_text("notebook ok\n")
    gh = folder / "bin" / "gh"
    gh.write_text(GH)
    gh.chmod(0o755)
    calls = folder / "calls"
    environment = {"CALLS": str(calls), "ISSUE": issue, "CODE": str(code), "OWNER": "somebody"}
    path = f"{gh.parent}{os.pathsep}{os.environ['PATH']}"
    environment |= {"PATH": path, "RUN_URL": "https://github.com/owner/name/actions/runs/1"}
    script = ["bash", "-euo", "pipefail", "-c", step("issue")["run"]]
    subprocess.run(script, cwd=folder, env=os.environ | environment, check=True)
    return calls.read_text().splitlines()


@pytest.mark.parametrize(
    ("code", "issue", "told"),
    [
        (0, "", []),
        (0, "7", ["issue edit 7", "issue close 7"]),
        (10, "", ["issue create", "issue edit 7 --add-assignee somebody"]),
        (10, "7", ["issue edit 7", "issue reopen 7", "issue edit 7 --add-assignee somebody"]),
        (20, "7", ["issue edit 7", "issue reopen 7", "issue edit 7 --add-assignee somebody"]),
        (1, "7", ["issue edit 7", "issue reopen 7", "issue edit 7 --add-assignee somebody"]),
    ],
)
def test_the_workflow_keeps_one_issue(tmp_path: Path, code: int, issue: str, told: list[str]):
    calls = [call for call in keep_issue(tmp_path, code, issue) if call.startswith("issue")]
    done = [call for call in calls if not call.startswith("issue list")]
    assert len(done) == len(told)
    assert all(call.startswith(words) for call, words in zip(done, told, strict=True))


def test_the_issue_holds_the_report_and_the_live_run(tmp_path: Path):
    keep_issue(tmp_path, 10, "")
    body = (tmp_path / "build" / "issue.md").read_text()
    assert "# Drift report" in body
    assert "notebook ok" in body
    assert "actions/runs/1" in body


def test_the_workflow_can_write_issues_and_nothing_else():
    text = WORKFLOW.read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read", "issues": "write"}
    # YAML 1.1 reads the key "on" as true.
    assert {"schedule", "workflow_dispatch"} == set(workflow[True])
    assert set(re.findall(r"uses: (\w+)/", text)) == {"actions"}
