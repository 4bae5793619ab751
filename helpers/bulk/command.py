"""``python -m helpers.image_cutouts``: cut a table of positions into a store."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from helpers.bulk.to_store import store_cutouts
from helpers.errors import ArchiveAccessError, StoreError

#: What dask's own tools read too.
SCHEDULER = "DASK_SCHEDULER_ADDRESS"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks for; return an exit code."""
    options = parser().parse_args(arguments)
    try:
        with _executor(options) as executor:
            stored = store_cutouts(
                options.table,
                options.store,
                options.size if len(options.size) > 1 else options.size[0],
                location=options.location,
                ra=options.ra,
                dec=options.dec,
                hdu=options.hdu,
                dtype=options.dtype,
                executor=executor,
                retry=options.retry,
                progress=not options.quiet,
            )
    except ArchiveAccessError as error:
        sys.stderr.write(f"helpers: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("helpers: interrupted; run the same command again to do the rest\n")
        return 130
    sys.stdout.write(f"{stored}\n")
    return 1 if stored.failed else 0


@contextmanager
def _executor(options: argparse.Namespace) -> Iterator[Any]:
    if options.scheduler:
        try:
            import distributed
        except ImportError as error:
            raise StoreError("for a scheduler, install dask[distributed]") from error
        connect: Any = distributed.Client
        with connect(options.scheduler) as client:
            yield client
    elif options.processes:
        with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
            yield pool
    else:
        yield None


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m helpers.image_cutouts",
        description="Cut a stamp for each row of a table into a Zarr store, and write beside it a "
        "Parquet table of where each one came from. Run it again to do what is left.",
        epilog="Exit code: 0, or 1 if rows failed, 2 if nothing could be begun.",
    )
    made.add_argument("table", type=Path, help="Parquet, CSV, or what astropy's Table.read knows")
    made.add_argument("store", type=Path, help="folder of the Zarr store, such as crab.zarr")
    made.add_argument(
        "--size",
        nargs="+",
        type=_length,
        required=True,
        help="width and height as an angle (1arcmin) or in pixels (64); or height and width",
    )
    made.add_argument("--location", default="location", help="column of addresses (location)")
    made.add_argument("--ra", default="ra", help="column of right ascensions in degrees (ra)")
    made.add_argument("--dec", default="dec", help="column of declinations in degrees (dec)")
    made.add_argument("--hdu", type=_hdu, help="number or name of the image's HDU (the first)")
    made.add_argument("--dtype", default="float32", choices=["float32", "float64"], help="pixels")
    made.add_argument("--processes", type=int, help="work in so many processes (threads)")
    made.add_argument(
        "--scheduler",
        default=os.environ.get(SCHEDULER),
        help=f"address of a dask scheduler ({SCHEDULER})",
    )
    made.add_argument("--retry", action="store_true", help="do rows again that failed before")
    made.add_argument("--quiet", action="store_true", help="no progress bar")
    return made


def _length(text: str) -> Any:
    from astropy.units import Quantity

    return int(text) if text.isdigit() else Quantity(text)


def _hdu(text: str) -> int | str:
    return int(text) if text.isdigit() else text
