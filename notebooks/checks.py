"""Self-checks of the exercises: each says whether an answer is right, and what to look at if not.

Some compute what is asked for, so do the exercise before you read on.
A check returns a sentence that begins with ``Right`` or ``Not yet``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import astropy.units as u
import numpy as np
from astropy.wcs.utils import proj_plane_pixel_area

if TYPE_CHECKING:
    from astropy.coordinates import SkyCoord
    from astropy.io.fits import Header
    from astropy.table import Table
    from astropy.wcs import WCS

    from helpers import Cutout

#: Flux of magnitude 0 in W1, Jy (Jarrett et al. 2011, ApJ 735, 112).
W1_ZERO_JANSKY = 309.54


def _not_yet(why: str) -> str:
    return f"Not yet: {why}."


def _number(answer: Any) -> float | None:
    """The answer as one number; None if it is none."""
    try:
        return float(getattr(answer, "value", answer))
    except (TypeError, ValueError):
        return None


def check_block_sizes(costs: Mapping[int, Any]) -> str:
    """Check the cost of the same read in three block sizes."""
    if not isinstance(costs, Mapping):
        return _not_yet("make costs a dictionary from block size to the Transfer of that read")
    if set(costs) != {2**20, 2**18, 2**16}:
        return _not_yet("the keys must be the three block sizes, 2**20, 2**18 and 2**16")
    counts = [costs[size] for size in (2**20, 2**18, 2**16)]
    if not all(hasattr(count, "requests") and count.requests for count in counts):
        return _not_yet("each value must be a Transfer around one read of the cutout")
    requests, moved = [c.requests for c in counts], [c.bytes for c in counts]
    if requests != sorted(set(requests)) or moved != sorted(set(moved), reverse=True):
        return _not_yet("each read needs a Transfer of its own, and its own block size")
    return "Right: smaller blocks move fewer bytes in more requests."


def check_edge(edge: Cutout, centre: SkyCoord, offset: float, width: float) -> str:
    """Check a cutout that the image's edge cuts short; offset and width are degrees."""
    if not hasattr(edge, "partial"):
        return _not_yet("edge must be what helpers.cutout returns")
    asked = centre.directional_offset_by(0 * u.deg, offset * u.deg)
    middle = edge.wcs.pixel_to_world(edge.shape[1] / 2, edge.shape[0] / 2)
    if not edge.partial:
        return _not_yet("this cutout lies inside the image; move it further north")
    if middle.separation(asked).deg > width:
        return _not_yet("the cutout is somewhere else; go north from the centre of the image")
    scale = edge.wcs.proj_plane_pixel_scales()[0].to_value("deg")
    if abs(edge.shape[1] * scale / width - 1) > 0.02:
        return _not_yet("the cutout is not as wide as the exercise asks")
    return "Right: partial is true, and the cutout has fewer rows than columns."


def check_flux(flux: Any, image: Cutout) -> str:
    """Check the flux of the nebula in W1, in Jy, within 10 percent."""
    number = _number(flux)
    if number is None:
        return _not_yet("flux must be a number, in Jy")
    corner = np.median(image.data[:20, :20])
    scale = W1_ZERO_JANSKY * 10 ** (-0.4 * image.header["MAGZP"])
    right = float((image.data - corner).sum()) * scale
    raw = float(image.data.sum()) * scale
    if abs(number / right - 1) < 0.1:
        return "Right: an integrated flux, with the background subtracted."
    if abs(number / raw - 1) < 0.02:
        return _not_yet("subtract the background from each pixel before you add them up")
    if abs(number * scale / right - 1) < 0.1:
        return _not_yet("this is in DN; convert it to Jy with MAGZP")
    return _not_yet("sum all pixels, subtract the background of each, then convert to Jy")


def check_stored_value(stored_value: Callable[[Any, Header], Any], header: Header) -> str:
    """Check the inverse of the asinh encoding, by encoding and decoding."""
    if not callable(stored_value):
        return _not_yet("stored_value must be a function of flux and header")
    flux = np.array([-100.0, 0.0, 3.0, 250.0, 50_000.0])
    a = 2.5 * np.log10(np.e)
    expected = a * np.arcsinh((flux - header["BOFFSET"]) / (2 * header["BSOFTEN"]))
    found = np.asarray(stored_value(flux, header), dtype=float)
    if found.shape != flux.shape:
        return _not_yet("given an array, it must return one of the same shape")
    if np.allclose(found, expected, atol=1e-4):
        return "Right: decoding gives back the flux."
    if np.allclose(found, expected / a, atol=1e-4):
        return _not_yet("the constant a is missing")
    return _not_yet("solve the equation for v: BOFFSET first, then BSOFTEN, then arcsinh")


def check_magnitude(magnitude: Any, flux: np.ndarray, header: Header, x: int, y: int) -> str:
    """Check the pulsar's magnitude, within 0.1."""
    number = _number(magnitude)
    if number is None:
        return _not_yet("magnitude must be a single number")
    rows, columns = np.indices(flux.shape)
    radius = np.hypot(rows - y, columns - x)
    sky = np.nanmedian(flux[(radius > 12) & (radius < 20)])
    counts = np.nansum(flux[radius < 8] - sky)
    right = 25 + 2.5 * np.log10(header["EXPTIME"]) - 2.5 * np.log10(counts)
    if abs(number - right) < 0.1:
        return "Right: sky subtracted, and divided by the exposure time."
    if abs(number + 2.5 * np.log10(header["EXPTIME"]) - right) < 0.1:
        return _not_yet("the counts are those of the whole exposure; use EXPTIME")
    if number < right - 0.1:
        return _not_yet("too bright: subtract the sky from each pixel")
    return _not_yet("sum the linear flux within 8 pixels; the stored values do not add up")


def check_tiles(tiles: Any, image: Cutout, rows_of_a_tile: int) -> str:
    """Check how many tiles lie under a cutout of an image whose tiles are whole rows."""
    number = _number(tiles)
    if number is None:
        return _not_yet("tiles must be a single number")
    if number == np.ceil(image.shape[0] / rows_of_a_tile):
        return "Right: a tile is a whole row, however few of its columns you need."
    if number == image.shape[0] * image.shape[1]:
        return _not_yet("that is the number of pixels in the cutout")
    return _not_yet("look at ZTILE1 and ZTILE2, the columns and rows of a tile")


def check_oldest(oldest: Any, images: Table) -> str:
    """Check the observation number of the oldest ACIS-S image."""
    if oldest is Ellipsis or oldest is None:
        return _not_yet("oldest must be an observation number, an obsid")
    acis = images[images["detector"] == "ACIS-S"]
    if str(oldest).strip() == str(acis["obsid"][np.argmin(acis["time"])]).strip():
        return "Right: you chose by time, not by row number."
    if str(oldest).strip() == str(images["obsid"][np.argmin(images["time"])]).strip():
        return _not_yet("this is the oldest of all detectors; keep ACIS-S only")
    return _not_yet("the oldest has the smallest time, a modified Julian date")


def check_rate(rate: Any, counts: np.ndarray, header: Header) -> str:
    """Check the count rate of the whole image, within one percent."""
    number = _number(rate)
    if number is None:
        return _not_yet("rate must be a number, in counts per second")
    right = float(counts.sum()) / header["EXPOSURE"]
    if abs(number / right - 1) < 0.01:
        return "Right: counts per second of exposure."
    if abs(number / float(counts.sum()) - 1) < 0.01:
        return _not_yet("those are the counts; divide them by the exposure time")
    return _not_yet("divide all counts of the image by EXPOSURE, the time in seconds")


def check_asymmetry(ratio: Any, image: Any, centre: SkyCoord) -> str:
    """Check the brightness of the torus's near side over that of the far side."""
    number = _number(ratio)
    if number is None:
        return _not_yet("ratio must be a single number")
    rows, columns = np.indices(image.data.shape)
    position = image.wcs.pixel_to_world(columns, rows)
    radius = centre.separation(position).arcsec
    angle = centre.position_angle(position).deg
    ring = (radius > 15) & (radius < 45)
    near, far = (
        image.data[ring & (abs((angle - middle + 180) % 360 - 180) < 30)].mean()
        for middle in (315, 135)
    )
    if abs(number / (near / far) - 1) < 0.05:
        return "Right: the side that moves towards us is brighter."
    if abs(number * (near / far) - 1) < 0.05:
        return _not_yet("this is south-east over north-west; invert it")
    return _not_yet("use mean counts per pixel; position angles run from north through east")


def check_growth(growth: Any) -> str:
    """Check Cassiopeia A's growth in percent a year, within 15 percent.

    Published: 0.2 (Vink et al. 1998, A&A 339, 201; DeLaney et al. 2004, ApJ 613, 343).
    """
    found, published, years = _number(growth), 0.2, 19.3
    if found is None:
        return _not_yet("growth must be a single number, in percent a year")
    if abs(found / published - 1) < 0.15:
        return "Right: a fifth of a percent a year, which adds up to 4 arcsec between the images."
    if abs(found / years / published - 1) < 0.15:
        return _not_yet("that is the growth between the two images; divide it by the years")
    if abs(found * 100 / published - 1) < 0.15:
        return _not_yet("that is a fraction a year; multiply it by 100 to get percent")
    return _not_yet("divide the later radius by the earlier one, both in arcsec, and subtract 1")


def check_ring(radius: Any) -> str:
    """Check the radius of Cassiopeia A's ring of dust in arcsec, within 15 percent.

    Published: 95, of the ejecta that the reverse shock heats (Gotthelf et al. 2001, ApJ 552, L39).
    """
    found, published, pixel = _number(radius), 95.0, 1.375
    if found is None:
        return _not_yet("radius must be a single number, in arcsec")
    if abs(found / published - 1) < 0.15:
        return "Right: the ring is where the shock wave that runs inwards has heated the dust."
    if abs(found * pixel / published - 1) < 0.15:
        return _not_yet("that is in pixels of the image; convert it to arcsec")
    if abs(found * 60 / published - 1) < 0.15:
        return _not_yet("that is in arcmin; convert it to arcsec")
    if abs(found / 2 / published - 1) < 0.15:
        return _not_yet("that is the diameter; give the radius")
    return _not_yet("take the mean of the pixels in each ring, not their sum, around centre")


def check_events_inside(inside: Mapping[int, Any], distance: np.ndarray) -> str:
    """Check the number of events within 1, 3 and 5 arcmin; distance in arcmin."""
    if not isinstance(inside, Mapping) or set(inside) != {1, 3, 5}:
        return _not_yet("inside must be a dictionary with the radii 1, 3 and 5 as keys")
    right = {radius: int((distance < radius).sum()) for radius in inside}
    if all(abs(_number(inside[radius]) or 0) == right[radius] for radius in inside):
        return "Right: about half of the events of this whole field are from the Crab Nebula."
    if all(inside[radius] == int((distance * 60 < radius).sum()) for radius in inside):
        return _not_yet("your radii are in arcseconds; take arcminutes")
    return _not_yet("count events whose separation from the pulsar is below each radius")


def check_hard_fraction(fraction: Any, channels: np.ndarray, distance: np.ndarray) -> str:
    """Check the share of events of at least channel 52 within 5 arcmin, within 0.01."""
    number = _number(fraction)
    if number is None:
        return _not_yet("fraction must be a number from 0 to 1")
    inside = distance < 5
    if abs(number - np.mean(channels[inside] >= 52)) < 0.01:
        return "Right: most are hard, because gas between us and the nebula absorbs soft X-rays."
    if abs(number - np.mean(channels >= 52)) < 0.01:
        return _not_yet("this is the share in the whole field; keep the events within 5 arcmin")
    return _not_yet("divide the events with PI of at least 52 by all events, within 5 arcmin")


def check_silent_cuts(
    silent: Iterable[int], compressed: bytes, decode: Callable[[bytes], bytes]
) -> str:
    """Check which cuts of 1 to 4 bytes at the end a decoder does not notice."""
    if isinstance(silent, int | str) or not isinstance(silent, Iterable):
        return _not_yet("silent must be a list of numbers from 1 to 4")
    right = [cut for cut in range(1, 5) if _decodes(decode, compressed[:-cut])]
    found = sorted(silent)
    if found == right:
        return "Right: the decoder alone does not notice every cut."
    if found == sorted(set(range(1, 5)) - set(right)):
        return _not_yet("those are the cuts that unlzw does notice")
    return _not_yet("a cut is silent if unlzw raises no error")


def check_interpolated_counts(ratio: Any, wcs: WCS, grid: WCS) -> str:
    """Check the share of the counts that is left when they are interpolated."""
    found = _number(ratio)
    if found is None:
        return _not_yet("ratio must be a single number")
    areas = proj_plane_pixel_area(wcs) / proj_plane_pixel_area(grid)
    if abs(found / areas - 1) < 0.05:
        return "Right: interpolated counts are fewer by the ratio of the pixels' areas."
    if abs(found * areas - 1) < 0.05:
        return _not_yet("divide the sum on the grid by the sum in the file")
    if abs(found - 1) < 0.05:
        return _not_yet("that is the ratio with the flux conserved; use reproject_interp")
    return _not_yet("add up all pixels of both images that are not NaN")


def check_spectral_index(
    index: Any, fluxes: Mapping[str, float], frequencies: Iterable[float]
) -> str:
    """Check the slope between r and W1; fluxes in Jy, frequencies in Hz in their order."""
    found = _number(index)
    if found is None:
        return _not_yet("index must be a single number")
    frequency = dict(zip(fluxes, frequencies, strict=True))
    steps = fluxes["r"] / fluxes["W1"], frequency["r"] / frequency["W1"]
    right = np.log(steps[0]) / np.log(steps[1])
    if abs(found - right) < 0.02:
        way = "falls" if right < 0 else "rises"
        return f"Right: from the infrared to the optical the flux density {way}."
    if abs(found + right) < 0.02:
        return _not_yet("the sign is wrong: divide r by W1 in both ratios")
    return _not_yet("divide the logarithm of the fluxes' ratio by that of the frequencies'")


def check_half_radius(radius: Any, stamp: Cutout, target: SkyCoord) -> str:
    """Check the radius in arcmin within which half of a stamp's light lies."""
    found = _number(radius)
    if found is None:
        return _not_yet("half_radius must be a single number, in arcmin")
    rows, columns = np.indices(stamp.data.shape)
    distance = target.separation(stamp.wcs.pixel_to_world(columns, rows)).arcmin
    image = np.nan_to_num(stamp.data)  # saturated pixels, as `growth` in the notebook has them
    light = image - np.median(image[distance > 3.6])
    within = [light[distance < limit].sum() for limit in np.linspace(0.1, 3.5, 35)]
    right = float(np.interp(0.5, np.array(within) / within[-1], np.linspace(0.1, 3.5, 35)))
    if abs(found / right - 1) < 0.05:
        return "Right: that radius holds half of the light."
    if abs(found / 60 / right - 1) < 0.05:
        return _not_yet("that is in arcsec; convert it to arcmin")
    return _not_yet("take the growth curve of W1 on the grid, and the radius where it is 0.5")


def check_by_detector(by_detector: Any, observations: Table) -> str:
    """Check number and summed exposure of the observations by detector."""
    names = getattr(by_detector, "colnames", [])
    if not {"detector", "number", "total"} <= set(names):
        return _not_yet("by_detector is a table with the columns detector, number and total")
    detectors = np.asarray(observations["detector"], dtype=str)
    exposures = np.ma.filled(np.ma.asarray(observations["exposure"], dtype=float), 0.0)
    found = {str(row["detector"]): (row["number"], row["total"]) for row in by_detector}
    if set(found) != set(detectors):
        return _not_yet("it has one row for each detector: group by it, inside the circle")
    for name, (number, total) in found.items():
        own = exposures[detectors == name]
        if number != len(own):
            return _not_yet(f"{name} made {len(own)} observations: count them inside the circle")
        if abs(float(total or 0) - own.sum()) > 1e-3 * own.sum():
            return _not_yet("total is the sum of the exposures in seconds")
    return "Right: the archive sent a row for each detector instead of all observations."


def check_folder_sizes(megabytes: Any, objects: Sequence[Mapping[str, Any]]) -> str:
    """Check the megabytes of the objects by the ending of their names."""
    if not isinstance(megabytes, Mapping):
        return _not_yet("megabytes is a dictionary from ending to megabytes")
    right: dict[str, float] = {}
    for item in objects:
        ending = item["Key"].rsplit(".", 1)[1]
        right[ending] = right.get(ending, 0.0) + item["Size"] / 1e6
    if set(megabytes) != set(right):
        return _not_yet(f"its keys are the endings {', '.join(sorted(right))}, without a dot")
    numbers = {name: _number(value) or 0.0 for name, value in megabytes.items()}
    if all(abs(numbers[name] - size) <= 0.01 * size for name, size in right.items()):
        return "Right: one listing gives the sizes of all files."
    if all(abs(numbers[name] / 1e6 - size) <= 0.01 * size for name, size in right.items()):
        return _not_yet("those are bytes: a megabyte has a million of them")
    return _not_yet("add up Size over all objects with the ending, not only the last of them")


def check_nearest(nearest: Any, targets: Table, fields: Table) -> str:
    """Check the name of the field whose centre is nearest to each target; all in degrees."""
    from astropy.coordinates import SkyCoord

    if not isinstance(nearest, Mapping):
        return _not_yet("nearest is a dictionary from target to the seq_id of a field")
    if {str(name) for name in nearest} != {str(name) for name in targets["target"]}:
        return _not_yet("its keys are the targets, each once")
    centres = SkyCoord(np.asarray(fields["ra"]), np.asarray(fields["dec"]), unit="deg")
    names = np.asarray(fields["seq_id"], dtype=str)
    for row in targets:
        distance = centres.separation(SkyCoord(row["ra"], row["dec"], unit="deg"))
        found = {str(name): str(value) for name, value in nearest.items()}[str(row["target"])]
        if found not in names:
            return _not_yet(f"{found} is not the seq_id of a field")
        if found != names[np.argmin(distance)]:
            return _not_yet(f"there is a field nearer to {row['target']} than {found}")
    return "Right: one query answered for all targets."


def check_times_read(times: Any, number: int, span: int, together: Any) -> str:
    """Check how often each byte would be read if each of `number` stamps read its span."""
    found = _number(times)
    if found is None:
        return _not_yet("times_read must be a single number")
    right = number * span / together.bytes
    if abs(found / right - 1) < 0.02:
        return "Right: so many spans lie over each byte."
    if abs(found * right - 1) < 0.02:
        return _not_yet("invert it: the bytes one by one, divided by the bytes together")
    if abs(found - number / together.requests) < 0.02 * number / together.requests:
        return _not_yet("those are stamps per request; take the bytes")
    return _not_yet("the stamps one by one move their number times the span")


def check_egress(dollars: Any, row: int) -> str:
    """Check the price of a million spans of 64 pixels to another region; `row` in bytes."""
    found = _number(dollars)
    if found is None:
        return _not_yet("dollars must be a single number")
    right, short = (1e6 * n * row / 1e9 * 0.02 for n in (64, 32))
    if abs(found / right - 1) < 0.02:
        return "Right: twice the pixels on a side are twice the rows, and twice the price."
    if abs(found / short - 1) < 0.02:
        return _not_yet("that is the price of stamps of 32 pixels")
    if abs(found / right - 4.5) < 0.1:
        return _not_yet("that is the price to the internet; the other region costs less")
    return _not_yet("multiply a million spans, in gigabytes, by $0.02")


def check_stack_contrast(ratio: Any, w1: np.ndarray, w3: np.ndarray) -> str:
    """Check the ratio of the typical star's light in two stacks of stamps."""
    found = _number(ratio)
    if found is None:
        return _not_yet("ratio must be a single number")
    rows, columns = np.indices(w1.shape[1:]) - (w1.shape[1] - 1) / 2
    near = np.hypot(rows, columns) < 5
    stacks = [np.nanmedian(group, axis=0) for group in (w1, w3)]
    levels = [np.median(np.concatenate([stack[:6], stack[-6:]])) for stack in stacks]
    one, other = ((stack - level)[near].sum() for stack, level in zip(stacks, levels, strict=True))
    if abs(found / (one / other) - 1) < 0.1:
        return "Right: the stars are nearly as bright, in magnitudes, at 12 as at 3.4 micrometres."
    if abs(found * (one / other) - 1) < 0.1:
        return _not_yet("this is W3 over W1; invert it")
    if abs(found - 2.5 * np.log10(one / other)) < 0.1:
        return _not_yet("this is a difference of magnitudes; give the ratio of the sums")
    return _not_yet("add up the pixels near the middle, above the median of the outer rows")


def check_failed_row(stored: Any) -> str:
    """Check what a store says of three rows, one of which lies outside of its image."""
    if not (hasattr(stored, "stamps") and hasattr(stored, "failed")):
        return _not_yet("stored_few must be what store_cutouts returns")
    if stored.stamps + stored.failed != 3:
        return _not_yet("the table has three rows; give them a store of their own")
    if stored.failed == 0:
        return _not_yet("no row failed; the third must lie outside of its image")
    if stored.failed > 1:
        return _not_yet("only the third row may fail; leave the others as they are")
    return "Right: a row that fails does not stop the others, and the table says why it failed."


def check_tail(tail: Any, longer: bytes) -> str:
    """Check the last 2880 bytes of a file of which `longer` are the last bytes, and more."""
    if not isinstance(tail, bytes):
        return _not_yet("tail must be bytes, such as the content of an answer")
    if tail == longer[-2880:]:
        return "Right: one request, without asking for the size first."
    if len(tail) > 2880:
        return _not_yet("that is more than a block; the header Range asks for a part")
    if len(tail) < 2880:
        return _not_yet("that is less than a block of 2880 bytes")
    return _not_yet("those are 2880 other bytes; bytes=-2880 counts from the end")


def check_exposure(exposure: Any, published: float, intervals: float) -> str:
    """Check the mean exposure of a field beside its header's and the sum of its intervals, s."""
    found = _number(exposure)
    if found is None:
        return _not_yet("exposure must be a single number, in seconds")
    if abs(found / published - 1) < 0.25:
        return "Right: minutes, because the telescope scanned the sky and soon moved on."
    if abs(found / intervals - 1) < 0.25:
        return _not_yet("that is the sum of the intervals; take the mean of the exposure map")
    return _not_yet("take the mean of all pixels of the map, which are in seconds")


def check_copies(copies: Any, filters: Iterable[Any], uris: Mapping[str, Any]) -> str:
    """Check how many products of each filter have a copy; `uris` are those of the r band."""
    if not isinstance(copies, Mapping):
        return _not_yet("copies must be a dictionary from filter to number")
    if {str(name) for name in copies} != {str(name) for name in filters}:
        return _not_yet("its keys are the filters of all five stacks")
    right, number = sum(uri is not None for uri in uris.values()), copies["r"]
    if number == len(uris) and number != right:
        return _not_yet("that counts all products; leave out those whose address is None")
    if number != right:
        return _not_yet("count the addresses of each stack's products that are not None")
    return "Right: ask before you read, because not every product has a copy."


def _decodes(decode: Callable[[bytes], bytes], data: bytes) -> bool:
    try:
        decode(data)
    except ValueError:
        return False
    return True


CHECKS: Sequence[Callable[..., str]] = (
    check_block_sizes,
    check_edge,
    check_flux,
    check_stored_value,
    check_magnitude,
    check_tiles,
    check_oldest,
    check_rate,
    check_asymmetry,
    check_growth,
    check_ring,
    check_events_inside,
    check_hard_fraction,
    check_silent_cuts,
    check_interpolated_counts,
    check_spectral_index,
    check_half_radius,
    check_by_detector,
    check_folder_sizes,
    check_nearest,
    check_times_read,
    check_egress,
    check_stack_contrast,
    check_failed_row,
    check_tail,
    check_exposure,
    check_copies,
)
