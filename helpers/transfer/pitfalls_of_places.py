"""Pitfalls in where data are read: whose server, which region, with which credentials."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import PurePosixPath

from helpers.cloud.locating import cloud_location
from helpers.cloud.url_rules import REGIONS
from helpers.errors import CloudLocationError
from helpers.transfer.advice import (
    FOR_S3,
    Advice,
    Facts,
    advise,
    by_line,
    grouped,
    megabytes,
    received,
)
from helpers.transfer.callers import Line
from helpers.transfer.record import Record
from helpers.transfer.request import bucket_of, region_of

#: Bytes from another region below this are cheap.
WORTH = 1_000_000
#: How the names of IRSA's open buckets begin.
_OPEN = ("nasa-irsa-", "ipac-irsa-")
#: Where AWS's own tools look for the region that they run in.
_HERE = ("AWS_REGION", "AWS_DEFAULT_REGION")


def credentials(facts: Facts) -> Iterator[Advice]:
    """Credentials looked up for a bucket that is open to anyone."""
    signed = [record for record in facts.records if record.signed and bucket_of(record)]
    open_buckets = [record for record in signed if _is_open(bucket_of(record))]
    asked = [record for record in facts.records if facts.kind(record) == "credentials"]
    if signed and not open_buckets:
        return  # they were needed
    lines: dict[Line, str] = {
        caller.line: "botocore looked for credentials" for caller in facts.lookups
    }
    lines |= {record.caller.line: f"{record.host} was asked for credentials" for record in asked}
    if not lines:
        lines = {
            record.caller.line: f"a signed request to {bucket_of(record)}"
            for record in open_buckets
        }
    for line, seen in lines.items():
        yield advise(
            "credentials for an open bucket",
            line,
            f"{seen}; NASA's open buckets need none",
            "s3fs.S3FileSystem(anon=True)  # boto3: config=Config(signature_version=UNSIGNED)",
            requests=1,
        )


def _is_open(bucket: str) -> bool:
    return bucket in REGIONS or bucket.startswith(_OPEN)


def own_server(facts: Facts) -> Iterator[Advice]:
    """A file from the archive's own server that is in the cloud too."""
    refused = {
        PurePosixPath(record.file.address).name: record
        for record in facts.records
        if bucket_of(record) and record.status in (403, 404)
    }
    for record in _one_a_line(record for record in facts.content if not bucket_of(record)):
        copy = _cloud_copy(record)
        failed = refused.get(record.file.name)
        if copy or (failed and failed.began < record.began):
            why = f"its copy is at {copy}" if copy else "after the cloud had refused it"
            yield advise(
                "archive's own server instead of the cloud",
                record.caller.line,
                f"{record.file.name} came from {record.host}; {why}",
                _from_cloud(record, copy),
                bytes=record.received,
            )


def _one_a_line(records: Iterator[Record]) -> Iterator[Record]:
    for found in grouped(records, lambda record: (record.caller.line, record.file)).values():
        yield found[0]


def _cloud_copy(record: Record) -> str:
    try:
        location = cloud_location(record.url)
    except CloudLocationError:
        return ""
    return location.uri if location.in_cloud else ""


def _from_cloud(record: Record, copy: str) -> str:
    if not copy:
        return 'helpers.cloud_location(row, require="cloud")  # an error instead of a fall-back'
    if record.file.layout.is_fits:
        return f'fits.open("{copy}", fsspec_kwargs={FOR_S3})'
    return f's3fs.S3FileSystem(anon=True).cat_file("{copy}")'


def other_region(facts: Facts) -> Iterator[Advice]:
    """Bytes that cross from one region into another, or a request sent to the wrong one."""
    here = next((os.environ[name] for name in _HERE if os.environ.get(name)), "")
    for line, records in by_line(x for x in facts.records if bucket_of(x)).items():
        for region, found in grouped(records, region_of).items():
            strays = [record for record in found if record.status == 301]
            moved = received(x for x in found if facts.kind(x) == "file")
            if region and here and region != here and moved >= WORTH:
                yield advise(
                    "read across regions",
                    line,
                    f"{megabytes(moved)} came from {bucket_of(found[0])} in {region} to {here}",
                    f'helpers.cloud_location(row, require="{here}")  # or run it in {region}',
                    bytes=moved,
                )
            elif strays and region:
                yield advise(
                    "read across regions",
                    line,
                    f"{len(strays)} requests went to the wrong region; the bucket is in {region}",
                    f'boto3.client("s3", region_name="{region}")',
                    requests=len(strays),
                )


DETECTORS = (credentials, own_server, other_region)
