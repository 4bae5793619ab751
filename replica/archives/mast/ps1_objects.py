"""The objects of Pan-STARRS' catalogue: what photometry of the simulated images gives.

Every source of the sky (`replica.simulation.stars`) in a skycell that the replica holds is
measured in the stack and in the single exposures behind it, with the noise of the images.

Depth in a single exposure follows from that of the stack and the number of exposures.  Brighter
than the saturation limits of a single exposure (Magnier et al. 2013, ApJS 205, 20) a star has no
magnitude.  Errors have a floor of 0.01 mag, the calibration's systematic uncertainty (Chambers et
al. 2016, arXiv:1612.05560, abstract).  Sources less than an arcsecond apart are one object, as in
the survey's own association of detections.  Our choice: how the filaments of the Crab Nebula
disturb photometry, and the flags of each filter, which are 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from astropy.time import Time

from replica.archives.mast.panstarrs import BANDS, PIXEL
from replica.holdings import Product, select
from replica.protocols.geometry import separation
from replica.simulation.noise import generator
from replica.simulation.photometry import flux_errors, magnitudes, merged
from replica.simulation.sky import HALF_TEMPLATE, PULSAR, synchrotron, template_offsets
from replica.simulation.stars import EPOCH, Stars, catalogue

#: Exposures behind a stack: NINPUTS in its header.
EXPOSURES = 14
#: What is missing (PS1's tables have no null).
MISSING = -999.0
_DETECTED = 5.0  # signal to noise
_SATURATED = {"g": 13.5, "r": 13.5, "i": 13.5, "z": 13.0, "y": 12.0}
_FLOOR = 0.01  # relative error of a flux
_POSITION_FLOOR = 0.01  # arcseconds
_ONE_OBJECT = 1.0  # arcseconds
#: Share of the nebula's light in a pixel that a fit takes for light of the source, or against it.
_RAGGED = 0.1
_STEP = 8.0  # arcseconds: steps in which the nebula's light is summed

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class _Fluxes:
    """Fluxes of sources in a band without noise, and errors of one stack's and exposure's fit."""

    true: np.ndarray
    stack: np.ndarray
    exposure: np.ndarray
    zero: float  # flux of magnitude 0


def skycells() -> dict[str, Product]:
    """Return one product of each skycell that is held, by the skycell's name."""
    return {each.target: each for each in select(archive="mast", collection="PS1")}


def skycells_near(ra: float, dec: float, radius: float) -> tuple[str, ...]:
    """Return the names of the skycells that a circle may touch, all in degrees."""
    return tuple(
        name
        for name, each in skycells().items()
        if separation(each.ra, each.dec, ra, dec) < radius + np.hypot(each.width, each.height) / 2
    )


@lru_cache(maxsize=2)
def objects(names: tuple[str, ...]) -> Columns:
    """Return the catalogue's own columns in some skycells, sorted by ``objID``, as arrays."""
    parts = [_measured(name) for name in names]
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.argsort(found["objID"], kind="stable")
    return {name: column[order] for name, column in found.items()}


def object_id(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Number of an object at a position in degrees, by PS1's rule.

    https://outerspace.stsci.edu/display/PANSTARRS/PS1+Object+Identifiers
    """
    zone = (dec + 90) / 0.0083333
    whole = np.floor(zone)
    parts = (whole * 10_000_000_000_000, np.floor(ra * 1e6) * 10_000, np.floor(1e4 * (zone % 1)))
    return np.sum([part.astype(np.int64) for part in parts], axis=0)


@lru_cache(maxsize=16)
def _measured(name: str) -> Columns:
    """The objects of a skycell, found in at least one stack or one exposure."""
    skycell = skycells()[name]
    sources = _sources(skycell, list(skycells().values()))
    rng = generator("ps1 catalogue", skycell.target)
    fluxes = {
        product.band: _fluxes(sources, product)
        for product in select(collection="PS1", target=skycell.target, kind="unconv")
    }
    measured: Columns = {}
    for band, flux in fluxes.items():
        measured |= _photometry(rng, band, flux)
    signal = np.max([flux.true / flux.stack for flux in fluxes.values()], axis=0)
    measured |= _positions(rng, sources, signal) | _counts(measured, sources["fwhm"] > 0)
    cell, part = skycell.target.split(".")
    for name, number in (("projectionID", int(cell)), ("skyCellID", int(part))):
        measured[name] = np.full(signal.size, number)
    seen = (measured["nStackDetections"] > 0) | (measured["nDetections"] > 0)
    return {name: column[seen] for name, column in measured.items()}


def _sources(skycell: Product, every: list[Product]) -> Stars:
    """The sources nearer to this skycell's centre than to that of another, blends as one."""
    half = skycell.width / 2 / np.cos(np.radians(skycell.dec)), skycell.height / 2
    ra, dec = (
        (at - far, at + far) for at, far in zip((skycell.ra, skycell.dec), half, strict=True)
    )
    sources = catalogue(ra, dec)
    distance = [_offset(sources, each.ra, each.dec) for each in every]
    nearest = np.argmin([np.hypot(*each) for each in distance], axis=0)
    east, north = distance[every.index(skycell)]
    inside = (np.abs(east) < 1800 * skycell.width) & (np.abs(north) < 1800 * skycell.height)
    bright = np.min([sources[band] - _limit(band) for band in BANDS], axis=0) < 0
    keep = inside & bright & (nearest == every.index(skycell))
    chosen = {name: column[keep] for name, column in sources.items()}
    return _as_one(chosen, east[keep], north[keep])


def _offset(sources: Stars, ra: float, dec: float) -> tuple[np.ndarray, np.ndarray]:
    """Arcseconds east and north of a position, in a plane that is good enough within a degree."""
    east = (sources["ra"] - ra) * np.cos(np.radians(sources["dec"]))
    return 3600 * east, 3600 * (sources["dec"] - dec)


def _limit(band: str) -> float:
    """A magnitude that no source is detected at: fainter than the stacks' depth."""
    return {"g": 24.3, "r": 24.2, "i": 24.1, "z": 23.3, "y": 22.4}[band]


def _as_one(sources: Stars, east: np.ndarray, north: np.ndarray) -> Stars:
    """The sources with those in the light of a brighter one added to it."""
    host = merged(east, north, 10 ** (-0.4 * sources["i"]), _ONE_OBJECT)
    seen = np.unique(host)
    together = {
        band: -2.5 * np.log10(np.bincount(host, 10 ** (-0.4 * sources[band]), host.size)[seen])
        for band in BANDS
    }
    return {name: column[seen] for name, column in sources.items()} | together


def _fluxes(sources: Stars, stack: Product) -> _Fluxes:
    band = BANDS[stack.band]
    zero = stack.exposure * 10 ** (0.4 * 25)
    true = zero * 10 ** (-0.4 * sources[stack.band].astype(float))
    fwhm = float(band.seeing / (PIXEL * 3600))
    wider = np.hypot(1, sources["fwhm"] / band.seeing)  # a galaxy's light lies on more pixels
    glow = zero * 10 ** (-0.4 * band.nebula_magnitude) * _nebula_at(sources) * (PIXEL * 3600) ** 2
    noise = np.hypot(band.softening, _RAGGED * glow) * wider
    sky = flux_errors(np.zeros(true.size), 1.0, fwhm) * noise
    floor = _FLOOR * true
    return _Fluxes(true, np.hypot(sky, floor), np.hypot(sky * np.sqrt(EXPOSURES), floor), zero)


def _nebula_at(sources: Stars) -> np.ndarray:
    """Share of the Crab Nebula's light in a square arcsecond at each source, without filaments."""
    east, north = (axis.astype(np.float32) for axis in _offset(sources, *PULSAR))
    whole = synchrotron(*template_offsets(_STEP)).sum(dtype=float) * _STEP**2
    near = np.hypot(east, north) < HALF_TEMPLATE
    return np.where(near, synchrotron(east, north), 0) / whole


def _photometry(rng: np.random.Generator, band: str, flux: _Fluxes) -> Columns:
    """Columns of one band: in how many exposures a source is seen, and the mean of those."""
    size = flux.true.size
    in_stack = flux.true + flux.stack * rng.standard_normal(size) > _DETECTED * flux.stack
    bright = flux.true > flux.zero * 10 ** (-0.4 * _SATURATED[band])
    signal = flux.true / flux.exposure + rng.standard_normal((EXPOSURES, size))
    seen = np.where(bright, 0, np.sum(signal > _DETECTED, axis=0))
    many = np.maximum(seen, 1)
    error = np.hypot(flux.exposure / np.sqrt(many), _FLOOR * flux.true)
    mean = np.maximum(flux.true + error * rng.standard_normal(size), 0.3 * error)
    magnitude, uncertainty = magnitudes(mean, error, flux.zero)
    scatter = uncertainty * np.sqrt(many)
    spread = scatter * np.sqrt(2 * np.log(many + 1))  # of the largest of that many normal numbers
    columns = {
        "QfPerfect": np.full(size, 0.999),
        "MeanPSFMag": magnitude,
        "MeanPSFMagErr": uncertainty,
        "MeanPSFMagStd": scatter,
        "MeanPSFMagMin": magnitude - spread,
        "MeanPSFMagMax": magnitude + spread,
        "MeanKronMag": magnitude + 0.5 * uncertainty * rng.standard_normal(size),
        "MeanKronMagErr": 1.5 * uncertainty,
        "MeanKronMagStd": 1.5 * scatter,
        "MeanApMag": magnitude + 0.5 * uncertainty * rng.standard_normal(size),
        "MeanApMagErr": 1.5 * uncertainty,
        "MeanApMagStd": 1.5 * scatter,
    }
    named = {
        f"{band}{name}": np.where(seen > 0, column, MISSING) for name, column in columns.items()
    }
    numbers = {f"{band}Mean{kind}MagNpt": seen for kind in ("PSF", "Kron", "Ap")}
    return named | numbers | {f"n{band}": seen, f"{band}stack": in_stack}


def _counts(measured: Columns, extended: np.ndarray) -> Columns:
    """How often an object is detected, and the flags that follow.

    Values of the flags: https://outerspace.stsci.edu/display/PANSTARRS/PS1+Object+Flags
    """
    stacks = np.sum([measured[f"{band}stack"] for band in BANDS], axis=0)
    single = np.sum([measured[f"n{band}"] for band in BANDS], axis=0)
    quality = extended + 4 * (single > 1) + np.where(stacks > 1, 16 + 32, 128)
    info = 0x800000 * extended + 0x2000000 * (single > 1) + 0x10000  # EXT, GOOD, USE_AVE
    info += np.where(stacks > 1, 0x8000000 + 0x10000000, 0x40000000)  # (GOOD, BEST), BAD stack
    info += 0x100000 * (single == 0)  # STACK_FOR_MEAN
    return {
        "nStackDetections": stacks,
        "nStackObjectRows": np.minimum(stacks, 1),
        "nDetections": single,
        "qualityFlag": quality,
        "objInfoFlag": info,
    }


def _positions(rng: np.random.Generator, sources: Stars, signal: np.ndarray) -> Columns:
    """Positions in the stacks, and their errors: a fit's, 0.6 FWHM over signal, and a floor."""
    error = np.hypot(0.6 * BANDS["i"].seeing / np.maximum(signal, 1), _POSITION_FLOOR)
    date = Time("2012-11-17").jyear
    turn = 1 / np.cos(np.radians(sources["dec"]))
    moved = {axis: sources[f"pm{axis}"] * (date - EPOCH) / 3.6e6 for axis in ("ra", "dec")}
    ra = sources["ra"] + (moved["ra"] + error * rng.standard_normal(error.size) / 3600) * turn
    dec = sources["dec"] + moved["dec"] + error * rng.standard_normal(error.size) / 3600
    return {
        "ra": ra % 360,
        "dec": dec,
        "positionError": error,
        "objID": object_id(ra % 360, dec),
        "randomID": rng.uniform(size=error.size),
    }
