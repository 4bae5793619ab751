"""Sizes and ETags that listings tell before the files are made."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest

from replica.application import application
from replica.holdings import Product, holdings, select
from replica.storage import known_files
from replica.storage.cache import digest, ensure, folder, is_made
from replica.storage.checksums import s3_etag
from replica.storage.known_files import FileFacts, facts, machine, recorded, size
from tools import file_facts

BUCKET = "nasa-heasarc"
FOLDER = "chandra/data/byobsid/1/13751/primary/"
S3 = f"https://{BUCKET}.s3.amazonaws.com"
HEASARC = "https://heasarc.gsfc.nasa.gov"
TOLD = {"size": "123456", "etag": "0123456789abcdef0123456789abcdef"}


def products() -> list[Product]:
    return [each for each in select(bucket=BUCKET) if each.key.startswith(FOLDER)]


def row(product: Product, **other: str) -> dict[str, str]:
    return {"digest": digest(product), "machine": machine(), **TOLD, **other}


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REPLICA_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, str]]:
    """A table in place of the stored one: it holds for the products of a folder."""
    rows = {product.key: row(product) for product in products()}
    monkeypatch.setattr(known_files, "recorded", lambda: rows)
    return rows


def listing() -> dict[str, tuple[str, str]]:
    """Size and ETag by key, as the bucket lists them."""
    answer = ask("GET", f"{S3}/", params={"list-type": "2", "prefix": FOLDER})
    space = {"s3": "http://s3.amazonaws.com/doc/2006-03-01/"}
    return {
        str(each.findtext("s3:Key", "", space)): (
            each.findtext("s3:Size", "", space),
            each.findtext("s3:ETag", "", space).strip('"'),
        )
        for each in ElementTree.fromstring(answer.content).findall("s3:Contents", space)
    }


def ask(method: str, url: str, **options: Any) -> httpx.Response:
    """Ask the application in this process, which sees the table that a test puts in place."""
    return asyncio.run(_answer(method, url, **options))


async def _answer(method: str, url: str, **options: Any) -> httpx.Response:
    transport = httpx.ASGITransport(application())
    async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
        return await client.request(method, url, **options)


def test_a_listing_makes_no_file_that_the_table_holds_for(
    empty_cache: Path, listed: dict[str, dict[str, str]]
) -> None:
    assert listing() == dict.fromkeys(listed, (TOLD["size"], TOLD["etag"]))
    assert not list(empty_cache.rglob("*"))


@pytest.mark.parametrize("stale", [{"digest": "0" * 16}, {"machine": "0" * 16}], ids=str)
def test_a_listing_makes_a_file_that_the_table_does_not_hold_for(
    empty_cache: Path, listed: dict[str, dict[str, str]], stale: dict[str, str]
) -> None:
    preview = next(each for each in products() if each.kind == "cntr_img2_jpg")
    listed[preview.key] = row(preview, **stale)
    found = listing()
    content = ensure(preview).read_bytes()
    assert found.pop(preview.key) == (str(len(content)), s3_etag(ensure(preview)))
    assert set(found.values()) == {(TOLD["size"], TOLD["etag"])}
    assert [path.name for path in empty_cache.glob("*.jpg")] == [ensure(preview).name]


@pytest.mark.parametrize(
    ("url", "etag"),
    [(S3, TOLD["etag"]), (f"{HEASARC}/FTP", digest(products()[0]))],
    ids=["S3", "the archive's own server"],
)
def test_a_head_makes_no_file_and_a_get_does(
    empty_cache: Path, listed: dict[str, dict[str, str]], url: str, etag: str
) -> None:
    address = f"{url}/{products()[0].key}"
    told = ask("HEAD", address).headers
    assert (told["content-length"], told["etag"]) == (TOLD["size"], f'"{etag}"')
    assert not list(empty_cache.rglob("*"))
    sent = ask("GET", address)
    assert len(sent.content) == int(sent.headers["content-length"])
    # But for the two facts that the test's table invents, and the numbers of the request.
    same = set(told) - {"content-length", "etag", "x-amz-request-id", "x-amz-id-2"}
    assert {name: told[name] for name in same} == {name: sent.headers[name] for name in same}


@pytest.mark.parametrize(
    "more",
    [
        {"headers": {"Range": "bytes=0-9"}},
        {"headers": {"If-Match": TOLD["etag"]}},
        {"headers": {"x-amz-checksum-mode": "ENABLED"}},
        {"params": {"partNumber": "1"}},
    ],
    ids=["range", "condition", "checksum", "part"],
)
def test_a_head_that_asks_more_than_the_table_tells_makes_the_file(
    empty_cache: Path, listed: dict[str, dict[str, str]], more: dict[str, Any]
) -> None:
    preview = next(each for each in products() if each.kind == "cntr_img2_jpg")
    ask("HEAD", f"{S3}/{preview.key}", **more)
    assert is_made(preview)


def test_links_tell_sizes_and_make_no_file(
    empty_cache: Path, listed: dict[str, dict[str, str]]
) -> None:
    address = f"{HEASARC}/xamin/vo/datalink?id=ivo://nasa.heasarc/chanmaster?13751/chandra.obs"
    assert ask("GET", address).text.count(f"<TD>{TOLD['size']}</TD>") == len(listed)
    assert not list(empty_cache.rglob("*"))


def test_the_file_itself_counts_more_than_the_table(
    empty_cache: Path, listed: dict[str, dict[str, str]]
) -> None:
    preview = next(each for each in products() if each.kind == "cntr_img2_jpg")
    assert facts(preview) == FileFacts(int(TOLD["size"]), TOLD["etag"])
    path = ensure(preview)
    assert facts(preview) == FileFacts(path.stat().st_size, s3_etag(path))


def test_the_stored_table_agrees_with_the_files_that_are_made() -> None:
    """Where it says that it holds: a machine that computes otherwise makes its own files."""
    for product in holdings():
        known = recorded().get(product.key)
        if (
            known
            and is_made(product)
            and (known["digest"], known["machine"])
            == (
                digest(product),
                machine(),
            )
        ):
            path = ensure(product)
            told = (int(known["size"]), known["etag"])
            assert told == (path.stat().st_size, s3_etag(path)), product.key


@pytest.mark.slow
def test_the_stored_table_is_of_todays_simulators() -> None:
    """Otherwise ``make file-facts`` is due: first listings make files again."""
    assert [each.key for each in holdings() if not file_facts.holds(each)] == []


def test_the_sample_of_a_machine_is_the_same_in_each_process() -> None:
    script = "from replica.storage.known_files import machine; print(machine())"
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert said.stdout.strip() == machine()


def test_the_tool_writes_rows_and_keeps_those_that_hold(
    empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    preview = next(each for each in products() if each.kind == "cntr_img2_jpg")
    kept = next(each for each in products() if each.kind == "cntr_img2")
    rows = {kept.key: {"key": kept.key, **row(kept)}}
    monkeypatch.setattr(known_files, "recorded", lambda: rows)
    monkeypatch.setattr(file_facts, "recorded", lambda: rows)
    monkeypatch.setattr(file_facts, "TABLE", tmp_path / "table.csv")
    assert file_facts.main([preview.key]) == 0
    lines = (tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()
    path = ensure(preview)
    expected = [preview.key, digest(preview), machine(), str(path.stat().st_size), s3_etag(path)]
    assert lines[0] == "key,digest,machine,size,etag"
    assert sorted(lines[1:]) == sorted([",".join(rows[kept.key].values()), ",".join(expected)])
    assert folder() == tmp_path


def test_the_size_of_a_made_file_is_told_without_reading_it(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = min(products(), key=lambda each: each.key)
    path = ensure(product)
    monkeypatch.setattr(Path, "open", None)
    assert size(product) == path.stat().st_size
