"""Searches at random places give what astropy's geometry says: cones, SIA 1 and SIA 2.

The expected rows are computed from the tables of holdings, with astropy's separations and
projections, and share no code with the services.  Nearly all requests go to the application in
this process; a share goes over HTTP, through the proxy.
"""

from __future__ import annotations

import asyncio
import csv
import io
import math
from collections import Counter
from collections.abc import Callable, Iterable
from functools import lru_cache

import astropy.units as u
import httpx
import numpy as np
import pytest
import requests
from astropy.coordinates import SkyCoord
from astropy.io.votable import parse_single_table
from astropy.wcs import WCS
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

from replica.application import application
from replica.archive_folders import read_table

HEASARC, IRSA = "https://heasarc.gsfc.nasa.gov", "https://irsa.ipac.caltech.edu"
#: Examples of each property in a fast run, and in a thorough one.
EXAMPLES = 25 if settings().max_examples <= 200 else 600
# Not the phase that explains a failure: it traces each line, minutes for one of these.
PHASES = (Phase.explicit, Phase.generate, Phase.shrink)
few = settings(max_examples=EXAMPLES, phases=PHASES)
#: A share of them goes over HTTP.
share = settings(max_examples=max(10, EXAMPLES // 10), phases=PHASES)
APPLICATION = httpx.ASGITransport(application())

Ask = Callable[[str, dict[str, str]], bytes]


def ask_in_process(url: str, params: dict[str, str]) -> bytes:
    async def get() -> httpx.Response:
        # Without the environment's proxy, which leads to the replica that runs.
        async with httpx.AsyncClient(transport=APPLICATION, trust_env=False) as client:
            return await client.get(url, params=params)

    answer = asyncio.run(get())
    assert answer.status_code == 200, answer.text
    return answer.content


def ask_over_http(url: str, params: dict[str, str]) -> bytes:
    answer = requests.get(url, params=params, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.content


def column(body: bytes, name: str) -> list[str]:
    """A column of a VOTable, sorted."""
    table = parse_single_table(io.BytesIO(body))
    return sorted(map(str, table.array[name])) if table.nrows else []


def holdings(archive: str, **facts: str) -> list[dict[str, str]]:
    rows = read_table(archive, "holdings")
    return [row for row in rows if all(row[name] == value for name, value in facts.items())]


#: Places anywhere, and places where something is, the seams of the sky among them.
anywhere = st.tuples(
    st.floats(0, 359.9999), st.floats(-1, 1).map(lambda z: math.degrees(math.asin(z)))
)
HOT = [(83.63, 22.01), (83.08, 22.72), (350.87, 58.81), (0.0, 0.0), (359.99, -45.0), (10.0, 89.9)]
nearby = st.tuples(st.sampled_from(HOT), st.floats(-2.5, 2.5), st.floats(-2.5, 2.5)).map(
    lambda drawn: ((drawn[0][0] + drawn[1]) % 360, min(90.0, max(-90.0, drawn[0][1] + drawn[2])))
)
crab_places = st.tuples(st.floats(80.5, 88.5), st.floats(20.5, 25))


# Cone search


@lru_cache(maxsize=2)
def positions(table: str) -> tuple[SkyCoord, np.ndarray]:
    """Places and names of a table's rows: from the holdings, or from the survey's own zones."""
    if table == "chanmaster":
        rows = {row["obs_id"]: row for row in holdings("heasarc", collection=table)}
        names = np.array(list(rows))
        places = [(float(row["ra"]), float(row["dec"])) for row in rows.values()]
    else:
        from replica.archives.heasarc.rass_fields import rass_fields

        names = np.array([f"RS{field.number}N00" for field in rass_fields()])
        places = [(round(field.ra, 5), round(field.dec, 5)) for field in rass_fields()]
    return SkyCoord(places, unit="deg"), names


def check_cone(ask: Ask, table: str, place: tuple[float, float], radius: float) -> None:
    centres, names = positions(table)
    distance = centres.separation(SkyCoord(*place, unit="deg")).deg
    assume(np.abs(distance - radius).min() > 1e-9)  # no row on the circle itself
    params = {"table": table, "RA": repr(place[0]), "DEC": repr(place[1]), "SR": repr(radius)}
    body = ask(f"{HEASARC}/xamin/vo/cone", params)
    key = "obsid" if table == "chanmaster" else "seq_id"
    assert column(body, key) == sorted(names[distance < radius])


@few
@given(st.sampled_from(["chanmaster", "rassmaster"]), anywhere | nearby, st.floats(0, 180))
def test_a_cone_search_finds_what_is_inside(table, place, radius) -> None:
    check_cone(ask_in_process, table, place, radius)


@few
@given(st.sampled_from(["chanmaster", "rassmaster"]), nearby, st.floats(0.001, 8))
def test_a_small_cone_search_finds_what_is_inside(table, place, radius) -> None:
    check_cone(ask_in_process, table, place, radius)


@share
@given(st.sampled_from(["chanmaster", "rassmaster"]), anywhere | nearby, st.floats(0.001, 20))
def test_a_cone_search_over_http_finds_what_is_inside(table, place, radius) -> None:
    check_cone(ask_over_http, table, place, radius)


# Image search, version 1


def tangent_plane(row: dict[str, str]) -> WCS:
    """A plane about the centre of an image, with a pixel of a degree."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = "RA---TAN", "DEC--TAN"
    wcs.wcs.crval = float(row["ra"]), float(row["dec"])
    wcs.wcs.cdelt = 1, 1
    wcs.wcs.crpix = 1, 1
    return wcs


def lies(row: dict[str, str], place: tuple[float, float], size: float, how: str) -> bool:
    """Whether an image lies to a square as asked: the definitions of SIA 1.0, section 4.1.3."""
    centre = SkyCoord(float(row["ra"]), float(row["dec"]), unit="deg")
    if centre.separation(SkyCoord(*place, unit="deg")).deg >= 89.9:
        return False
    middle = tangent_plane(row).wcs_world2pix([place], 0)[0]
    # Edges of square and image along each axis: first those of the lower ends, then the upper.
    square = np.stack([middle - size / 2, middle + size / 2])
    half = np.array([float(row["width"]), float(row["height"])]) / 2
    image = np.stack([-half, half])
    gaps = np.stack([square - image, square - image[::-1], image - middle])
    assume(np.abs(gaps).min() > 1e-9)
    if how == "COVERS":
        inside = (square[0] > image[0]) & (square[1] < image[1])
    elif how == "ENCLOSED":
        inside = (square[0] < image[0]) & (square[1] > image[1])
    elif how == "CENTER":
        inside = (image[0] < middle) & (middle < image[1])
    else:
        inside = (square[0] < image[1]) & (square[1] > image[0])
    return bool(inside.all())


def check_images(ask: Ask, archive: str, place: tuple[float, float], size: float, how: str) -> None:
    params = {"POS": f"{place[0]!r},{place[1]!r}", "SIZE": repr(size), "INTERSECT": how}
    if archive == "irsa":
        rows, name = holdings("irsa", kind="int"), "sia_url"
        body = ask(f"{IRSA}/ibe/sia/wise/allwise/p3am_cdd", params)
    else:
        products = holdings("heasarc", collection="chanmaster")
        rows, name = [row for row in products if row["kind"] != "evt2"], "SIA_title"
        body = ask(f"{HEASARC}/xamin/vo/sia", params | {"table": "chanmaster"})
    expected = Counter(
        row["key"].rpartition("/")[2].removesuffix(".gz")
        for row in rows
        if lies(row, place, size, how)
    )
    found = Counter(text.rpartition("/")[2].removesuffix(".gz") for text in column(body, name))
    assert found == expected


ways = st.sampled_from(["COVERS", "ENCLOSED", "CENTER", "OVERLAPS"])
archives = st.sampled_from(["irsa", "heasarc"])


@few
@given(archives, crab_places | nearby, st.floats(0, 5), ways)
def test_an_image_search_finds_what_lies_as_asked(archive, place, size, how) -> None:
    check_images(ask_in_process, archive, place, size, how)


@few
@given(archives, anywhere, st.floats(0, 60), ways)
def test_an_image_search_anywhere_finds_what_lies_as_asked(archive, place, size, how) -> None:
    check_images(ask_in_process, archive, place, size, how)


@share
@given(archives, crab_places | nearby, st.floats(0, 5), ways)
def test_an_image_search_over_http_finds_what_lies_as_asked(archive, place, size, how) -> None:
    check_images(ask_over_http, archive, place, size, how)


# Image search, version 2

#: Degrees within which an answer may be either: the edges of an image are great circles in the
#: service, as its regions say, and lines of the projection here.
DOUBT = 0.002
#: Pixels of an AllWISE image, along each axis, and their size in degrees.
PIXELS, SCALE = 4095, 0.0003819444391411


@lru_cache(maxsize=4)
def tiles() -> dict[str, WCS]:
    """The tiles with the map of their images, as in the headers."""
    found = {}
    for row in holdings("irsa", kind="int"):
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = "RA---SIN", "DEC--SIN"
        wcs.wcs.crval = float(row["ra"]), float(row["dec"])
        wcs.wcs.cdelt = -SCALE, SCALE
        wcs.wcs.crpix = (PIXELS + 1) / 2, (PIXELS + 1) / 2
        found[row["obs_id"]] = wcs
    return found


@lru_cache(maxsize=4)
def edge(tile: str) -> SkyCoord:
    """Points on the edge of a tile, 700 on each side; its region ends at -0.5 and 4095.5."""
    along = np.linspace(-0.5, PIXELS + 0.5, 700)
    low, high = np.full(700, -0.5), np.full(700, PIXELS + 0.5)
    x, y = np.concatenate([along, high, along, low]), np.concatenate([low, along, high, along])
    return tiles()[tile].pixel_to_world(x - 1, y - 1)


@lru_cache(maxsize=4)
def grid(tile: str) -> SkyCoord:
    """Points all over a tile."""
    x, y = np.meshgrid(*[np.linspace(-0.5, PIXELS + 0.5, 90)] * 2)
    return tiles()[tile].pixel_to_world(x.ravel() - 1, y.ravel() - 1)


def on_tile(tile: str, places: SkyCoord) -> np.ndarray:
    x, y = tiles()[tile].world_to_pixel(places)
    near = places.separation(grid(tile)[0]).deg < 60
    return (
        near
        & (np.abs(x - PIXELS / 2 + 0.5) < PIXELS / 2 + 0.5)
        & (np.abs(y - PIXELS / 2 + 0.5) < PIXELS / 2 + 0.5)
    )


def tiles_found(ask: Ask, **params: str) -> set[str]:
    body = ask(f"{IRSA}/SIA", params | {"RESPONSEFORMAT": "csv"})
    return {row["obs_id"] for row in csv.DictReader(io.StringIO(body.decode()))}


def check_circle(ask: Ask, place: tuple[float, float], radius: float) -> None:
    centre = SkyCoord(*place, unit="deg")
    expected = set()
    for tile in tiles():
        distance = edge(tile).separation(centre).deg.min()
        assume(abs(distance - radius) > DOUBT and distance > DOUBT)
        if distance < radius or on_tile(tile, centre[None])[0]:
            expected.add(tile)
    position = f"CIRCLE {place[0]!r} {place[1]!r} {radius!r}"
    assert tiles_found(ask, POS=position) == expected


@few
@given(crab_places | anywhere, st.floats(0.0001, 3) | st.floats(3, 85))
def test_a_circle_finds_the_images_that_it_touches(place, radius) -> None:
    check_circle(ask_in_process, place, radius)


@share
@given(crab_places, st.floats(0.01, 2))
def test_a_circle_over_http_finds_the_images_that_it_touches(place, radius) -> None:
    check_circle(ask_over_http, place, radius)


def in_range(places: SkyCoord, ends: tuple[float, ...], margin: float) -> np.ndarray:
    ra, dec = places.ra.deg, places.dec.deg
    return (
        (ra >= ends[0] - margin)
        & (ra <= ends[1] + margin)
        & (dec >= ends[2] - margin)
        & (dec <= ends[3] + margin)
    )


@few
@given(crab_places, st.floats(0.05, 4), st.floats(0.05, 4))
def test_a_range_finds_the_images_that_reach_into_it(place, width, height) -> None:
    ends = (place[0], place[0] + width, place[1], place[1] + height)
    margin = 0.04  # the points lie so far apart, and a tile is not straight in these coordinates
    expected = set()
    corners = SkyCoord([(ra, dec) for ra in ends[:2] for dec in ends[2:]], unit="deg")
    for tile in tiles():
        surely = in_range(grid(tile), ends, -margin).any() or on_tile(tile, corners).any()
        perhaps = surely or in_range(grid(tile), ends, margin).any()
        assume(surely == perhaps)
        expected |= {tile} if surely else set()
    assert tiles_found(ask_in_process, POS="RANGE " + " ".join(map(repr, ends))) == expected


def in_triangle(places: SkyCoord, corners: SkyCoord) -> np.ndarray:
    """Whether places are on the inner side of the three great circles."""
    points, vertices = places.cartesian.xyz.value.T, corners.cartesian.xyz.value.T
    normals = np.cross(vertices, np.roll(vertices, -1, axis=0))
    sides = points @ normals.T
    inward = np.sign(vertices.sum(axis=0) @ normals.T)
    return (sides * inward > 0).all(axis=1)


@few
@given(crab_places, st.floats(0.3, 3), st.floats(0, 359))
def test_a_triangle_finds_the_images_that_it_touches(place, size, turn) -> None:
    middle = SkyCoord(*place, unit="deg")

    def triangle(factor: float) -> SkyCoord:
        turns = (np.array([0, 120, 240]) + turn) % 360
        return middle.directional_offset_by(turns * u.deg, size * factor * u.deg)

    expected = set()
    for tile in tiles():
        smaller, larger = (
            in_triangle(grid(tile), triangle(factor)).any() or on_tile(tile, triangle(factor)).any()
            for factor in (1 - 0.05 / size, 1 + 0.05 / size)
        )
        assume(smaller == larger)
        expected |= {tile} if smaller else set()
    corners = triangle(1)
    numbers = np.transpose([corners.ra.deg, corners.dec.deg]).ravel().tolist()
    assert tiles_found(ask_in_process, POS="POLYGON " + " ".join(map(repr, numbers))) == expected


LIMITS = {"W1": (3e-6, 4e-6), "W2": (4e-6, 5e-6), "W3": (8e-6, 1.6e-5), "W4": (2e-5, 2.4e-5)}
wavelengths = st.floats(2e-6, 3e-5)


@few
@given(wavelengths, wavelengths)
def test_an_interval_of_wavelengths_finds_the_bands_that_it_meets(one, other) -> None:
    low, high = sorted((one, other))
    params = {"POS": "CIRCLE 83.63 22.01 0.01", "BAND": f"{low!r} {high!r}"}
    body = ask_in_process(f"{IRSA}/SIA", params | {"RESPONSEFORMAT": "csv"})
    found = {row["energy_bandpassname"] for row in csv.DictReader(io.StringIO(body.decode()))}
    assert found == {
        name for name, (first, last) in LIMITS.items() if first <= high and last >= low
    }


# The tests themselves


def rows_of(values: Iterable[str]) -> bytes:
    """An answer with other rows than the right ones."""
    cells = "".join(f"<TR><TD>{value}</TD></TR>" for value in values)
    return (
        '<VOTABLE version="1.3"><RESOURCE><TABLE><FIELD name="seq_id" ID="seq_id" '
        f'datatype="char" arraysize="*"/><DATA><TABLEDATA>{cells}</TABLEDATA></DATA>'
        "</TABLE></RESOURCE></VOTABLE>"
    ).encode()


@settings(max_examples=2)
@given(st.sampled_from([[], ["RS931315N00", "RS000000N00"]]))
def test_a_wrong_answer_is_noticed(wrong: list[str]) -> None:
    with pytest.raises(AssertionError):
        check_cone(lambda url, params: rows_of(wrong), "rassmaster", (83.6, 22.0), 3.5)
