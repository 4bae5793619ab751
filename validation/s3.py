"""moto, an S3 that nobody of this project wrote, beside the replica's."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import requests

from replica.holdings import buckets, select
from replica.storage.cache import ensure
from replica.storage.checksums import PART_SIZE
from validation import s3_requests
from validation.judging import Case, Judge, Setting
from validation.s3_requests import S3Request

#: Headers that clients act on.  moto's server sends every answer with CORS headers, and none
#: with a request's number.
_HEADERS = (
    *("content-type", "content-length", "content-range", "accept-ranges", "etag"),
    *("x-amz-checksum-crc32", "x-amz-mp-parts-count"),
)
#: What says who and when, and whose bucket it is, which cannot be the same; and checksums, of
#: which moto tells in one of the two versions of listings.
_VARYING = (
    *("LastModified", "RequestId", "RequestID", "HostId", "Owner", "Resource", "Message"),
    *("ChecksumAlgorithm", "ChecksumType"),
)


#: Objects that requests show; of the others, listings show the folder alone, so moto's are empty.
_SHOWN = (s3_requests.ROSAT, s3_requests.CHANDRA, s3_requests.LARGE)


@dataclass(frozen=True)
class S3:
    """One of the two: how it is asked."""

    session: requests.Session
    template: str

    def ask(self, request: S3Request) -> requests.Response:
        """Send a request, by path: the same for both."""
        url = f"{self.template}/{request.bucket}/{request.key}"
        url += f"?{request.query}" if request.query else ""
        headers = dict(request.headers)
        if any("{etag}" in value for value in headers.values()):
            etag = self.session.head(url, timeout=60).headers["etag"]
            headers = {name: value.replace("{etag}", etag) for name, value in headers.items()}
        return self.session.request(request.method, url, headers=headers, timeout=60)


def _cases(setting: Setting) -> list[Case]:
    ours = S3(setting.session(), "https://s3.amazonaws.com")
    return [Case(each.name, partial(_compare, ours, each)) for each in s3_requests.requests()]


def _compare(ours: S3, request: S3Request) -> list[str]:
    answer, other_answer = ours.ask(request), _moto().ask(request)
    if (status := _status(answer)) != (other_status := _status(other_answer)):
        return [f"status: {status}, moto {other_status}"]
    one, other = _facts(answer), _facts(other_answer)
    return [
        f"{name}: {_differences(one.get(name), other.get(name))}"
        for name in one | other
        if one.get(name) != other.get(name)
    ]


def _status(answer: requests.Response) -> str:
    """The status, and the code of S3's errors."""
    code = re.search(rb"<Code>(\w+)</Code>", answer.content[:2000])
    return f"{answer.status_code} {code[1].decode() if code else ''}".rstrip()


def _differences(one: object, other: object) -> str:
    """Show two values; of lists, what is in one of them only."""
    if isinstance(one, list) and isinstance(other, list) and set(one) != set(other):
        one, other = [x for x in one if x not in other], [x for x in other if x not in one]
    return f"{_short(one)}, moto {_short(other)}"


def _facts(answer: requests.Response) -> dict[str, object]:
    """What matters of an answer: headers that clients act on, and the body."""
    if answer.status_code == 304:
        return {"etag": answer.headers.get("etag"), "body": answer.content}
    if answer.headers.get("content-type", "").endswith("xml"):
        return _document(answer.content) if answer.content else {}
    if not answer.ok:
        return {}
    facts: dict[str, object] = {name: answer.headers.get(name) for name in _HEADERS}
    return facts | {"last-modified": "last-modified" in answer.headers, "body": answer.content}


def _document(content: bytes) -> dict[str, object]:
    """An XML document: what its elements say, and its keys and prefixes in order."""
    root = ElementTree.fromstring(content)
    parts = sorted(str(part) for part in _parts(root))
    facts: dict[str, object] = {_name(root): root.text, "parts": parts}
    for name in ("Key", "Prefix"):
        facts[f"order of {name}"] = [part.text or "" for part in root.iterfind(f"*/{{*}}{name}")]
    return facts


def _parts(element: ElementTree.Element) -> list[object]:
    """The elements inside, without what varies and what is empty; of a token, only its name."""
    found: list[object] = []
    for part in sorted(element, key=_name):
        text = "..." if _name(part) == "NextContinuationToken" else part.text
        inside = _parts(part) if len(part) else text
        if inside and _name(part) not in _VARYING:
            found.append((_name(part), inside))
    return found


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _short(value: object) -> str:
    return re.sub(r"\s+", " ", repr(value))[:300]


@cache
def _moto() -> S3:
    """Start moto in this process, with all keys of one bucket and a large object of another."""
    from moto.server import ThreadedMotoServer

    # Its server writes a line for each request, and a traceback for what it cannot.
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    _fill(url)
    session = requests.Session()
    session.trust_env = False
    return S3(session, url)


def _fill(url: str) -> None:
    client = client_of(url)
    for bucket in (s3_requests.BUCKET, s3_requests.LARGE_BUCKET):
        region = buckets()[bucket]
        place = {"CreateBucketConfiguration": {"LocationConstraint": region}}
        more = {} if region == "us-east-1" else place
        client.create_bucket(Bucket=bucket, ACL="public-read", **more)
    products = select(bucket=s3_requests.BUCKET)
    products += select(bucket=s3_requests.LARGE_BUCKET, key=s3_requests.LARGE)
    for product in products:
        if product.key.startswith(_SHOWN):
            _upload(client, product.bucket, product.key, ensure(product))
        else:
            client.put_object(Bucket=product.bucket, Key=product.key, ACL="public-read")


def client_of(url: str) -> Any:
    """Return boto3's client of an S3 that needs no certificate."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
        config=Config(proxies={}),
    )


def _upload(client: Any, bucket: str, key: str, path: Path) -> None:
    """Upload as the AWS CLI does: what is large, in parts."""
    from boto3.s3.transfer import TransferConfig

    client.upload_file(
        str(path),
        bucket,
        key,
        ExtraArgs={
            "ACL": "public-read",
            "ContentType": "binary/octet-stream",
            "ChecksumAlgorithm": "CRC32",
        },
        Config=TransferConfig(multipart_threshold=PART_SIZE, multipart_chunksize=PART_SIZE),
    )


JUDGE = Judge(
    "moto",
    "S3, request by request",
    _cases,
    {},
    {name: "pip install 'moto[server]'" for name in ("moto", "flask_cors")},
)
