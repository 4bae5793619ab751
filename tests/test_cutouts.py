"""Streamed cutouts: the right pixels, on the right sky, for few requests and bytes."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.nddata import Cutout2D
from astropy.wcs import WCS
from replicas import RunningReplica, file_server

from helpers import CutoutError, DownloadError, FitsError, Transfer, cutout, cutouts, open_fits
from helpers.remote.fits_cache import CACHED_FILES, remote_fits
from helpers.remote.sparse_file import merge
from helpers.wcs import celestial_wcs
from replica.holdings import Product, select
from replica.storage.cache import ensure

CRAB = SkyCoord(83.633210, 22.014460, unit="deg")
WIDTH = 0.0889 * u.deg
TARGET = SkyCoord(150.02, 2.01, unit="deg")
STAMP = 20

ALLWISE = select(obs_id="0830p227_ac51", band="W1", kind="int")[0]
STACK = select(obs_id="rings.v3.skycell.1784.059.stk.r", kind="unconv")[0]


def address(product: Product) -> str:
    return f"s3://{product.bucket}/{product.key}"


@pytest.fixture
def forgetful() -> Iterator[None]:
    """Nothing is remembered of any file."""
    remote_fits.cache_clear()
    yield
    remote_fits.cache_clear()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder and the address under which its files can be read in ranges."""
    folder = tmp_path_factory.mktemp("served")
    with file_server(folder) as base:
        yield folder, base


@pytest.mark.usefixtures("forgetful")
def test_a_plain_cutout_takes_the_header_and_one_span(shared_replica: RunningReplica) -> None:
    ensure(ALLWISE)
    with shared_replica.requests_inside() as first:
        stamp = cutout(address(ALLWISE), CRAB, WIDTH)
    with shared_replica.requests_inside() as second:
        cutout(address(ALLWISE), CRAB, WIDTH)
    assert len(first) == 2
    assert sum(entry["bytes"] for entry in first) <= 3.9e6
    assert len(second) == 1
    assert stamp.shape == (233, 233)


@pytest.mark.usefixtures("forgetful")
def test_a_compressed_cutout_takes_the_header_the_table_and_one_span(
    shared_replica: RunningReplica,
) -> None:
    path = ensure(STACK)
    with shared_replica.requests_inside() as first:
        stamp = cutout(address(STACK), CRAB, WIDTH)
    with shared_replica.requests_inside() as second:
        cutout(address(STACK), CRAB, WIDTH)
    with fits.open(path, disable_image_compression=True) as hdus:
        hdus[1]._load_variable_length_data = False
        lengths = hdus[1].data["COMPRESSED_DATA"][: stamp.shape[0], 0]
    assert len(first) <= 3
    assert sum(entry["bytes"] for entry in first) <= 1.03 * lengths.sum()
    assert len(second) <= 2


@pytest.mark.usefixtures("forgetful")
@pytest.mark.parametrize(("product", "hdu"), [(ALLWISE, 0), (STACK, 1)], ids=["plain", "RICE"])
def test_pixels_are_those_of_the_whole_file(product: Product, hdu: int) -> None:
    stamp = cutout(address(product), CRAB, WIDTH)
    with fits.open(ensure(product)) as hdus:
        wcs = celestial_wcs(hdus[hdu].header)
        whole = Cutout2D(hdus[hdu].data, CRAB, WIDTH, wcs=wcs)
    assert np.array_equal(stamp.data, whole.data, equal_nan=True)
    assert stamp.wcs.wcs.compare(whole.wcs.wcs)


def image_header(**cards: object) -> fits.Header:
    """A header whose image has its middle near the target."""
    basic = {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRVAL1": 150.0,
        "CRVAL2": 2.0,
        "CRPIX1": 120.5,
        "CRPIX2": 90.5,
        "CDELT1": -0.001,
        "CDELT2": 0.001,
    }
    return fits.Header({**basic, **cards})


def pixels(*shape: int, dtype: str = "float32") -> np.ndarray:
    values = np.random.default_rng(1).normal(100, 20, shape)
    return values.astype(dtype)


def plain(header: fits.Header, data: np.ndarray) -> fits.HDUList:
    return fits.HDUList([fits.PrimaryHDU(data, header)])


def compressed(**options: object) -> fits.HDUList:
    data = pixels(180, 240, dtype="int16") if options.pop("whole", True) else pixels(180, 240)
    return fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data, image_header(), **options)])


def old_style_matrix() -> fits.HDUList:
    header = image_header(CDELT1=0.001)
    for keyword, value in (("PC001001", -1), ("PC001002", 0), ("PC002001", 0), ("PC002002", 1)):
        header[keyword] = float(value)
    return plain(header, pixels(180, 240))


def cd_matrix() -> fits.HDUList:
    header = image_header(CD1_1=-0.0008, CD1_2=0.0006, CD2_1=0.0006, CD2_2=0.0008)
    del header["CDELT*"]
    return plain(header, pixels(180, 240))


def distorted() -> fits.HDUList:
    header = image_header(CTYPE1="RA---TAN-SIP", CTYPE2="DEC--TAN-SIP")
    header.update({"A_ORDER": 2, "A_2_0": 1e-5, "B_ORDER": 2, "B_0_2": 2e-5})
    return plain(header, pixels(180, 240))


def several_images() -> fits.HDUList:
    images = [
        fits.ImageHDU(pixels(180, 240) + number, image_header(), name=name, ver=version)
        for number, (name, version) in enumerate([("SCI", 1), ("ERR", 1), ("SCI", 2)])
    ]
    table = fits.BinTableHDU.from_columns([fits.Column("A", "J", array=np.arange(50_000))])
    return fits.HDUList([fits.PrimaryHDU(), table, *images])


VARIANTS: dict[str, tuple[Callable[[], fits.HDUList], dict[str, object], int]] = {
    "CDELT": (lambda: plain(image_header(), pixels(180, 240)), {}, 0),
    "CD": (cd_matrix, {}, 0),
    "PC": (lambda: plain(image_header(PC1_2=0.3, PC2_1=-0.3), pixels(180, 240)), {}, 0),
    "old PC": (old_style_matrix, {}, 0),
    "SIP": (distorted, {}, 0),
    "galactic": (
        lambda: plain(
            image_header(CTYPE1="GLON-CAR", CTYPE2="GLAT-CAR", CRVAL1=235.9, CRVAL2=42.4),
            pixels(180, 240),
        ),
        {"at": SkyCoord(235.9, 42.4, unit="deg", frame="galactic")},
        0,
    ),
    "integers with BZERO": (lambda: plain(image_header(), pixels(180, 240, dtype="uint16")), {}, 0),
    "bytes": (lambda: plain(image_header(), pixels(180, 240, dtype="uint8")), {}, 0),
    "cube": (lambda: plain(image_header(), pixels(3, 180, 240)), {"plane": 2}, 0),
    "degenerate axes": (lambda: plain(image_header(), pixels(1, 1, 180, 240)), {}, 0),
    "second image by name": (several_images, {"hdu": ("SCI", 2)}, 4),
    "image by number": (several_images, {"hdu": 3}, 3),
    "first image behind a table": (several_images, {}, 2),
    "RICE rows": (lambda: compressed(compression_type="RICE_1"), {}, 1),
    "RICE squares": (
        lambda: compressed(compression_type="RICE_1", tile_shape=(32, 50)),
        {},
        1,
    ),
    "GZIP_2": (lambda: compressed(compression_type="GZIP_2"), {}, 1),
    "HCOMPRESS": (
        lambda: compressed(compression_type="HCOMPRESS_1", tile_shape=(30, 30)),
        {},
        1,
    ),
    "quantized": (
        lambda: compressed(whole=False, compression_type="RICE_1", quantize_level=16),
        {},
        1,
    ),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("remote", [True, False], ids=["remote", "local"])
def test_every_kind_of_image_gives_astropys_pixels(served, variant: str, remote: bool) -> None:
    make, options, number = VARIANTS[variant]
    options = dict(options)
    position = options.pop("at", TARGET)
    folder, base = served
    path = folder / f"{variant.replace(' ', '_')}.fits"
    make().writeto(path, overwrite=True)
    stamp = cutout(f"{base}/{path.name}" if remote else path, position, STAMP, **options)
    with fits.open(path) as hdus:
        data = np.squeeze(hdus[number].data)
        data = data[options["plane"]] if data.ndim == 3 else data
        whole = Cutout2D(data, position, STAMP, wcs=celestial_wcs(hdus[number].header))
    assert np.array_equal(stamp.data, whole.data)
    middle = stamp.wcs.world_to_pixel(position)
    assert np.allclose(middle, whole.wcs.world_to_pixel(position))
    assert np.allclose(celestial_wcs(stamp.header).wcs.crpix, stamp.wcs.wcs.crpix)
    assert not stamp.partial


def test_an_image_deep_in_a_file_costs_headers_not_neighbours(served) -> None:
    folder, base = served
    several_images().writeto(folder / "deep.fits", overwrite=True)
    with Transfer() as transfer:
        cutout(f"{base}/deep.fits", TARGET, STAMP, hdu=("SCI", 2))
    assert transfer.bytes < (folder / "deep.fits").stat().st_size


def test_a_cutout_over_the_edge_says_that_it_is_partial(served) -> None:
    folder, base = served
    plain(image_header(), pixels(180, 240)).writeto(folder / "edge.fits", overwrite=True)
    corner = WCS(image_header()).pixel_to_world(4.4, 4.4)
    stamp = cutout(f"{base}/edge.fits", corner, STAMP)
    assert stamp.partial
    assert stamp.shape == (15, 15)
    assert np.allclose(stamp.wcs.world_to_pixel(corner), (4.4, 4.4))


def test_a_cutout_outside_names_the_position_and_the_image(served) -> None:
    folder, base = served
    plain(image_header(), pixels(180, 240)).writeto(folder / "far.fits", overwrite=True)
    with pytest.raises(CutoutError, match=r"83\.6332.*far\.fits.*150\.0000 2\.0000") as caught:
        cutout(f"{base}/far.fits", CRAB, STAMP)
    assert caught.value.url == f"{base}/far.fits"


@pytest.mark.parametrize(
    ("shape", "plane", "message"),
    [((3, 180, 240), None, "plane="), ((3, 180, 240), 3, "no plane 3"), ((2, 2, 9, 9), 0, "axes")],
)
def test_a_cube_needs_a_plane_that_it_has(tmp_path, shape, plane, message) -> None:
    plain(image_header(CRPIX1=5, CRPIX2=5), pixels(*shape)).writeto(tmp_path / "cube.fits")
    with pytest.raises(CutoutError, match=message):
        cutout(tmp_path / "cube.fits", SkyCoord(150, 2, unit="deg"), 4, plane=plane)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>We are back soon</html>", "as FITS"),
        (b"", "as FITS"),
        (b"SIMPLE  =                    T" + b" " * 100, "as FITS"),
    ],
    ids=["page", "empty", "half a header"],
)
def test_what_is_not_fits_is_refused_by_name(served, content: bytes, message: str) -> None:
    folder, base = served
    (folder / "odd.fits").write_bytes(content)
    remote_fits.cache_clear()
    with pytest.raises((FitsError, DownloadError), match=r"odd\.fits"):
        cutout(f"{base}/odd.fits", TARGET, STAMP)


def test_a_table_is_no_image(tmp_path) -> None:
    fits.BinTableHDU.from_columns([fits.Column("A", "J", array=[1])]).writeto(tmp_path / "t.fits")
    with pytest.raises(FitsError, match="celestial"):
        cutout(tmp_path / "t.fits", TARGET, STAMP)


@pytest.mark.parametrize("name", ["image.fits.gz", "image-in-disguise.fits"])
def test_a_file_compressed_as_a_whole_is_read_whole(served, name: str) -> None:
    folder, base = served
    plain(image_header(), pixels(180, 240)).writeto(folder / "image.fits", overwrite=True)
    (folder / name).write_bytes(gzip.compress((folder / "image.fits").read_bytes()))
    from_gzip = cutout(f"{base}/{name}", TARGET, STAMP)
    assert np.array_equal(from_gzip.data, cutout(folder / "image.fits", TARGET, STAMP).data)
    assert np.array_equal(from_gzip.data, cutout(folder / name, TARGET, STAMP).data)


def test_a_whole_compressed_product_takes_one_request(shared_replica: RunningReplica) -> None:
    product = select(obs_id="13751", kind="cntr_img2")[0]
    ensure(product)
    with shared_replica.requests_inside() as requests, open_fits(address(product)) as hdus:
        assert hdus[0].data.shape == (1024, 1024)
    assert len(requests) == 1


def test_a_missing_key_is_told_with_its_address() -> None:
    with pytest.raises(DownloadError, match=r"404.*check bucket and key") as caught:
        cutout("s3://nasa-irsa-wise/no/such.fits", CRAB, WIDTH)
    assert caught.value.url == "https://nasa-irsa-wise.s3.us-west-2.amazonaws.com/no/such.fits"


def test_a_whole_image_is_read_without_small_steps(served) -> None:
    folder, base = served
    plain(image_header(), pixels(1000, 1000)).writeto(folder / "whole.fits", overwrite=True)
    with Transfer() as transfer, open_fits(f"{base}/whole.fits") as hdus:
        assert hdus[0].data.shape == (1000, 1000)
    assert transfer.requests <= 3
    assert transfer.bytes < 1.05 * (folder / "whole.fits").stat().st_size


@pytest.fixture(scope="module")
def grid(served) -> tuple[str, list[SkyCoord]]:
    """An address and the positions of fifty cutouts of it."""
    folder, base = served
    plain(image_header(), pixels(180, 240)).writeto(folder / "grid.fits", overwrite=True)
    wcs = WCS(image_header())
    places = [(20 + 20 * column, 20 + 30 * row) for row in range(5) for column in range(10)]
    return f"{base}/grid.fits", [wcs.pixel_to_world(*place) for place in places]


@pytest.mark.usefixtures("forgetful")
def test_many_cutouts_come_in_order_for_a_request_each(grid) -> None:
    url, positions = grid
    with Transfer() as transfer:
        stamps = cutouts([(url, position) for position in positions], 9, progress=False)
    assert transfer.requests <= len(positions) + 1
    for stamp, position in zip(stamps, positions, strict=True):
        assert np.allclose(stamp.wcs.world_to_pixel(position), (4, 4), atol=0.6)


def test_a_failed_cutout_is_reported_in_its_place(grid) -> None:
    url, positions = grid
    targets = [(url, positions[0]), (f"{url}.missing", positions[0]), (url, CRAB)]
    first, second, third = cutouts(targets, 9, progress=False)
    assert first.shape == (9, 9)
    assert isinstance(second, DownloadError)
    assert isinstance(third, CutoutError)


def test_processes_do_the_same_work_as_threads(grid) -> None:
    url, positions = grid
    targets = [(url, position) for position in positions[:4]]
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        apart = cutouts(targets, 9, executor=executor, progress=False)
    here = cutouts(targets, 9, progress=False)
    for one, other in zip(apart, here, strict=True):
        assert np.array_equal(one.data, other.data)


def test_what_is_remembered_is_bounded(grid) -> None:
    assert remote_fits.cache_info().maxsize == CACHED_FILES


def test_a_cutout_does_not_keep_its_image(tmp_path) -> None:
    plain(image_header(), pixels(180, 240)).writeto(tmp_path / "parent.fits")
    assert cutout(tmp_path / "parent.fits", TARGET, STAMP).data.base is None


@pytest.mark.parametrize(
    ("ranges", "gap", "merged"),
    [
        ([], 5, []),
        ([(0, 10), (10, 20)], 0, [(0, 20)]),
        ([(50, 60), (0, 10), (12, 20)], 5, [(0, 20), (50, 60)]),
        ([(0, 100), (10, 20)], 0, [(0, 100)]),
    ],
)
def test_near_ranges_become_one(ranges, gap, merged) -> None:
    assert merge(ranges, gap) == merged


@pytest.mark.parametrize("position", [(83.63, 22.01), "M1", CRAB.cartesian, [CRAB]])
def test_a_position_that_is_no_skycoord_is_refused(position: object) -> None:
    with pytest.raises(CutoutError, match="one SkyCoord"):
        cutout(address(ALLWISE), position, WIDTH)


@pytest.mark.parametrize("size", [0.05, 0, -3, 0 * u.deg, -1 * u.arcmin, 2 * u.s, "2 arcmin"])
def test_a_size_that_is_none_is_refused(size: object) -> None:
    with pytest.raises(CutoutError, match="positive angle or pixels"):
        cutout(address(ALLWISE), CRAB, size)


def test_a_size_may_have_two_lengths() -> None:
    assert cutout(address(ALLWISE), CRAB, (3, 5)).shape == (3, 5)
    assert cutout(address(ALLWISE), CRAB, (10, 20) * u.arcsec).shape == (7, 15)
