"""fitsverify of HEASARC, on one file of each kind, and on files that services make."""

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


#: Files that a service makes for a request.
_ANSWERS = {
    "cutout of Pan-STARRS": "https://ps1images.stsci.edu/cgi-bin/fitscut.cgi?ra=83.633&dec=22.014"
    "&size=100&format=fits"
    "&red=/rings.v3.skycell/1784/059/rings.v3.skycell.1784.059.stk.r.unconv.fits",
}


def _cases(setting: Setting) -> list[Case]:
    held = [Case(each.filename, partial(_verify, setting, each)) for each in kinds()]
    made = [Case(name, partial(_verify_made, setting, url)) for name, url in _ANSWERS.items()]
    return held + made


def _verify(setting: Setting, product: Product) -> list[str]:
    return _verify_file(_plain(ensure(product), setting.folder))


def _verify_made(setting: Setting, url: str) -> list[str]:
    path = setting.folder / "answer.fits"
    path.write_bytes(setting.get(url).content)
    return _verify_file(path)


def _verify_file(path: Path) -> list[str]:
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
