"""Pitfalls in how requests follow each other."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from helpers.transfer.advice import Advice, Facts, advise, grouped, one_by_one
from helpers.transfer.callers import Line
from helpers.transfer.record import Record, RemoteFile
from helpers.transfer.source_code import in_loop

#: A question before so many reads is one before each.
OFTEN = 3
#: Connections, and requests that could go at once: fewer are not worth a word.
MANY = 5

Lines = tuple[Line, ...]


def metadata_each(facts: Facts) -> Iterator[Advice]:
    """A HEAD or a listing before each read."""
    pairs = list(_questions_before_reads(facts))
    reads = {file: len(records) for file, records in facts.files.items()}
    for lines, found in grouped(pairs, lambda pair: pair[0].caller.lines).items():
        question, files = found[0][0], {record.file for _, record in found}
        opens = "AbstractFileSystem.open" in question.caller.via
        # To open one file again and again is another pitfall.
        number = len(files) if opens else len(found)
        # Where a file takes many reads anyway, one question more is cheap.
        if number < OFTEN or sum(reads[file] for file in files) > 1.5 * len(found):
            continue
        what = "listing" if facts.kind(question) == "listing" else question.method
        yield advise(
            "metadata asked for before each read",
            lines[0] if lines else ("", 0),
            f"a {what} came before each of {len(found)} reads: twice the round trips",
            _without_question(question),
            requests=len(found),
        )


def _questions_before_reads(facts: Facts) -> Iterator[tuple[Record, Record]]:
    """Yield a question about a file together with the read that follows it."""
    asked: dict[str, Record] = {}
    seen: set[int] = set()
    for record in facts.records:
        kind = facts.kind(record)
        if kind in ("metadata", "listing"):
            asked[_subject(record)] = record
        elif kind == "file" and record.span:
            for subject, question in list(asked.items()):
                if record.file.address.startswith(subject) and id(question) not in seen:
                    seen.add(id(question))
                    del asked[subject]
                    yield question, record


def _subject(record: Record) -> str:
    """Address of the file, or of the beginning of the names that are listed."""
    prefix = parse_qs(urlsplit(record.url).query).get("prefix")
    if not prefix:
        return record.file.address
    return f"{record.file.address.rstrip('/')}/{prefix[0]}"


def _without_question(question: Record) -> str:
    if "BaseClient._make_api_call" in question.caller.via:
        return 'client.get_object(Bucket=bucket, Key=key)["Body"].read()  # it tells the size too'
    if question.file.address.startswith("s3://"):
        return "fs.cat_file(path, start=0)  # with a start, s3fs does not ask for the size first"
    return "session.get(url)  # status and headers come with the answer"


def new_connections(facts: Facts) -> Iterator[Advice]:
    """A new session for each request, so a new connection."""
    mine = [record for record in facts.records if not record.caller.by_helpers]
    for (lines, host), records in grouped(mine, lambda x: (x.caller.lines, x.host)).items():
        new = [record for record in records if record.new_connection and not record.server_closes]
        if len(new) >= max(MANY, 0.75 * len(records)) and one_by_one(new):
            yield advise(
                "new session for each request",
                lines[0] if lines else ("", 0),
                f"{len(new)} requests to {host} opened a new connection each",
                _one_session(new[0]),
                # A connection and its encryption take two round trips more.
                requests=2 * (len(new) - 1),
            )


def _one_session(record: Record) -> str:
    via = record.caller.via
    if "BaseClient._make_api_call" in via:
        return "client = boto3.client('s3', config=Config(signature_version=UNSIGNED))  # once"
    if any(
        name.startswith(("S3FileSystem", "AsyncFileSystem", "AbstractFileSystem")) for name in via
    ):
        return "fs = s3fs.S3FileSystem(anon=True)  # once, before the loop"
    return "session = requests.Session()  # once, before the loop; then session.get(url)"


def one_after_another(facts: Facts) -> Iterator[Advice]:
    """Reads that do not need each other, in a loop."""
    for lines, records in grouped(_independent(facts), lambda x: x.caller.lines).items():
        if len(records) < MANY or not one_by_one(records) or not in_loop(lines):
            continue
        waited = sum(record.first - record.began for record in records)
        yield advise(
            "one request after the other",
            lines[0],
            f"{len(records)} reads that do not need each other waited {waited:.2f} s in turn",
            "with ThreadPoolExecutor(16) as pool: results = list(pool.map(read, addresses))",
            # Sixteen at once wait as long as one.
            requests=len(records) - 1 - len(records) // 16,
        )


def _independent(facts: Facts) -> Iterator[Record]:
    """Yield the first read of each file by each line, each range by hand, each query."""
    seen: set[tuple[Lines, RemoteFile | tuple[str, int | None]]] = set()
    for record in facts.records:
        if not record.first or facts.kind(record) not in ("file", "service query"):
            continue
        what = record.file if record.opening else (record.url, record.start)
        if (key := (record.caller.lines, what)) not in seen:
            seen.add(key)
            yield record


DETECTORS = (metadata_each, new_connections, one_after_another)
