"""The IVOA's XML schemas, which STILTS holds, on the documents that describe the services."""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path
from xml.etree import ElementTree
from zipfile import ZipFile

from validation import java
from validation.judging import Case, Judge, Setting
from validation.tap import SERVICES

_KINDS = ("capabilities", "availability", "tables", "async")
#: Where Debian's STILTS keeps what it is made of, and the schemas in it.
_JAR = Path("/usr/share/java/starlink-ttools.jar")
_INSIDE = "uk/ac/starlink/ttools/taplint/"
#: Two versions of these stand side by side there, and only the later holds.
_OUTDATED = ("TAPRegExt-v1.0-pre-Erratum1.xsd", "VOSITables-v1.0.xsd", "XMLSchema.xsd")


def _cases(setting: Setting) -> list[Case]:
    urls = [f"{base}/{kind}" for base in SERVICES.values() for kind in _KINDS]
    urls += [f"https://irsa.ipac.caltech.edu/SIA/{kind}" for kind in _KINDS[:2]]
    return [Case(url, partial(_validate, setting, url)) for url in urls]


def _validate(setting: Setting, url: str) -> list[str]:
    places = [f"schemaloc={name}={path}" for name, path in _schemas(setting.folder).items()]
    lines = java.stilts(setting, "xsdvalidate", *places, f"doc={url}").splitlines()
    return [line for line in lines if "Unused custom schema" not in line]


@lru_cache
def _schemas(folder: Path) -> dict[str, Path]:
    """Unpack the schemas; return where each namespace's newest version is."""
    found = {}
    with ZipFile(_JAR) as jar:
        for name in sorted(jar.namelist()):
            if name.endswith(".xsd") and not name.endswith(_OUTDATED):
                path = Path(jar.extract(name, folder))
                found[_namespace(path)] = path
    return found


def _namespace(path: Path) -> str:
    return ElementTree.parse(path).getroot().attrib["targetNamespace"]


JUDGE = Judge("xsdvalidate", "descriptions", _cases, java.PROGRAMS, {})
