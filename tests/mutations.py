"""Alterations of a second replica, and what the drift check must show each of them as."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import ncompress
from replicas import ROOT

from replica.holdings import Product, holdings
from replica.storage.cache import path_of

#: Question, kind of difference, fact.
Difference = tuple[str, str, str]


@dataclass(frozen=True)
class Mutation:
    """One edit of a source file or of a data file of the replica, and what it must show as."""

    file: str
    old: str
    new: str
    shown: tuple[Difference, ...]


MUTATIONS = {
    "renamed column": Mutation(
        "archives/irsa/image_search_1.py",
        'Field("magzpunc"',
        'Field("zero_point_error"',
        (
            ("IRSA image search", "gone", "field magzpunc"),
            ("IRSA image search", "new", "field zero_point_error"),
        ),
    ),
    "UCD of a column": Mutation(
        "archives/irsa/image_search_1.py",
        '"VOX:BandPass_RefValue"',
        '"em.wl.central"',
        (("IRSA image search", "changed", "field sia_bp_ref"),),
    ),
    "datatype of a column": Mutation(
        "archives/irsa/image_search_1.py",
        'Field("sia_naxes", "int"',
        'Field("sia_naxes", "long"',
        (("IRSA image search", "changed", "field sia_naxes"),),
    ),
    "unit of a column": Mutation(
        "archives/irsa/image_search_1.py",
        'Field("sia_ra", "double", "deg"',
        'Field("sia_ra", "double", "rad"',
        (("IRSA image search", "changed", "field sia_ra"),),
    ),
    "parameter": Mutation(
        "archives/irsa/image_search_1.py",
        'Field("sia_radesys"',
        'Field("sia_frame"',
        (
            ("IRSA image search", "gone", "param sia_radesys"),
            ("IRSA image search", "new", "param sia_frame"),
        ),
    ),
    "region in a cell": Mutation(
        "archives/irsa/buckets.csv",
        "us-west-2",
        "us-west-1",
        (
            ("IRSA image search", "changed", "cell cloud_access aws.region"),
            ("IRSA image search 2", "changed", "cell cloud_access aws.region"),
        ),
    ),
    "key pattern in a listing": Mutation(
        "archives/s3/listings.py",
        '"Key": key,',
        '"Key": key.replace("-cov-", "_cov_").replace("_mex.", "_mx."),',
        tuple(
            (question, kind, f"key {form}")
            for question, kind, form in (
                *(
                    ("AllWISE folder", kind, f"wise/allwise/images/p#am_cdd/#/#/#p#_ac#/#p#_ac#{n}")
                    for kind, n in (("gone", "-w#-cov-#.fits.gz"), ("new", "-w#_cov_#.fits.gz"))
                ),
                *(
                    ("ROSAT folder", kind, f"rosat/data/pspc/processed_data/#/rs#n#/rs#n#{name}")
                    for kind, name in (("gone", "_mex.fits"), ("new", "_mx.fits"))
                ),
            )
        ),
    ),
    "element of a listing": Mutation(
        "archives/s3/listings.py",
        '        "StorageClass": "STANDARD",\n',
        "",
        (
            ("AllWISE folder", "gone", "element Contents/StorageClass"),
            ("ROSAT folder", "gone", "element Contents/StorageClass"),
        ),
    ),
    "value of a keyword": Mutation(
        "0830p227_ac51-w1-int-3.fits",
        "BUNIT   = 'DN      '",
        "BUNIT   = 'Jy      '",
        (("AllWISE header", "changed", "HDU 0 BUNIT"),),
    ),
    "keyword that cannot be read": Mutation(
        "0830p227_ac51-w1-int-3.fits",
        "MAGZP   =                 20.5",
        "MAGZP   =               '20.5 ",
        (("AllWISE header", "changed", "HDU 0 MAGZP"),),
    ),
    "UCD of a MAST column": Mutation(
        "archives/mast/columns.csv",
        "Mast.Caom.Cone,t_exptime,float,Exposure Length,double,time.duration;obs.exposure",
        "Mast.Caom.Cone,t_exptime,float,Exposure Length,double,time.duration",
        (("MAST columns of observations", "changed", "column t_exptime"),),
    ),
    "name of a MAST column": Mutation(
        "archives/mast/columns.csv",
        "Mast.Caom.Cone,srcDen,",
        "Mast.Caom.Cone,sourceDensity,",
        (
            ("MAST columns of observations", "gone", "column srcDen"),
            ("MAST columns of observations", "new", "column sourceDensity"),
            ("MAST observations", "gone", "field srcDen"),
            ("MAST observations", "new", "field sourceDensity"),
            ("MAST observations", "gone", "key data[].srcDen"),
            ("MAST observations", "new", "key data[].sourceDensity"),
            ("MAST Hubble observations", "gone", "field srcDen"),
            ("MAST Hubble observations", "new", "field sourceDensity"),
            ("MAST Hubble observations", "gone", "key data[].srcDen"),
            ("MAST Hubble observations", "new", "key data[].sourceDensity"),
        ),
    ),
    "type of a MAST column": Mutation(
        "archives/mast/columns.csv",
        "Mast.Caom.Products,size,int,File Size,long",
        "Mast.Caom.Products,size,float,File Size,int",
        (
            ("MAST columns of products", "changed", "column size"),
            ("MAST products", "changed", "field size"),
        ),
    ),
    "JSON key of the portal": Mutation(
        "archives/mast/portal.py",
        '        "rowsTotal": len(rows),\n',
        "",
        (
            ("MAST observations", "gone", "key paging.rowsTotal"),
            ("MAST products", "gone", "key paging.rowsTotal"),
            ("MAST Hubble observations", "gone", "key paging.rowsTotal"),
        ),
    ),
    "kind of a JSON value": Mutation(
        "archives/mast/portal.py",
        '"status": "COMPLETE", "msg": ""',
        '"status": "COMPLETE", "msg": None',
        (
            ("MAST observations", "changed", "key msg"),
            ("MAST products", "changed", "key msg"),
            ("MAST Hubble observations", "changed", "key msg"),
        ),
    ),
    "JSON key of the path look-up": Mutation(
        "archives/mast/routes.py",
        '{"status_code": 200, "path"',
        '{"status": 200, "path"',
        (
            ("MAST path look-up", "gone", "key status_code"),
            ("MAST path look-up", "new", "key status"),
        ),
    ),
    "address of the path look-up": Mutation(
        "archives/mast/routes.py",
        '"/api/v0.1/path_lookup/"',
        '"/api/v0.1/path_lookup"',
        (("MAST path look-up", "new", "redirect"),),
    ),
    "keyword of a compressed image": Mutation(
        "1784.059.stk.r.unconv.fits",
        "BSOFTEN =",
        "SOFTENB =",
        (
            ("Pan-STARRS header", "gone", "COMPRESSED_IMAGE BSOFTEN"),
            ("Pan-STARRS header", "new", "COMPRESSED_IMAGE SOFTENB"),
            ("Pan-STARRS cutout", "new", "HDU 0 SOFTENB"),
        ),
    ),
    "instrument of a Hubble file": Mutation(
        "u2u60201t_drz.fits",
        "INSTRUME= 'WFPC2   '",
        "INSTRUME= 'WFC3    '",
        (("Hubble header", "changed", "HDU 0 INSTRUME"),),
    ),
    "datatype of a cutout": Mutation(
        "archives/irsa/files.py",
        "fits.PrimaryHDU(part.data, header)",
        "fits.PrimaryHDU(part.data.astype('f8'), header)",
        (("IRSA cutout", "changed", "HDU 0 BITPIX"),),
    ),
    "datatype of a column of TAP": Mutation(
        "archives/irsa/routes.py",
        'Field("collection")',
        'Field("collection", "unicodeChar*")',
        (("IRSA TAP", "changed", "field collection"),),
    ),
    "UCD of a column of a cone search": Mutation(
        "archives/heasarc/facts.py",
        '"instr.setup"',
        '"instr.filter"',
        (("HEASARC cone search", "changed", "field grating"),),
    ),
    "JSON key of the name resolver": Mutation(
        "archives/mast/resolver.py",
        '"searchRadius": -1.0,',
        "",
        (("MAST name resolver", "gone", "key resolvedCoordinate[].searchRadius"),),
    ),
    "unit of a column of MAST's TAP": Mutation(
        "archives/mast/caom_tables.py",
        '"s_ra": "deg"',
        '"s_ra": "rad"',
        (("MAST TAP", "changed", "field s_ra"),),
    ),
    "key in MAST's cloud_access": Mutation(
        "archives/mast/image_search.py",
        '"access":"open"',
        '"access":"region"',
        (("MAST image search", "changed", "cell cloud_access aws.access"),),
    ),
    "type of a catalogue's column": Mutation(
        "archives/mast/ps1_columns.csv",
        "objID,BIGINT,long",
        "objID,BIGINT,int",
        (
            ("Pan-STARRS objects", "changed", "field objID"),
            ("Pan-STARRS objects", "changed", "cell objID"),
        ),
    ),
    "frame of a cutout": Mutation(
        "archives/mast/ps1_cutouts.py",
        '("FK5", "added by fitscut")',
        '("ICRS", "added by fitscut")',
        (("Pan-STARRS cutout", "changed", "HDU 0 RADESYS"),),
    ),
    "feature of ADQL": Mutation(
        "protocols/tap_documents.py",
        '("UNION", "EXCEPT", "INTERSECT")',
        '("UNION", "EXCEPT")',
        (("registry capabilities", "gone", "features-adql-sets INTERSECT"),),
    ),
    "type of an interface": Mutation(
        "archives/heasarc/registry_interfaces.csv",
        "ivo://nasa.heasarc/chanmaster,ivo://ivoa.net/std/sia,vs:paramhttp,std",
        "ivo://nasa.heasarc/chanmaster,ivo://ivoa.net/std/sia,vs:webservice,std",
        (("registry search", "changed", "cell intf_types"),),
    ),
    "UCD at HEASARC": Mutation(
        "archives/heasarc/image_search.py",
        '"INST_ID"',
        '"meta.id;instr"',
        (("HEASARC image search", "changed", "field SIA_instrument"),),
    ),
    "unit of a source's column": Mutation(
        "archives/heasarc/columns.csv",
        "rassbsc,exposure,int,s,",
        "rassbsc,exposure,int,d,",
        (("ROSAT sources", "changed", "field exposure"),),
    ),
    "renamed column of links": Mutation(
        "protocols/datalink.py",
        'Field("local_semantics"',
        'Field("own_semantics"',
        (
            ("HEASARC links", "gone", "field local_semantics"),
            ("HEASARC links", "new", "field own_semantics"),
        ),
    ),
    "JSON key in a cell": Mutation(
        "archives/heasarc/facts.py",
        '"region": buckets()[bucket]',
        '"zone": buckets()[bucket]',
        (
            ("HEASARC links", "gone", "cell cloud_access aws.region"),
            ("HEASARC links", "new", "cell cloud_access aws.zone"),
        ),
    ),
    "instrument of a gzipped file": Mutation(
        "acisf04607N003_cntr_img2.fits.gz",
        "INSTRUME= 'ACIS    '",
        "INSTRUME= 'HRC     '",
        (("Chandra file", "changed", "HDU 0 INSTRUME"),),
    ),
    "column of the events": Mutation(
        "rs931315n00_bas.fits.Z",
        "TFORM3  = '1I      '",
        "TFORM3  = '1U      '",
        (("ROSAT file", "changed", "STDEVT column PHA TFORM"),),
    ),
}
EXPECTED = {shown for mutation in MUTATIONS.values() for shown in mutation.shown}

Codec = Callable[[bytes], bytes]
CODECS: dict[str, tuple[Codec, Codec]] = {
    ".fits": (bytes, bytes),
    ".gz": (gzip.decompress, gzip.compress),
    ".Z": (ncompress.decompress, ncompress.compress),
}


def copy_of_source(folder: Path) -> Path:
    """Copy the package, to be edited and run; return the folder to import it from."""
    shutil.copytree(
        ROOT / "replica", folder / "replica", ignore=shutil.ignore_patterns("__pycache__")
    )
    return folder


def edit(folder: Path, mutation: Mutation) -> None:
    path = folder / "replica" / mutation.file
    text = path.read_text(encoding="utf-8")
    assert mutation.old in text, f"{mutation.file} has changed: write the mutation anew"
    path.write_text(text.replace(mutation.old, mutation.new), encoding="utf-8")


def product_named(ending: str) -> Product:
    return next(product for product in holdings() if product.key.endswith(ending))


def edit_data(cache: Path, mutation: Mutation) -> None:
    product = product_named(mutation.file)
    unpack, pack = CODECS[Path(mutation.file).suffix]
    link = cache / path_of(product).name
    content = unpack(link.read_bytes())
    altered = content.replace(mutation.old.encode(), mutation.new.encode())
    assert altered != content, f"{mutation.file} has changed: write the mutation anew"
    link.unlink()
    link.write_bytes(pack(altered))


def linked_cache(folder: Path) -> Path:
    """A cache folder that has all files of the real one, without copying them."""
    cache = folder / "cache"
    cache.mkdir()
    for product in holdings():
        if path_of(product).exists():
            (cache / path_of(product).name).symlink_to(path_of(product).resolve())
    return cache


def from_copy(folder: Path) -> dict[str, str]:
    """The environment in which ``python -m replica`` runs the copy in a folder."""
    return {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}
