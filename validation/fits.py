"""fitsverify of HEASARC, on one file of each kind."""

from __future__ import annotations

import gzip
import subprocess
from functools import partial
from pathlib import Path

from helpers import decompress
from replica.holdings import Product, holdings
from replica.storage.cache import ensure
from validation.judging import Case, Judge, Setting

_ENDINGS = (".fits", ".fits.gz", ".fits.Z")


def kinds() -> list[Product]:
    """Return the first FITS file of each kind that an archive holds."""
    found: dict[tuple[str, str, str], Product] = {}
    for product in holdings():
        if product.filename.endswith(_ENDINGS):
            found.setdefault((product.archive, product.collection, product.kind), product)
    return list(found.values())


def _cases(setting: Setting) -> list[Case]:
    return [Case(product.filename, partial(_verify, setting, product)) for product in kinds()]


def _verify(setting: Setting, product: Product) -> list[str]:
    path = _plain(ensure(product), setting.folder)
    done = subprocess.run(["fitsverify", str(path)], capture_output=True, text=True)
    lines = (done.stdout + done.stderr).splitlines()
    wrong = [line for line in lines if line.startswith(("*** Error", "*** Warning"))]
    return wrong or ([" ".join(lines)[-200:]] if done.returncode else [])


def _plain(path: Path, folder: Path) -> Path:
    """Unpack the file; fitsverify reads no ``.Z``."""
    if path.suffix == ".fits":
        return path
    plain = folder / "plain.fits"
    with path.open("rb") as file:
        data = file.read()
    plain.write_bytes(gzip.decompress(data) if path.suffix == ".gz" else decompress(data))
    return plain


JUDGE = Judge("fitsverify", "FITS files", _cases, {"fitsverify": "apt-get install fitsverify"}, {})
