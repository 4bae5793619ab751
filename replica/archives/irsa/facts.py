"""AllWISE Atlas images as IRSA's services describe them."""

from __future__ import annotations

from dataclasses import dataclass

from replica.holdings import Product, buckets, select
from replica.protocols.geometry import separation

#: Path of the image set below ``/ibe/sia/`` and ``/ibe/data/``, and in the bucket:
#: https://irsa.ipac.caltech.edu/docs/cloud_access/ibe_to_cloud_paths.html
IMAGE_SET = "wise/allwise/p3am_cdd"
_KEY_PREFIX = "wise/allwise/images/p3am_cdd/"

#: Pixels along each axis, and degrees a pixel (AllWISE Explanatory Supplement).
PIXELS = 4095
SCALE = 0.0003819444391411


@dataclass(frozen=True)
class Band:
    """Wavelengths in metres; zero point of the images and its uncertainty, magnitudes."""

    wavelength: float
    lowest: float
    highest: float
    zero_point: float
    zero_point_error: float


#: As IRSA's image search gives them, version 1; version 2 has rounder wavelengths.
BANDS = {
    "W1": Band(3.35e-6, 3.13e-6, 3.78e-6, 20.5, 0.006),
    "W2": Band(4.60e-6, 4.02e-6, 5.19e-6, 19.5, 0.007),
    "W3": Band(11.56e-6, 7.60e-6, 16.27e-6, 18.0, 0.012),
    "W4": Band(22.09e-6, 19.84e-6, 23.36e-6, 13.0, 0.012),
}


def products(**facts: str) -> list[Product]:
    """Return the files of the collection that have the given facts."""
    return select(archive="irsa", collection="wise_allwise", **facts)


def path_of(product: Product) -> str:
    """Path of the product's file below the image set's folder."""
    return product.key.removeprefix(_KEY_PREFIX)


def key_of(path: str) -> str:
    """Key in the bucket of a path below the image set's folder."""
    return f"{_KEY_PREFIX}{path}"


def access_url(product: Product) -> str:
    """Address of the product's file at IRSA."""
    return f"https://irsa.ipac.caltech.edu/ibe/data/{IMAGE_SET}/{path_of(product)}"


def cloud_access(product: Product) -> str:
    """Where the product's copy in the cloud is, as JSON with IRSA's own spaces."""
    bucket, region = product.bucket, buckets()[product.bucket]
    place = f'"bucket_name": "{bucket}", "key":"{product.key}", "region": "{region}"'
    return f'{{"aws": {{{place}}}}}'


def companion(product: Product, kind: str) -> Product:
    """Return the uncertainty (``unc``) or coverage (``cov``) map of an image."""
    return products(obs_id=product.obs_id, band=product.band, kind=kind)[0]


def most_centred(images: list[Product], ra: float, dec: float) -> list[Product]:
    """Those of the tile whose centre is nearest to a position in degrees: IRSA's ``mcen``."""
    if not images:
        return []
    nearest = min(images, key=lambda image: separation(image.ra, image.dec, ra, dec))
    return [image for image in images if image.obs_id == nearest.obs_id]
