"""AllWISE Atlas images as IRSA's services describe them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from replica.holdings import Product, buckets, select

#: Path of the image set below ``/ibe/sia/`` and ``/ibe/data/``, and in the bucket:
#: https://irsa.ipac.caltech.edu/docs/cloud_access/ibe_to_cloud_paths.html
IMAGE_SET = "wise/allwise/p3am_cdd"
_KEY_PREFIX = "wise/allwise/images/p3am_cdd/"

#: Pixels along each axis, and degrees a pixel (AllWISE Explanatory Supplement).
PIXELS = 4095
SCALE = 0.0003819444391411


@dataclass(frozen=True)
class Band:
    """Wavelengths in metres, and zero point of the images in magnitudes."""

    wavelength: float
    lowest: float
    highest: float
    zero_point: float


#: Wavelengths as IRSA's own service gives them.
BANDS = {
    "W1": Band(3.35e-6, 3.13e-6, 3.78e-6, 20.5),
    "W2": Band(4.60e-6, 4.02e-6, 5.19e-6, 19.5),
    "W3": Band(11.56e-6, 7.60e-6, 16.27e-6, 18.0),
    "W4": Band(22.09e-6, 19.84e-6, 23.36e-6, 13.0),
}


def images(**facts: str) -> list[Product]:
    """Return the products of the collection that have the given facts."""
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
    """Where the product's copy in the cloud is, as JSON; empty if there is none."""
    if not product.bucket:
        return ""
    place = {"bucket_name": product.bucket, "key": product.key, "region": buckets()[product.bucket]}
    return json.dumps({"aws": place})


def companion(product: Product, kind: str) -> Product:
    """Return the uncertainty (``unc``) or coverage (``cov``) map of an image."""
    return images(obs_id=product.obs_id, band=product.band, kind=kind)[0]
