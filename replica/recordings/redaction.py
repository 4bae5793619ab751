"""Take secrets out of what is kept: headers, parameters, and known kinds of tokens in bodies.

In bodies a secret is overwritten by a mask of the same length, so that sizes and positions stay.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import ahocorasick_rs

#: What stands in the place of a secret.
MASK = "REDACTED"
#: How far back a secret may begin that ends in the present block, bytes.
REACH = 16 * 1024
#: How much comes at once, at most, bytes.
_BLOCK = 512 * 1024
#: Shorter values of headers and parameters are too common to be looked for in bodies.
_SHORTEST = 10

_SECRET_NAME = r"""(?:(?:access|refresh|id|auth|session|security|bearer|csrf|xsrf)[_-]?token
    |token|jwt|(?:x[_-])?(?:api|access|secret|client)[_-]?(?:key|secret)|secret(?:[_-]?access[_-]?key)?
    |(?:aws[_-]?)?(?:secret[_-]?)?access[_-]?key(?:[_-]?id)?|password|passwd|pwd|authorization
    |session[_-]?id|jsessionid|phpsessid)"""
_NAMES = re.compile(_SECRET_NAME, re.VERBOSE | re.IGNORECASE)
_HEADERS = re.compile(
    r"set-cookie2?|cookie|authorization|proxy-.*|authentication-info|.*(token|secret|api-?key).*",
    re.IGNORECASE,
)
# Amazon S3 API, "Authenticating Requests: Using Query Parameters"; CloudFront's "Using signed
# URLs"; Google Cloud's "V4 signing"; Azure's "Create a service SAS".
_SIGNED = re.compile("x-(amz|goog)-.*|awsaccesskeyid|googleaccessid|signature|key-pair-id", re.I)
#: These belong to a signature if there is one.
_SIGNED_TOO = re.compile("expires|policy", re.I)
_TELLING = re.compile("signature|credential|token|sig|key", re.I)
_AZURE = {"sv", "ss", "srt", "sp", "se", "st", "spr", "sip", "sr", "sks", "ske", "skt", "skv"}
_AZURE |= {"skoid", "sktid", "sig"}

_VALUE = rb"[^&\"'<>\s\\;]{8,4096}"
_BODY_PARAMETERS = (
    rb"X-(?:Amz|Goog)-(?:Signature|Credential|Security-Token)|Signature|sig|access_token"
    rb"|refresh_token|id_token|auth_token|token|api_?key|password|client_secret|session_?id"
)
_BODY_KEYS = (
    rb"(?:access|refresh|id|auth|session|security|bearer)_?token|token|api_?key|client_?secret"
    rb"|secret(?:_?access)?_?key|access_?key_?id|password|passwd"
)
#: Kinds of secrets to what they look like; the group ``s`` is what must go.
_KINDS: dict[str, bytes] = {
    "AWS access key": rb"(?<![A-Z0-9])(?P<s>(?:AKIA|ASIA)[A-Z0-9]{16})(?![A-Z0-9])",
    "JSON Web Token": rb"(?P<s>eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,})",
    "GitHub token": rb"(?P<s>gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_\w{22,255})",
    "GitLab token": rb"(?P<s>glpat-[\w-]{20,})",
    "Slack token": rb"(?P<s>xox[abeprs]-[\w-]{10,})",
    "Google key": rb"(?P<s>AIza[\w-]{35}|ya29\.[\w-]{20,})",
    "Hugging Face token": rb"(?P<s>hf_[A-Za-z0-9]{30,})",
    "package index token": rb"(?P<s>pypi-[\w-]{50,})",
    "private key": rb"-----BEGIN [A-Z ]*PRIVATE KEY-----(?P<s>[^-]{16,12000})-----END",
    "bearer token": rb"[Bb]earer (?P<s>[\w.~+/-]{16,}=*)",
    "credentials": rb"(?i:authorization)[\"']?\s*[:=]\s*[\"']?(?:Basic|Token) +"
    rb"(?P<s>[\w.~+/-]{8,}=*)",
    "secret in JSON": rb'"(?i:' + _BODY_KEYS + rb')"\s*:\s*"(?P<s>[^"\\]{8,4096})"',
    "secret in XML": rb"<(?:SecretAccessKey|SessionToken)>(?P<s>[^<]{8,4096})<",
    "secret in a URL": rb"[?&;](?i:" + _BODY_PARAMETERS + rb")=(?P<s>" + _VALUE + rb")",
}
_PATTERNS = {kind: re.compile(pattern) for kind, pattern in _KINDS.items()}
_URL_PASSWORD = re.compile(rb"://[\w.~-]{1,64}:(?P<s>[^@/\s\"'<>]{6,200})@[\w.-]+")
#: How far before its hint a secret's context may begin, bytes.
_BEFORE_HINT = 96
#: One of these stands in every secret of those kinds, or right before it.
_HINTS = b"""AKIA ASIA eyJ ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- xox AIza ya29. hf_ pypi-
    PRIVATE earer uthorization UTHORIZATION oken OKEN piKey pikey pi_key PI_KEY APIKEY APIKey
    cret CRET essKey esskey ess_key ESS_KEY KeyId assw ASSW ignature SIGNATURE redential sig=
    essionid essionId ession_id ESSION""".split()


def is_mask(text: bytes | str) -> bool:
    """Whether a text is what `mask` makes."""
    return text == (mask(len(text)) if isinstance(text, str) else mask(len(text)).encode())


def mask(length: int) -> str:
    """Return the mask of a secret."""
    return (MASK * (length // len(MASK) + 1))[:length]


#: Finds in some bytes whether it is a value, where it begins, and where it ends.
Finder = Callable[[bytes], list[tuple[bool, int, int]]]


class Findings:
    """What was taken out, and the values to look for elsewhere.

    Attributes
    ----------
    removed : collections.Counter
        Kinds of secrets to how often they were removed.
    values : frozenset of bytes
        Secrets that were seen; they stay in memory.
    """

    def __init__(self) -> None:
        self.removed: Counter[str] = Counter()
        self.values: frozenset[bytes] = frozenset()
        self.hints = _finder(self.values)

    def note(self, kind: str, value: str = "") -> None:
        """Count one; look for its value from now on, unless it is too plain to be a secret."""
        self.removed[kind] += 1
        secret = value.encode("latin-1", "replace")
        plain = len(value) < _SHORTEST or value.isalpha() or not re.search("[A-Za-z]", value)
        if not plain and not is_mask(value) and secret not in self.values:
            self.values |= {secret}
            self.hints = _finder(self.values)


def _finder(values: Iterable[bytes]) -> Finder:
    """Return a function that finds the hints, and some values, in bytes."""
    automaton = ahocorasick_rs.BytesAhoCorasick([*_HINTS, *values])

    def find(content: bytes) -> list[tuple[bool, int, int]]:
        # Overlapping: a hint within a value must not hide the value.
        hits = automaton.find_matches_as_indexes(content, overlapping=True)
        return [(which >= len(_HINTS), start, stop) for which, start, stop in hits]

    return find


class Redactor:
    """Take secrets out of URLs, headers and bodies; count them in `findings`."""

    def __init__(self) -> None:
        self.findings = Findings()

    def pairs(self, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Drop what signs a URL; mask the values of parameters that hold secrets."""
        given = list(pairs)
        names = {name.lower() for name, _ in given}
        kept = []
        for name, value in given:
            if _signs(name, names):
                telling = _TELLING.search(name)
                self.findings.note("signed-URL parameter", value if telling else "")
            elif _NAMES.fullmatch(name) and value:
                self.findings.note("secret parameter", value)
                kept.append((name, MASK))
            else:
                kept.append((name, self.text(value)))
        return kept

    def text(self, text: str) -> str:
        """Mask known kinds of secrets in a short text, such as a header's value or a path."""
        raw = text.encode("utf-8", "surrogateescape")
        if not secrets_in(raw, self.findings):
            return text
        masker = self.masker()
        return (masker.feed(raw) + masker.finish()).decode("utf-8", "surrogateescape")

    def url(self, url: str) -> str:
        """Take secrets out of an address, which may be relative."""
        parts = urlsplit(url)
        query = parts.query
        if query:
            pairs = parse_qsl(query, keep_blank_values=True)
            cleaned = self.pairs(pairs)
            query = query if cleaned == pairs else urlencode(cleaned)
        user, found, host = parts.netloc.rpartition("@")
        if found:
            self.findings.note("credentials in a URL", user.partition(":")[2])
        return self.text(urlunsplit(parts._replace(netloc=host, query=query)))

    def headers(self, headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Return the headers of an answer that may be kept."""
        kept = []
        for name, value in headers:
            if _HEADERS.fullmatch(name):
                self.findings.note(f"{name.title()} header", _credential(value))
            elif name.lower() in ("location", "content-location"):
                kept.append((name, self.url(value)))
            else:
                kept.append((name, self.text(value)))
        return kept

    def request_headers(self, headers: Iterable[tuple[str, str]]) -> None:
        """Note secrets of a request, whose headers are not kept, to find them elsewhere."""
        for name, value in headers:
            if _HEADERS.fullmatch(name):
                for secret in _secrets_of(name, value):
                    self.findings.note(f"{name.title()} header", secret)

    def masker(self, *, counting: bool = True) -> Masker:
        """Return a masker for one body, whose secrets are counted or not."""
        return Masker(self.findings, counting=counting)


def _signs(name: str, names: set[str]) -> bool:
    """Whether a URL's parameter is part of its signature; `names` are all, in small letters."""
    if "sig" in names and name.lower() in _AZURE:
        return True
    belongs = _SIGNED_TOO.fullmatch(name) and names & {"signature", "key-pair-id"}
    return bool(_SIGNED.fullmatch(name) or belongs)


def _credential(value: str) -> str:
    """The secret part of a header: what stands behind the scheme, or a cookie's name."""
    return value.partition(";")[0].rpartition("=")[2] or value.rpartition(" ")[2]


def _secrets_of(name: str, value: str) -> Iterator[str]:
    """Each secret in a request's header: cookies by themselves, a password in Basic too."""
    if name.lower() == "cookie":
        yield from (cookie.partition("=")[2].strip() for cookie in value.split(";"))
        return
    scheme, _, credential = value.rpartition(" ")
    yield credential
    if scheme.lower() == "basic":
        try:
            yield base64.b64decode(credential).decode("latin-1").partition(":")[2]
        except binascii.Error:
            return


class Masker:
    """Mask secrets in a stream of bytes, in bounded memory.

    Parameters
    ----------
    findings : Findings
        Counts what was masked; its values are looked for too.
    counting : bool
        Whether what is masked counts as removed.
    """

    def __init__(self, findings: Findings, *, counting: bool = True) -> None:
        self._findings = findings
        self._counting = counting
        self._held = b""
        self.masked = 0

    def feed(self, block: bytes) -> bytes:
        """Take a block; return bytes that are ready, some of them from earlier blocks."""
        self._held += block
        return self._release(max(0, len(self._held) - REACH))

    def finish(self) -> bytes:
        """Return the rest."""
        return self._release(len(self._held))

    def _release(self, limit: int) -> bytes:
        """Mask what ends before a limit; release as much, but nothing of what goes on behind it."""
        held = self._held
        found = secrets_in(held, self._findings)
        going_on = [secret.context for secret in found if secret.context < limit < secret.stop]
        # A secret that is longer than any can be is masked as far as it came.
        ready = min([limit, *going_on]) if len(held) < 4 * REACH + _BLOCK else limit
        for secret in found:
            if secret.start < ready:
                held = self._masked(held, secret)
        self._held = held[ready:]
        return held[:ready]

    def _masked(self, held: bytes, secret: Secret) -> bytes:
        self._findings.removed[f"{secret.kind} in a body"] += self._counting
        self.masked += 1
        hidden = mask(secret.stop - secret.start).encode()
        return held[: secret.start] + hidden + held[secret.stop :]


@dataclass(frozen=True, order=True)
class Secret:
    """A secret in some bytes.

    Attributes
    ----------
    start, stop : int
        Where it is.
    context : int
        Where begins what tells that it is one, such as its key.
    kind : str
        What it is.
    """

    start: int
    stop: int
    context: int
    kind: str


def secrets_in(content: bytes, findings: Findings) -> list[Secret]:
    """Return the secrets in some bytes; those that overlap are taken for one."""
    matches = [("password in a URL", match) for match in _URL_PASSWORD.finditer(content)]
    hits = findings.hints(content)
    for start, stop in _windows(hits):
        for kind, pattern in _PATTERNS.items():
            matches += [(kind, match) for match in pattern.finditer(content, start, stop)]
    found = [Secret(*match.span("s"), match.start(), kind) for kind, match in matches]
    values = [hit[1:] for hit in hits if hit[0]]
    found += [Secret(start, stop, start, "withheld value") for start, stop in values]
    return _joined(each for each in found if not is_mask(content[each.start : each.stop]))


def _windows(hits: Iterable[tuple[bool, int, int]]) -> list[list[int]]:
    """Where the secrets of some hints can lie."""
    windows: list[list[int]] = []
    for _, start, stop in hits:
        if windows and start - _BEFORE_HINT <= windows[-1][1]:
            windows[-1][1] = stop + REACH
        else:
            windows.append([max(0, start - _BEFORE_HINT), stop + REACH])
    return windows


def _joined(found: Iterable[Secret]) -> list[Secret]:
    joined: list[Secret] = []
    for secret in sorted(found):
        if joined and secret.start < joined[-1].stop:
            first = joined[-1]
            context = min(first.context, secret.context)
            joined[-1] = replace(first, stop=max(first.stop, secret.stop), context=context)
        else:
            joined.append(secret)
    return joined
