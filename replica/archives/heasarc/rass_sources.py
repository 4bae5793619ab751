"""ROSAT's catalogues of bright and of faint sources: rows of the fields that are held.

They follow from the list of sources behind the survey's images: photons are drawn as a
measurement would count them, not taken from the image, so rates and places have noise of their own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from replica.archive_folders import Row
from replica.archives.heasarc.rosat_events import FIELD, Source, background_rate, sources_of
from replica.archives.heasarc.rosat_maps import seconds_at
from replica.holdings import Product, select
from replica.simulation.noise import generator

BRIGHT, FAINT = "rassbsc", "rassfsc"
#: What makes a source bright, or a source at all: count rate, source photons and likelihood of
#: detection (Voges et al. 1999, A&A 349, 389; 2000, IAU Circ. 7432).
_BRIGHT, _FAINT = (0.05, 15, 15.0), (0.0, 6, 7.0)
#: Square arcminutes in which a detection is judged (a radius of 1 arcminute) ...
_CELL_AREA = math.pi
#: ... and share of a point's photons in them: more than the half within 68 arcseconds, because the
#: survey's software knows which photons fell near the axis, where the image is sharp.
_SHARE = 0.6
_EXTRACTION = 300  # arcseconds: radius in which photons are counted
_CIRCLE_AREA = math.pi * (_EXTRACTION / 60) ** 2  # square arcminutes
_SYSTEMATIC = 6.0  # arcseconds
_WIDTH = 50.0  # arcseconds: standard deviation of a point's photons
#: Radius that holds 68 % of a round Gaussian, over its standard deviation.
_RADIUS_OF_68 = 1.515
#: Channels of the hardness ratios: HR1 = (B - A) / (B + A), HR2 = (D - C) / (D + C).
_BANDS = {"A": (11, 42), "B": (52, 202), "C": (52, 91), "D": (91, 202)}


@dataclass(frozen=True)
class Detection:
    """A source as the survey saw it.

    Attributes
    ----------
    source : Source
        The source.
    exposure : float
        Seconds.
    sky : float
        Photons in a square arcminute that come from no source.
    in_cell : int
        Photons in the cell in which the detection is judged, those of the sky among them.
    in_circle : int
        Photons in the circle in which the source's are counted, those of the cell among them.
    """

    source: Source
    exposure: float
    sky: float
    in_cell: int
    in_circle: int

    @property
    def photons(self) -> float:
        """Photons of the source: those in the circle without the sky's."""
        return self.in_circle - self.sky * _CIRCLE_AREA

    @property
    def rate(self) -> float:
        """Count rate, counts per second."""
        return self.photons / self.exposure

    @property
    def error(self) -> float:
        """Error of the count rate, counts per second."""
        return math.sqrt(self.in_circle) / self.exposure

    @property
    def likelihood(self) -> float:
        """Logarithm of the likelihood ratio that there is a source (Cash 1979, ApJ 228, 939)."""
        sky, found = self.sky * _CELL_AREA, self.in_cell
        return found * math.log(found / sky) - (found - sky) if found > sky else 0.0

    def reaches(self, limits: tuple[float, float, float]) -> bool:
        """Whether rate, photons and likelihood are all large enough."""
        found = (self.rate, self.photons, self.likelihood)
        return all(value >= limit for value, limit in zip(found, limits, strict=True))


def rows(table: str) -> list[Row]:
    """Return the rows of a catalogue, in the order of right ascension."""
    found = sorted((_cells(each) for each in _catalogued(table)), key=lambda row: float(row["ra"]))
    return [{"__row": str(number), **row} for number, row in enumerate(found, start=1)]


def _catalogued(table: str) -> Iterator[Detection]:
    for each in _detections():
        if each.reaches(_FAINT) and each.reaches(_BRIGHT) == (table == BRIGHT):
            yield each


@lru_cache(maxsize=1)
def _detections() -> tuple[Detection, ...]:
    """All sources in the fields that are held."""
    fields = select(archive="heasarc", kind="bas")
    return tuple(each for field in fields for each in _detections_in(field))


def _detections_in(field: Product) -> Iterator[Detection]:
    background = background_rate(field)
    sources, places = zip(*sources_of(field), strict=True)
    east, north = np.transpose(places)
    exposures = seconds_at(field, east, north).tolist()
    whole = np.maximum(np.abs(east), np.abs(north)) < FIELD / 2 - _EXTRACTION / 3600
    for source, exposure, is_whole in zip(sources, exposures, whole, strict=True):
        if is_whole:
            yield _detection(source, exposure, background * exposure)


def _detection(source: Source, exposure: float, sky: float) -> Detection:
    """Count the photons of a source and of the sky around it."""
    light = source.rate * exposure
    in_cell = _SHARE * light + sky * _CELL_AREA
    around = (1 - _SHARE) * light + sky * (_CIRCLE_AREA - _CELL_AREA)
    photons = _noise(source, "photons").poisson([in_cell, around])
    return Detection(source, exposure, sky, int(photons[0]), int(photons.sum()))


def _noise(source: Source, of: str) -> np.random.Generator:
    """Random numbers that belong to a source: its place is rounded, as machines differ in it."""
    return generator("rass", of, *(round(angle, 4) for angle in source.position))


def _cells(each: Detection) -> Row:
    """A row of the catalogue, without its number."""
    source, rng = each.source, _noise(each.source, "row")
    error = math.hypot(_SYSTEMATIC, _WIDTH / math.sqrt(each.photons))
    ra, dec = _place(rng, source.position, error / _RADIUS_OF_68)
    softness, hardness = _ratio(rng, each, "A", "B"), _ratio(rng, each, "C", "D")
    cells = {
        "name": _name(ra, dec),
        "ra": f"{ra:.5f}",
        "dec": f"{dec:.5f}",
        "positional_error": round(error),
        "screening_flag": "__T__" if source.extent else "_____",
        "count_rate": f"{each.rate:.3e}",
        "count_rate_error": f"{each.error:.3e}",
        "background_rate": f"{each.sky / each.exposure:.3e}",
        "exposure": round(each.exposure),
        "hardness_ratio_1": f"{softness[0]:.2f}",
        "hardness_ratio_1_error": f"{softness[1]:.2f}",
        "hardness_ratio_2": f"{hardness[0]:.2f}",
        "hardness_ratio_2_error": f"{hardness[1]:.2f}",
        "extent": round(source.extent),
        "source_likelihood": round(each.likelihood),
        "extraction_radius": _EXTRACTION,
    }
    return {name: str(cell) for name, cell in cells.items()}


def _place(
    rng: np.random.Generator, position: tuple[float, float], error: float
) -> tuple[float, float]:
    """Where the survey sees a source; `error` is in arcseconds on each axis."""
    east, north = error / 3600 * rng.standard_normal(2)
    ra, dec = position
    return (ra + east / math.cos(math.radians(dec))) % 360, dec + north


def _name(ra: float, dec: float) -> str:
    """``1RXS J053431.9+220052``: the place, cut off and not rounded, as the IAU asks."""
    hours, degrees = int(ra / 15 * 36_000), int(abs(dec) * 3600)
    right = f"{hours // 36_000:02}{hours // 600 % 60:02}{hours % 600 / 10:04.1f}"
    sign = "-" if dec < 0 else "+"
    return f"1RXS J{right}{sign}{degrees // 3600:02}{degrees // 60 % 60:02}{degrees % 60:02}"


def _ratio(rng: np.random.Generator, each: Detection, soft: str, hard: str) -> tuple[float, float]:
    """A hardness ratio with its noise, and its error, from the photons alone."""
    low, high = (_share(each.source.channel, *_BANDS[band]) for band in (soft, hard))
    ratio = (high - low) / (high + low)
    photons = each.photons * (high + low)
    error = math.sqrt(max(1 - ratio**2, 1 / photons) / photons)
    return min(max(ratio + error * rng.standard_normal(), -1.0), 1.0), error


def _share(channel: float, first: int, end: int) -> float:
    """Share of the photons in channels, of the spectrum that `rosat_events` draws from."""
    inside, lost = _gamma(end, channel) - _gamma(first, channel), 1 - _gamma(241, channel)
    return inside + (lost + _gamma(11, channel)) * (end - first) / 230


def _gamma(channel: float, mean: float) -> float:
    """Distribution function of a gamma distribution of shape 6 at the lower edge of a channel."""
    x = 6 * (channel - 0.5) / mean
    return 1 - math.exp(-x) * sum(x**k / math.factorial(k) for k in range(6))
