"""What makes two requests the same question: method, URL and body in a normal form."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

#: Longest body of a request that is forwarded or compared, bytes.
UPLOAD_LIMIT = 32 * 2**20
#: Longest body of a request that the index shows in full, characters.
SHOWN = 2000
#: Headers of a request that ask for a part of an answer, or for one only if it changed.
CONDITIONS = (
    *("range", "if-range", "if-match", "if-none-match"),
    *("if-modified-since", "if-unmodified-since"),
)

#: Parameters with a random value that keeps caches from answering (`astroquery.mast`, jQuery).
_CACHE_BREAKER = re.compile(r"cache_?breaker=.*|cache_?buster=.*|_=\d{10,}", re.IGNORECASE)

Pairs = list[tuple[str, str]]
CleanPairs = Callable[[Pairs], Pairs]


@dataclass(frozen=True)
class Question:
    """A request, as far as it decides about the answer.

    Attributes
    ----------
    method, url : str
        The URL has its parameters in the order of their names, without secrets.
    body : str
        The body in a normal form; of a long one its beginning.
    digest : str
        Checksum of the body's normal form; empty without a body.
    conditions : dict
        Those of `CONDITIONS` that the request has.
    accept, accept_encoding : str
        The formats and encodings that the client takes.
    """

    method: str
    url: str
    body: str = ""
    digest: str = ""
    conditions: dict[str, str] = field(default_factory=dict)
    accept: str = ""
    accept_encoding: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What equal questions have in common."""
        return (self.method, self.url, self.digest)

    @property
    def host(self) -> str:
        """The host that is asked, without its port."""
        return urlsplit(self.url).hostname or ""


def as_is(pairs: Pairs) -> Pairs:
    """Return the parameters as they are."""
    return pairs


def normal_url(url: str, clean: CleanPairs = as_is) -> str:
    """Return a URL whose parameters stand in the order of their names.

    Parameters
    ----------
    url : str
        An absolute URL; a fragment is dropped.
    clean : callable, optional
        Takes secrets out of the parameters.
    """
    parts = urlsplit(url)
    query = _sorted_query(parts.query, clean)
    host = parts.netloc.rpartition("@")[2].lower()
    default = {"http": ":80", "https": ":443"}[parts.scheme]
    path = _normal_path(parts.path) or "/"
    return f"{parts.scheme}://{host.removesuffix(default)}{path}{'?' if query else ''}{query}"


def _normal_path(path: str) -> str:
    """Escape what must be, and nothing else, so that two spellings of a path are one."""

    def spelled(match: re.Match[str]) -> str:
        character = chr(int(match[1], 16))
        return character if re.fullmatch(r"[A-Za-z0-9._~-]", character) else match[0].upper()

    return re.sub("%([0-9A-Fa-f]{2})", spelled, quote(path, safe="/%:@!$&'()*+,;=~"))


def _sorted_query(query: str, clean: CleanPairs) -> str:
    given = parse_qsl(query, keep_blank_values=True, encoding="latin-1")
    pairs = [(name, _normal_value(value, clean)) for name, value in clean(given)]
    pairs = [pair for pair in pairs if not _CACHE_BREAKER.fullmatch("=".join(pair))]
    # Stable: the order among parameters of one name may matter.
    return urlencode(sorted(pairs, key=lambda pair: pair[0]), encoding="latin-1")


def _normal_value(value: str, clean: CleanPairs) -> str:
    """Return the normal form of a parameter; MAST's portal takes JSON in one."""
    if not value.startswith("{"):
        return value
    return _normal_json(value.encode("latin-1"), clean).decode("latin-1")


def normal_body(content_type: str, body: bytes, clean: CleanPairs = as_is) -> bytes:
    """Return the normal form of a request's body: form, JSON, multipart, or as it is.

    Parameters
    ----------
    content_type : str
        Value of the request's Content-Type.
    body : bytes
        What was sent.
    clean : callable, optional
        Takes secrets out of names and values.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        return _sorted_query(body.decode("latin-1"), clean).encode()
    if kind == "application/json" or kind.endswith("+json"):
        return _normal_json(body, clean)
    boundary = re.search(r'boundary="?([^";]+)', content_type)
    if kind == "multipart/form-data" and boundary:
        return _normal_parts(body, boundary[1].encode("latin-1"), clean)
    return body


def _normal_json(body: bytes, clean: CleanPairs) -> bytes:
    try:
        document = json.loads(body)
    except ValueError:
        return body
    return json.dumps(_clean_json(document, clean), sort_keys=True).encode()


def _clean_json(value: object, clean: CleanPairs) -> object:
    if isinstance(value, dict):
        texts = {name: text for name, text in value.items() if isinstance(text, str)}
        cleaned = dict(clean(list(texts.items())))
        inner = {
            name: _clean_json(item, clean)
            for name, item in value.items()
            if not _CACHE_BREAKER.fullmatch(f"{name}={item}")
        }
        return {name: cleaned.get(name, item) for name, item in inner.items()}
    if isinstance(value, list):
        return [_clean_json(item, clean) for item in value]
    return value


def _normal_parts(body: bytes, boundary: bytes, clean: CleanPairs) -> bytes:
    """Write the parts of a multipart body without the boundary, which is random."""
    parts = body.split(b"--" + boundary)[1:-1]
    return b"\n".join(_normal_part(part, clean) for part in parts)


def _normal_part(part: bytes, clean: CleanPairs) -> bytes:
    whole = part.removeprefix(b"\r\n").removesuffix(b"\r\n")
    head, _, content = whole.partition(b"\r\n\r\n")
    headers = sorted(line.strip() for line in head.lower().split(b"\r\n"))
    name = re.search(rb'name="([^"]*)"', head)
    text = content.decode("latin-1")
    if name:
        text = dict(clean([(name[1].decode("latin-1"), text)])).get(name[1].decode("latin-1"), "")
    return b"\n".join([*headers, text.encode("latin-1")])


def question(
    method: str,
    url: str,
    headers: Iterable[tuple[bytes, bytes]] = (),
    body: bytes = b"",
    clean: CleanPairs = as_is,
) -> Question:
    """Return the question of a request.

    Parameters
    ----------
    method, url : str
        As sent.
    headers : iterable of tuple
        Names, in small letters, and values.
    body : bytes
        What was sent with it.
    clean : callable, optional
        Takes secrets out of parameters.
    """
    given = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
    normal = normal_body(given.get("content-type", ""), body, clean) if body else b""
    return Question(
        method,
        normal_url(url, clean),
        normal.decode("utf-8", "backslashreplace")[:SHOWN],
        hashlib.sha256(normal).hexdigest()[:16] if normal else "",
        {name: given[name] for name in CONDITIONS if name in given},
        given.get("accept", ""),
        given.get("accept-encoding", ""),
    )
