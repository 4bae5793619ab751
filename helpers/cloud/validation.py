"""What a bucket, a key and a URL may be; what is wrong is shown in the error."""

from __future__ import annotations

import re
import reprlib
from urllib.parse import urlsplit

from helpers.errors import CloudLocationError

#: Limit of S3 on keys, in bytes of UTF-8 (Amazon S3 user guide, "Naming objects").
MAX_KEY_BYTES = 1024

#: Longer addresses need not be supported by servers (RFC 9110, section 4.1).
MAX_URL_LENGTH = 8000

# Amazon S3 user guide, "General purpose bucket naming rules".
_BUCKET = re.compile(r"(?!.*\.\.)(?![\d.]+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


def shortened(value: object) -> str:
    """Show a value in an error message: its beginning, or the name of its type."""
    if isinstance(value, str | bytes):
        return repr(value[:200]) + (" (cut)" if len(value) > 200 else "")
    if isinstance(value, dict | list | tuple):
        return reprlib.repr(value)
    return f"a {type(value).__name__}"


def require(holds: object, why: str, value: object) -> None:
    """Raise a CloudLocationError that says why and shows the value, unless `holds`."""
    if not holds:
        raise CloudLocationError(f"{why}: {shortened(value)}")


def require_bucket(bucket: str) -> None:
    """Raise a CloudLocationError if S3 has no bucket of such a name."""
    require(_BUCKET.fullmatch(bucket), "not a bucket's name", bucket)


def require_key(key: str) -> None:
    """Raise a CloudLocationError if S3 would refuse the key, or it could leave its bucket."""
    require(key, "an object needs a key", key)
    # Not printable: control characters, line breaks, halves of surrogate pairs.
    require(key.isprintable(), "a key with characters that cannot be printed", key)
    require(len(key.encode()) <= MAX_KEY_BYTES, f"a key of more than {MAX_KEY_BYTES} bytes", key)
    require(key == key.strip() and key[0] != "/", "a key that begins or ends amiss", key)
    segments = re.split(r"[/\\]", key)
    require({".", ".."}.isdisjoint(segments), "a key with . or .. segments", key)


def require_web_address(url: str) -> None:
    """Raise a CloudLocationError if the text cannot be a URL with a host."""
    require(len(url) <= MAX_URL_LENGTH, f"a URL of more than {MAX_URL_LENGTH} characters", url)
    require(url.isprintable() and " " not in url, "a URL with spaces or control characters", url)
    try:
        host = urlsplit(url).hostname
    except ValueError as error:
        raise CloudLocationError(f"not a URL ({error}): {shortened(url)}") from error
    require(host, "a URL without a host", url)
