"""The judges of ``make validate`` find what is wrong, and their table says so."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import requests
import yaml
from replicas import ROOT, RunningReplica

from replica.holdings import holdings, select
from replica.storage.cache import ensure
from validation import __main__ as command
from validation import datalink, fits, report, s3, s3_requests, schemas, votable
from validation.exceptions import EXPLAINED, Explained
from validation.judging import Case, Finding, Judge, JudgeError, Setting

FINDING = Finding("judge", "subject", "is wrong")
KNOWN = Explained("judge", "subj.*", "is wrong", "the archive does so too")


@pytest.fixture
def setting(shared_replica: RunningReplica, tmp_path: Path) -> Setting:
    return Setting(shared_replica.environment, tmp_path)


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [name for name in programs if shutil.which(name) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {missing}")


# The table and the exit code


def judge(*cases: Case, programs: dict[str, str] | None = None) -> Judge:
    return Judge("judge", "things", lambda _setting: list(cases), programs or {}, {})


def run(monkeypatch: pytest.MonkeyPatch, one: Judge, *arguments: str) -> int:
    monkeypatch.setattr(command, "JUDGES", {"judge": one})
    monkeypatch.setattr(command, "EXPLAINED", (KNOWN,))
    return command.main(list(arguments))


def breaks() -> list[str]:
    raise RuntimeError("broke down")


@pytest.mark.parametrize(
    ("cases", "code", "words"),
    [
        ([Case("subject", lambda: ["is wrong"])], 0, "the archive does so too"),
        ([Case("subject", lambda: ["is worse"])], 1, "judge, subject: is worse"),
        ([Case("subject", lambda: [])], 1, "is explained, but no longer found"),
        ([Case("other", breaks)], 1, "judge, other: RuntimeError: broke down"),
    ],
    ids=["explained", "error", "no longer found", "judge broke down"],
)
def test_only_what_is_explained_and_still_there_may_stay(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    cases: list[Case],
    code: int,
    words: str,
) -> None:
    assert run(monkeypatch, judge(*cases)) == code
    assert words in capsys.readouterr().out


def test_a_judge_that_is_not_installed_is_named_with_its_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    absent = judge(programs={"no-such-program": "apt-get install it"})
    assert run(monkeypatch, absent) == 2
    assert "judge needs no-such-program (apt-get install it)" in capsys.readouterr().err
    assert run(monkeypatch, absent, "--allow-missing") == 0
    assert "not installed" in capsys.readouterr().out


def test_a_judge_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["nobody"])
    assert "there is no judge nobody" in capsys.readouterr().err


def test_the_table_counts_what_was_asked_and_found() -> None:
    other = replace(FINDING, text="is worse")
    found = report.table([judge()], Counter(judge=7), [FINDING, other, other], [KNOWN])
    assert found.splitlines()[2].split() == ["judge", "things", "7", "2", "1"]


@pytest.mark.parametrize("explained", EXPLAINED, ids=lambda each: each.subject)
def test_an_exception_names_a_judge_and_its_source(explained: Explained) -> None:
    assert explained.judge in command.JUDGES
    assert explained.reason.endswith(")")


def test_continuous_integration_hears_every_judge() -> None:
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text())["jobs"]
    steps = "\n".join(step.get("run", "") for step in jobs["validate"]["steps"])
    programs = {
        how.rpartition(" ")[2] for each in command.JUDGES.values() for how in each.programs.values()
    }
    there_already = {
        "awscli",
        "curl",
        "default-jre-headless",
    }  # on GitHub's machines, or with STILTS
    assert all(f" {name}" in steps for name in programs - there_already)
    assert "make validate" in steps


# S3 beside moto


def test_s3_answers_as_moto_does_but_for_what_is_explained(setting: Setting) -> None:
    cases = s3.JUDGE.cases(setting)
    assert len(cases) >= 60
    assert len({case.subject for case in cases}) == len(cases)
    found = [Finding("moto", case.subject, text) for case in cases for text in case.findings()]
    assert report.wrong(found, [each for each in EXPLAINED if each.judge == "moto"]) == []


class OtherObject(s3.S3):
    """An S3 that answers with another object."""

    def ask(self, request: s3_requests.S3Request) -> requests.Response:
        return super().ask(replace(request, key=s3_requests.CHANDRA))


class OtherFolder(s3.S3):
    """An S3 whose listings leave out keys."""

    def ask(self, request: s3_requests.S3Request) -> requests.Response:
        return super().ask(replace(request, query=f"{request.query}rs931315n00_im"))


@pytest.mark.parametrize(
    ("kind", "request_", "expected"),
    [
        (
            OtherObject,
            s3_requests.S3Request("whole", s3_requests.EVENTS),
            ["content-length", "etag", "body"],
        ),
        (
            OtherFolder,
            s3_requests.S3Request("list", query=f"list-type=2&prefix={s3_requests.ROSAT}"),
            ["parts", "order of Key"],
        ),
    ],
)
def test_an_s3_that_answers_otherwise_is_found_out(
    setting: Setting, kind: type[s3.S3], request_: s3_requests.S3Request, expected: list[str]
) -> None:
    other = kind(setting.session(), "https://s3.amazonaws.com")
    found = s3._compare(other, request_)
    assert [text.partition(":")[0] for text in found] == expected


# The field's own judges


@needs("fitsverify")
def test_fitsverify_judges_a_file_of_each_kind(setting: Setting) -> None:
    small = [each for each in fits.kinds() if each.archive == "heasarc"]
    assert {each.kind for each in small} >= {"cntr_img2", "bas", "mex"}
    assert {each.archive for each in fits.kinds()} == {each.archive for each in holdings()}
    assert [fits._verify(setting, each) for each in small] == [[]] * len(small)


@needs("fitsverify")
def test_a_file_that_is_no_fits_is_found_out(
    setting: Setting, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (product,) = select(key=f"{s3_requests.ROSAT}rs931315n00_mex.fits")
    damaged = tmp_path / "damaged.fits"
    damaged.write_bytes(ensure(product).read_bytes().replace(b"BITPIX  = ", b"BITPIX  =x", 1))
    monkeypatch.setattr(fits, "ensure", lambda _product: damaged)
    assert fits._verify(setting, product)


@needs("stilts", "keytool")
@pytest.mark.parametrize("name", ["SIA 1 of IRSA, error", "SIA 2", "DataLink of an image"])
def test_votlint_is_content(setting: Setting, name: str) -> None:
    assert votable._lint(setting, name, votable.answers()[name]) == []


@needs("stilts", "keytool")
@pytest.mark.parametrize(
    ("find", "path"),
    [
        pytest.param(partial(votable._lint, name=""), "ibe/data/none", id="votlint"),
        pytest.param(datalink._lint, "ibe/data/none", id="datalinklint"),
        pytest.param(schemas._validate, "SIA?POS=CIRCLE+1+-80+0.1", id="xsdvalidate"),
    ],
)
def test_a_document_of_another_kind_is_found_out(
    setting: Setting, find: Callable, path: str
) -> None:
    assert find(setting, url=f"https://irsa.ipac.caltech.edu/{path}")


@needs("stilts", "keytool")
def test_a_judge_that_fails_says_why(setting: Setting) -> None:
    with pytest.raises(JudgeError, match=r"xsdvalidate failed: .*FileNotFound"):
        schemas._validate(setting, "https://irsa.ipac.caltech.edu/ibe/data/none")


@needs("stilts", "keytool")
def test_the_schemas_judge_a_description(setting: Setting) -> None:
    (case,) = [each for each in schemas.JUDGE.cases(setting) if "SIA/capab" in each.subject]
    assert case.findings() == []
