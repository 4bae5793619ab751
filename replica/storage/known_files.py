"""Size and ETag of a file, told before it is made: from a table of files that were made before.

The table, ``file_facts.csv``, holds where the same bytes are sure to come out: for a product
whose digest is the same (its row and the sources of its simulator), on a machine that computes
and compresses alike.  Anywhere else the file is made first.  ``make file-facts`` writes the table.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from replica.holdings import Product
from replica.storage.cache import digest, is_made, path_of
from replica.storage.checksums import s3_etag


@dataclass(frozen=True)
class FileFacts:
    """Size of a file in bytes, and the ETag that S3 gives to it."""

    size: int
    etag: str


@lru_cache(maxsize=1)
def recorded() -> dict[str, dict[str, str]]:
    """Return the rows of the table by the products' keys."""
    table = files("replica").joinpath("file_facts.csv").read_text(encoding="utf-8")
    return {row["key"]: row for row in csv.DictReader(table.splitlines())}


def facts(product: Product) -> FileFacts | None:
    """Return what is known of a product's file; None if it must be made to know.

    Parameters
    ----------
    product : Product
        Whether or not its file is made.
    """
    if is_made(product):
        path = path_of(product)
        return FileFacts(path.stat().st_size, s3_etag(path))
    row = _row(product)
    return FileFacts(int(row["size"]), row["etag"]) if row else None


def size(product: Product) -> int | None:
    """Return the size of a product's file in bytes, which takes no reading of it; else as `facts`.

    Parameters
    ----------
    product : Product
        Whether or not its file is made.
    """
    if is_made(product):
        return path_of(product).stat().st_size
    row = _row(product)
    return int(row["size"]) if row else None


def _row(product: Product) -> dict[str, str] | None:
    """The table's row of a product, if it holds here and today."""
    row = recorded().get(product.key)
    if row is None or (row["digest"], row["machine"]) != (digest(product), machine()):
        return None
    return row


@lru_cache(maxsize=1)
def machine() -> str:
    """Identify how this machine computes: 16 hexadecimal digits, from a sample of all it is asked.

    Versions of numpy, and processors, differ in the last digit of a sine; versions of zlib in what
    they write.
    """
    return hashlib.sha256(b"".join(_sample())).hexdigest()[:16]


def _sample() -> list[bytes]:
    """Bytes of functions, random numbers and compressed images, as the simulators use them."""
    import numpy as np

    rng = np.random.default_rng(1)
    values = rng.standard_normal((64, 96))
    parts = []
    for number in (values, values.astype(np.float32)):
        positive = np.abs(number) + number.dtype.type(0.01)
        one = (np.exp, np.sin, np.cos, np.arcsinh, np.sinh, np.arctan, np.cbrt)
        of_positive = (np.sqrt, np.log, np.log10, lambda x: x**-3.5, lambda x: 10 ** (-0.4 * x))
        parts += [function(number) for function in one]
        parts += [function(positive) for function in of_positive]
        parts += [np.hypot(number, positive), np.arctan2(number, positive)]
        parts += [np.fft.irfft2(np.fft.rfft2(number)), number.mean(axis=0), number.std(axis=1)]
    parts += [rng.poisson(np.abs(values) * 9), rng.beta(2, 3, 500), rng.uniform(size=500)]
    raw = b"".join(np.ascontiguousarray(part).tobytes() for part in parts)
    return [raw, gzip.compress(raw, mtime=0), *_images(values)]


def _images(values: object) -> list[bytes]:
    """The sample as a compressed image of FITS, and as a JPEG."""
    import numpy as np
    from astropy.io import fits
    from PIL import Image

    pixels = (1000 * np.asarray(values)).astype(np.int16)
    packed, picture = io.BytesIO(), io.BytesIO()
    compressed = fits.CompImageHDU(pixels, compression_type="RICE_1", tile_shape=(1, 96))
    fits.HDUList([fits.PrimaryHDU(), compressed]).writeto(packed)
    Image.fromarray((pixels % 256).astype(np.uint8)).save(picture, "JPEG", quality=88)
    return [packed.getvalue(), picture.getvalue()]
