"""The drift check finds every mutation of a second replica, and tells drift from outage."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import astropy.units as u
import pytest
import pyvo
import requests
import s3fs
from astropy.coordinates import SkyCoord
from astroquery.mast import ObservationsClass
from mutations import (
    EXPECTED,
    MUTATIONS,
    Difference,
    Mutation,
    copy_of_source,
    edit,
    edit_data,
    from_copy,
    linked_cache,
)
from pyvo.registry import regtap
from replicas import ROOT, RunningReplica, replica

from replica.check.answers import UnreadableError, digits_aside
from replica.check.comparison import Comparison, compare
from replica.check.question import Question
from replica.check.questions import QUESTIONS
from replica.check.report import Report
from replica.check.source import UnreachableError, behind

pytestmark = pytest.mark.usefixtures("shared_replica")


@dataclass(frozen=True)
class Outcome:
    """What one run of the check said."""

    code: int
    markdown: str
    errors: str
    report: dict

    def of(self, question: str) -> dict:
        return next(each for each in self.report["questions"] if each["question"] == question)

    def named(self, verdict: str) -> set[str]:
        return {e["question"] for e in self.report["questions"] if e["verdict"] == verdict}

    def differences(self) -> set[Difference]:
        return {
            (each["question"], kind, fact)
            for each in self.report["questions"]
            for kind in ("new", "gone", "changed")
            for fact in each[kind]
        }


def run_check(folder: Path, *options: str, **environment: str) -> Outcome:
    report = folder / "report.json"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "replica", "check", "--json", str(report), *options]
    variables = os.environ | environment
    done = subprocess.run(
        command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    facts = json.loads(report.read_text()) if report.exists() else {}
    return Outcome(done.returncode, done.stdout, done.stderr, facts)


def check_against(source: RunningReplica, folder: Path) -> Outcome:
    certificate = source.environment["SSL_CERT_FILE"]
    return run_check(folder, "--against", source.proxy, "--certificate", certificate)


@pytest.fixture(scope="module")
def untouched(shared_replica: RunningReplica, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return check_against(shared_replica, tmp_path_factory.mktemp("untouched"))


def test_an_untouched_replica_is_the_same(untouched: Outcome):
    assert untouched.code == 0, untouched.markdown + untouched.errors
    assert untouched.differences() == set()
    assert untouched.named("same") == {question.name for question in QUESTIONS}
    assert "**Same**" in untouched.markdown


# Drift


@pytest.fixture(scope="module")
def altered_environment(
    untouched: Outcome, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, str]:
    """All mutations at once; `untouched` has seen to it that the data are there."""
    folder = copy_of_source(tmp_path_factory.mktemp("altered"))
    cache = linked_cache(folder)
    for mutation in MUTATIONS.values():
        if (folder / "replica" / mutation.file).exists():
            edit(folder, mutation)
        else:
            edit_data(cache, mutation)
    return from_copy(folder) | {"REPLICA_CACHE": str(cache)}


@pytest.fixture(scope="module")
def altered(
    altered_environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Outcome:
    folder = tmp_path_factory.mktemp("altered-check")
    with replica(folder, **altered_environment) as source:
        return check_against(source, folder)


@pytest.mark.parametrize("name", MUTATIONS)
def test_an_alteration_is_found_and_named(altered: Outcome, name: str):
    assert set(MUTATIONS[name].shown) <= altered.differences()


def test_nothing_but_the_alterations_is_found(altered: Outcome):
    assert altered.differences() == EXPECTED
    assert altered.code == 10, altered.errors


def test_every_question_is_altered_once_at_least():
    altered = {question for question, _, _ in EXPECTED}
    missing = {question.name for question in QUESTIONS} - altered
    assert not missing, "write an alteration that shows it into MUTATIONS of tests/mutations.py"
    assert len(altered) == len(QUESTIONS)


def test_the_report_shows_both_sides_of_a_change(altered: Outcome):
    assert (
        "| changed | field sia_naxes | int, ucd VOX:Image_Naxes | long, ucd VOX:Image_Naxes |"
        in altered.markdown
    )
    assert "| gone | field magzpunc | double |  |" in altered.markdown
    assert re.search(r"\| Chandra file \| drift \| \d+ \| 0 \| 0 \| 1 \|", altered.markdown)


@pytest.mark.slow  # what is lost is among the alterations, what depends on it among the outages
def test_lost_rows_are_gone_and_what_depends_on_them_is_drift(tmp_path: Path):
    folder = copy_of_source(tmp_path)
    edit(
        folder,
        Mutation("archives/irsa/image_search_1.py", "if query.matches(image)]", "if False]", ()),
    )
    with replica(tmp_path, **from_copy(folder)) as source:
        found = check_against(source, tmp_path)
    assert found.code == 10
    assert {"rows", "row with sia_bp_id W1"} <= set(found.of("IRSA image search")["gone"])
    assert found.named("drift") == {
        *("IRSA image search", "AllWISE folder", "AllWISE header", "IRSA cutout")
    }
    assert "IRSA image search did not tell" in found.of("AllWISE header")["not_asked"]


@pytest.mark.slow
def test_a_service_that_says_no_is_drift(tmp_path: Path):
    moved = ("404,path=/xamin/vo/datalink*", "403,path=/rosat/*", "301,path=/api/v0.1/*")
    with replica(tmp_path, *(word for each in moved for word in ("--fault", each))) as source:
        found = check_against(source, tmp_path)
    assert found.code == 10
    assert found.of("HEASARC links")["changed"]["HTTP status"] == ["200", "404"]
    assert found.of("ROSAT file")["changed"]["HTTP status"] == ["200", "403"]
    assert found.of("MAST path look-up")["changed"]["HTTP status"] == ["200", "301"]


# Outage

FAULTS = {
    "503,host=irsa.ipac.caltech.edu": (
        "IRSA image search",
        "irsa.ipac.caltech.edu",
        "status 503 Service Unavailable",
    ),
    "429,host=mast.stsci.edu,path=*columnsconfig": (
        "MAST columns of products",
        "mast.stsci.edu",
        "status 429 Too Many Requests",
    ),
    "html,host=reg.g-vo.org,path=*capabilities": (
        "registry capabilities",
        "reg.g-vo.org",
        "an HTML page in place of data",
    ),
    "empty,host=mastresolver.stsci.edu": (
        "MAST name resolver",
        "mastresolver.stsci.edu",
        "an empty answer",
    ),
    "short-body,host=heasarc.gsfc.nasa.gov": (
        "HEASARC image search",
        "heasarc.gsfc.nasa.gov",
        "the answer broke off",
    ),
    "reset,host=nasa-heasarc.s3.amazonaws.com": (
        "ROSAT file",
        "nasa-heasarc.s3.amazonaws.com",
        "connection reset",
    ),
}


@pytest.fixture(scope="module")
def outage(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("outage")
    with replica(folder, *(word for fault in FAULTS for word in ("--fault", fault))) as source:
        return check_against(source, folder)


@pytest.mark.parametrize("fault", FAULTS)
def test_an_outage_names_host_and_failure(outage: Outcome, fault: str):
    question, host, failure = FAULTS[fault]
    found = outage.of(question)
    assert (found["verdict"], found["host"], found["failure"]) == ("unreachable", host, failure)
    assert f"| {host} | {failure} | {question} |" in outage.markdown


def test_an_outage_is_no_drift(outage: Outcome):
    assert outage.code == 20
    assert outage.differences() == set()
    assert outage.named("drift") == set()
    assert {"MAST observations", "MAST products", "Pan-STARRS header"} <= outage.named("same")


def test_what_waits_for_an_unreachable_service_is_unreachable_too(outage: Outcome):
    assert {"AllWISE folder", "AllWISE header", "Chandra file"} <= outage.named("unreachable")
    assert "IRSA image search did not tell" in outage.of("AllWISE header")["not_asked"]


@pytest.mark.slow
def test_drift_and_outage_give_the_sum_of_their_codes(
    altered_environment: dict[str, str], tmp_path: Path
):
    fault = "503,host=mastresolver.stsci.edu"
    with replica(tmp_path, "--fault", fault, **altered_environment) as source:
        found = check_against(source, tmp_path)
    assert found.code == 30
    assert found.named("unreachable") == {"MAST name resolver"}
    assert found.differences() == {each for each in EXPECTED if each[0] != "MAST name resolver"}


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port on which nobody listens, and that nobody else can take."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.mark.parametrize(
    ("proxy", "failure"),
    [
        ("http://127.0.0.1:{port}", "connection refused (at the proxy)"),
        pytest.param(
            "http://no-such-host.invalid:{port}",
            "DNS does not know the name (at the proxy)",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_no_way_to_any_host_is_an_outage_of_all(
    shared_replica: RunningReplica, tmp_path: Path, closed_port: int, proxy: str, failure: str
):
    certificate = shared_replica.environment["SSL_CERT_FILE"]
    there = proxy.format(port=closed_port)
    found = run_check(tmp_path, "--against", there, "--certificate", certificate)
    assert found.code == 20
    assert len(found.named("unreachable")) == len(QUESTIONS)
    assert found.of("IRSA image search")["failure"] == failure


def source_of(running: RunningReplica, patience: float):
    certificate = Path(running.environment["SSL_CERT_FILE"])
    return behind(running.proxy, certificate, "a replica", patience)


def test_a_service_that_keeps_silent_is_given_up(tmp_path: Path):
    with replica(tmp_path, "--fault", "stall") as source, pytest.raises(UnreachableError) as caught:
        source_of(source, patience=0.3).ask(QUESTIONS[0], {})
    assert (caught.value.host, caught.value.failure) == ("irsa.ipac.caltech.edu", "timeout")


def test_a_certificate_that_is_not_trusted_is_an_outage(
    shared_replica: RunningReplica, tmp_path: Path
):
    with replica(tmp_path) as other:
        stranger = Path(other.environment["SSL_CERT_FILE"])
        source = behind(shared_replica.proxy, stranger, "a replica")
        with pytest.raises(UnreachableError, match=r"irsa.*SSLError: .*CERTIFICATE_VERIFY_FAILED"):
            source.ask(QUESTIONS[0], {})


def test_a_replica_that_fails_is_no_outage_of_the_archives(
    shared_replica: RunningReplica, tmp_path: Path
):
    no_folder = tmp_path / "file"
    no_folder.touch()
    certificate = shared_replica.environment["SSL_CERT_FILE"]
    there = ("--against", shared_replica.proxy, "--certificate", certificate)
    found = run_check(tmp_path, *there, REPLICA_CACHE=str(no_folder))
    assert found.code == 1
    assert "the replica itself does not answer: AllWISE" in found.errors


# The questions are those of the notebooks


def normal(request: requests.PreparedRequest) -> tuple:
    """What is asked, without what differs from call to call."""
    url = urlsplit(request.url)
    body = request.body.decode() if isinstance(request.body, bytes) else request.body
    form = {name: " ".join(text.split()) for name, text in parse_qsl(body or "")}
    if "request" in form:
        asked = json.loads(form["request"])
        asked.pop("cacheBreaker", None)
        form["request"] = json.dumps(asked, sort_keys=True)
    query = sorted(parse_qsl(url.query, keep_blank_values=True))
    form["QUERY"] = re.sub(r"\s+(?=[,)])|(?<=[(])\s+", "", form.get("QUERY", ""))
    return request.method, url.hostname, url.path, tuple(query), tuple(sorted(form.items()))


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """All that `requests` sends, seen on its way."""
    seen: list[tuple] = []
    send = requests.Session.send

    def watched(session: requests.Session, request: requests.PreparedRequest, **options):
        seen.append(normal(request))
        return send(session, request, **options)

    monkeypatch.setattr(requests.Session, "send", watched)
    return seen


def ask_as_the_notebooks_do() -> None:
    crab = SkyCoord(83.633210, 22.014460, unit="deg", frame="icrs")
    nebula_diameter = 0.0889 * u.deg
    allwise = pyvo.dal.SIAService("https://irsa.ipac.caltech.edu/ibe/sia/wise/allwise/p3am_cdd?")
    allwise.search(pos=crab, size=nebula_diameter)
    services = pyvo.registry.search(servicetype="sia", keywords="chandra")
    chandra = services["ivo://nasa.heasarc/chanmaster"]
    for row in chandra.search(pos=crab, size=nebula_diameter / 2, format="image/fits"):
        if row["obsid"] == "4607" and row["obs_title"] == "Center Image":
            row.getdatalink()
    mast = ObservationsClass()
    mast.enable_cloud_dataset(provider="AWS", verbose=False)
    observations = mast.query_criteria(
        coordinates=crab, radius=nebula_diameter / 10, obs_collection="PS1", instrument_name="GPC1"
    )
    products = mast.get_product_list(observations[observations["filters"] == "r"])
    science = mast.filter_products(products, productType="SCIENCE", extension="fits")
    mast.get_cloud_uris(science)


def ask_all(source: RunningReplica) -> None:
    captures: dict[str, str] = {}
    for question in QUESTIONS:
        captures |= source_of(source, patience=600).ask(question, captures).captures


def test_the_services_are_asked_what_the_notebooks_ask(
    shared_replica: RunningReplica, sent: list[tuple]
):
    # As a new program: pyvo asks for the registry's capabilities only the first time.
    regtap.get_RegTAP_service.cache_clear()
    ask_as_the_notebooks_do()
    by_notebooks = set(sent)
    sent.clear()
    ask_all(shared_replica)
    own = {each for each in sent if not each[1].endswith(".amazonaws.com")}
    # The notebooks give positions, look at the object store and at Pan-STARRS only; readers also
    # give names, search by cone, query tables, cut out on the server, and look at Hubble.
    # An archive that no notebook asks may ask for what it likes.
    asked = {host for _, host, *_ in by_notebooks} | {"mastresolver.stsci.edu"}
    own = {each for each in own if each[1] in asked}
    more = {(host, path.split("/")[1]) for _, host, path, *_ in own - by_notebooks}
    assert more == {
        ("mastresolver.stsci.edu", "Santa-war"),
        ("heasarc.gsfc.nasa.gov", "xamin"),
        ("irsa.ipac.caltech.edu", "SIA"),
        ("irsa.ipac.caltech.edu", "TAP"),
        ("irsa.ipac.caltech.edu", "ibe"),
        ("mast.stsci.edu", "api"),
        ("mast.stsci.edu", "portal"),
        ("mast.stsci.edu", "vo-tap"),
    }


def test_the_buckets_are_listed_as_s3fs_lists_them(shared_replica: RunningReplica):
    def listings(entries: list[dict]) -> set[tuple]:
        urls = [(each["host"], urlsplit(each["path"])) for each in entries]
        return {(host, url.path, url.query) for host, url in urls if "list-type" in url.query}

    with shared_replica.requests_inside() as by_s3fs:
        bucket = s3fs.S3FileSystem(anon=True, skip_instance_cache=True)
        bucket.ls("nasa-irsa-wise/wise/allwise/images/p3am_cdd/08/0830/0830p227_ac51")
        bucket.ls("nasa-heasarc/rosat/data/pspc/processed_data/900000/rs931315n00")
    with shared_replica.requests_inside() as by_check:
        ask_all(shared_replica)
    assert listings(by_check) == listings(by_s3fs) != set()


# Parts


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
@pytest.mark.parametrize("content", [b"\x00\x01\x02", b"[1, 2]", b"<a><b/></a>", b'{"a": ['])
def test_what_is_not_the_expected_format_is_unreadable(question: Question, content: bytes):
    with pytest.raises(UnreadableError):
        question.read(content)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("ps1/1784/059/cell.1784.fits", "ps#/#/#/cell.#.fits"),
        ("us-west-2", "us-west-2"),
        ("nasa-irsa-euclid-q1", "nasa-irsa-euclid-q1"),
    ],
)
def test_digits_are_set_aside_in_keys_only(text: str, form: str):
    assert digits_aside(text) == form


@pytest.mark.parametrize(
    ("replica_says", "asked_says", "expected"),
    [
        ({"a": "1"}, {"a": "1"}, ("same", 1, {}, {}, {})),
        ({"a": "1"}, {"a": "2"}, ("drift", 0, {}, {}, {"a": ("1", "2")})),
        ({"a": "1"}, {}, ("drift", 0, {}, {"a": "1"}, {})),
        ({}, {"a": "2"}, ("drift", 0, {"a": "2"}, {}, {})),
    ],
)
def test_facts_are_the_same_new_gone_or_changed(
    replica_says: dict[str, str], asked_says: dict[str, str], expected: tuple
):
    found = compare("question", replica_says, asked_says)
    assert (found.verdict, found.same, found.new, found.gone, found.changed) == expected


def test_what_a_service_says_cannot_break_the_report():
    hostile = "a | b\n| <img src=x> @everyone"
    drifted = Comparison("question", "drift", new={"field": hostile})
    text = Report("a source", "2026-01-01", [drifted]).as_markdown()
    row = next(line for line in text.splitlines() if line.startswith("| new"))
    assert row == "| new | field |  | a &#124; b &#124; &lt;img src=x> &#64;everyone |"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--against", "http://127.0.0.1:1"], "--against and --certificate belong together"),
        ([], "the proxies of this environment lead to a replica"),
    ],
)
def test_a_check_that_could_mislead_is_refused(tmp_path: Path, options: list, message: str):
    found = run_check(tmp_path, *options)
    assert found.code == 2
    assert message in found.errors


def test_help_tells_the_exit_codes():
    command = [sys.executable, "-m", "replica", "check", "--help"]
    text = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for code in ("0  ", "10 ", "20 ", "30 "):
        assert f"\n  {code}" in text
