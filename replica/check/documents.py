"""Facts of XML documents that are no tables: bucket listings and a service's capabilities."""

from __future__ import annotations

import re
from urllib.parse import unquote
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from replica.check.answers import Answer, Facts, UnreadableError, digits_aside


def listing_query(prefix: str) -> dict[str, str]:
    """Return the parameters that ask a bucket for what lies under a prefix, as s3fs does."""
    return {"list-type": "2", "prefix": prefix, "delimiter": "/", "encoding-type": "url"}


def listing(content: bytes) -> Answer:
    """Read a page of a bucket's keys (Amazon S3 API, ListObjectsV2).

    Raises
    ------
    UnreadableError
        If it is not such a page.
    """
    root = _root(content, "ListBucketResult")
    facts = {f"element {_tag(child)}": "there" for child in root}
    for item in root.iterfind("{*}Contents"):
        facts |= {f"element Contents/{_tag(child)}": "there" for child in item}
        key = unquote(item.findtext("{*}Key", ""))
        facts[f"key {digits_aside(key)}"] = "listed"
    return Answer(facts)


def capabilities(content: bytes) -> Answer:
    """Read what a TAP service says that its query language can do (TAPRegExt 1.0).

    Of the functions only those of the registry's standard count (``ivo_``): every service
    has more of its own.

    Raises
    ------
    UnreadableError
        If it is not such a document.
    """
    facts: Facts = {}
    for language in _root(content, "capabilities").iterfind(".//{*}language"):
        name = language.findtext("{*}name", "")
        for version in language.iterfind("{*}version"):
            facts[f"language {name} {version.text}"] = "offered"
        for group in language.iterfind("{*}languageFeatures"):
            facts |= _features(group)
    return Answer(facts)


def _features(group: Element) -> Facts:
    kind = group.get("type", "").rpartition("#")[2]
    forms = [form.text or "" for form in group.iterfind("{*}feature/{*}form")]
    # A function's form is its signature, whose wording is the service's own.
    names = [re.split(r"[\s(]", form.strip(), maxsplit=1)[0] for form in forms]
    if kind == "features-udf":
        names = [name for name in names if name.startswith("ivo_")]
    return {f"{kind} {name}": "offered" for name in names}


def _root(content: bytes, expected: str) -> Element:
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise UnreadableError(f"not XML: {error}") from error
    if _tag(root) != expected:
        raise UnreadableError(f"not {expected} but {_tag(root)}")
    return root


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]
