"""What a TAP service says of itself: its capabilities (TAPRegExt 1.0) and examples (DALI 1.1)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from replica.middleware.body_limit import UPLOAD_LIMIT
from replica.protocols import adql, uws
from replica.protocols.table_formats import FORMATS, Format
from replica.protocols.tap_query import MAXREC
from replica.protocols.vosi import capabilities_document, interface

_FEATURE = "ivo://ivoa.net/std/TAPRegExt#features-"
#: What the ADQL engine can do, as far as GAVO's service says it too: type of language features
#: to their forms.
_FEATURES = {
    f"{_FEATURE}udf": (
        "ivo_hasword(haystack TEXT, needle TEXT) -> INTEGER",
        "ivo_hashlist_has(hashlist TEXT, item TEXT) -> INTEGER",
        "ivo_nocasematch(value TEXT, pattern TEXT) -> INTEGER",
        "ivo_string_agg(expression TEXT, delimiter TEXT) -> TEXT",
        "ivo_interval_overlaps(l1 NUMERIC, h1 NUMERIC, l2 NUMERIC, h2 NUMERIC) -> INTEGER",
        "ivo_to_mjd(d TIMESTAMP) -> DOUBLE PRECISION",
        "ivo_to_jd(d TIMESTAMP) -> DOUBLE PRECISION",
    ),
    f"{_FEATURE}adqlgeo": (
        *("POINT", "CIRCLE", "POLYGON", "BOX", "CONTAINS", "INTERSECTS", "DISTANCE"),
        *("COORD1", "COORD2", "AREA", "CENTROID", "REGION"),
    ),
    f"{_FEATURE}adql-string": ("LOWER", "UPPER", "ILIKE"),
    f"{_FEATURE}adql-sets": ("UNION", "EXCEPT", "INTERSECT"),
    f"{_FEATURE}adql-common-table": ("WITH",),
    f"{_FEATURE}adql-offset": ("OFFSET",),
    f"{_FEATURE}adql-type": ("CAST",),
    f"{_FEATURE}adql-unit": ("IN_UNIT",),
}
_UPLOADS = ("upload-inline", "upload-http", "upload-https")


@dataclass(frozen=True)
class Example:
    """A query for the page of examples: identifier, title, sentence and ADQL."""

    identifier: str
    title: str
    description: str
    query: str


#: Identifier and name of a data model; type and forms of language features.
DataModel = tuple[str, str]
Features = tuple[str, tuple[str, ...]]


def capabilities(
    url: str,
    data_models: Iterable[DataModel],
    more: Iterable[Features],
    formats: Iterable[Format] = FORMATS,
) -> str:
    """Write the VOSI capabilities document of a TAP service.

    Parameters
    ----------
    url : str
        Its base URL.
    data_models : iterable of (str, str)
        Those that its tables follow.
    more : iterable of (str, tuple of str)
        Features of its language beside those that all services have.
    formats : iterable of Format
        In which it gives tables.
    """
    models = "".join(
        f"<dataModel ivo-id={quoteattr(identifier)}>{escape(name)}</dataModel>"
        for identifier, name in data_models
    )
    body = interface(url, version="1.1") + models + _language(more)
    body += _formats(formats) + _limits()
    tap = f'<capability standardID="ivo://ivoa.net/std/TAP" xsi:type="tr:TableAccess">{body}'
    shown = (
        '<capability standardID="ivo://ivoa.net/std/DALI#examples">'
        f"{interface(f'{url}/examples')}</capability>"
    )
    return capabilities_document(url, f"{tap}</capability>{shown}", ("tables",))


def _language(more: Iterable[Features]) -> str:
    features = "".join(
        f"<languageFeatures type={quoteattr(kind)}>"
        + "".join(f"<feature><form>{escape(form)}</form></feature>" for form in forms)
        + "</languageFeatures>"
        for kind, forms in (*_FEATURES.items(), *more)
    )
    return (
        "<language><name>ADQL</name>"
        '<version ivo-id="ivo://ivoa.net/std/ADQL#v2.0">2.0</version>'
        '<version ivo-id="ivo://ivoa.net/std/ADQL#v2.1">2.1</version>'
        f"<description>ADQL on SQLite</description>{features}</language>"
    )


def _formats(formats: Iterable[Format]) -> str:
    """The formats, each with its names, and the ways in which tables can come."""
    listed = "".join(
        f"<outputFormat{f' ivo-id={quoteattr(each.identifier)}' if each.identifier else ''}>"
        f"<mime>{each.media_type}</mime><alias>{each.names[0]}</alias></outputFormat>"
        for each in formats
    )
    methods = "".join(
        f'<uploadMethod ivo-id="ivo://ivoa.net/std/TAPRegExt#{name}"/>' for name in _UPLOADS
    )
    return listed + methods


def _limits() -> str:
    kept, longest = (int(t.total_seconds()) for t in (uws.RETENTION, uws.LONGEST_RETENTION))
    return (
        f"<retentionPeriod><default>{kept}</default><hard>{longest}</hard></retentionPeriod>"
        f"<executionDuration><default>{uws.DURATION}</default><hard>{uws.LONGEST}</hard>"
        "</executionDuration>"
        f'<outputLimit><default unit="row">{MAXREC}</default>'
        f'<hard unit="byte">{adql.MAX_ANSWER}</hard></outputLimit>'
        f'<uploadLimit><hard unit="byte">{UPLOAD_LIMIT}</hard></uploadLimit>'
    )


def examples(queries: Iterable[Example]) -> str:
    """Write the page of examples (DALI 1.1, section 2.3; TAP 1.1, section 2.4.2)."""
    items = "".join(
        f'<div id="{each.identifier}" resource="#{each.identifier}" typeof="example">'
        f'<h2 property="name">{escape(each.title)}</h2><p>{escape(each.description)}</p>'
        f'<pre property="query">{escape(each.query)}</pre></div>'
        for each in queries
    )
    return (
        '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>Examples</title></head>'
        f'<body vocab="http://www.ivoa.net/rdf/examples#">{items}</body></html>'
    )
