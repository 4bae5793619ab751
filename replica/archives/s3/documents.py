"""S3's XML documents, and its errors among them."""

from __future__ import annotations

from secrets import token_hex, token_urlsafe
from xml.etree.ElementTree import Element, SubElement, tostring

from starlette.responses import Response

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def error(status: int, code: str, message: str, resource: str, **details: str) -> Response:
    """Return an error as S3 writes it.

    Parameters
    ----------
    status : int
        Of HTTP.
    code, message : str
        What went wrong, after "Error responses" of the Amazon S3 API reference.
    resource : str
        ``/bucket/key`` of the request.
    **details : str
        More elements of this kind of error, by name.
    """
    ids = request_ids()
    facts = {"Code": code, "Message": message, **details, "Resource": resource}
    facts |= {"RequestId": ids["x-amz-request-id"], "HostId": ids["x-amz-id-2"]}
    element = Element("Error")
    for name, text in facts.items():
        SubElement(element, name).text = _printable(text)
    answer = document(element, status)
    answer.headers.update(ids)
    return answer


def request_ids() -> dict[str, str]:
    """Return the two headers by which Amazon's support finds a request; no two are alike."""
    return {"x-amz-request-id": token_hex(8).upper(), "x-amz-id-2": token_urlsafe(57)}


def document(element: Element, status: int = 200) -> Response:
    """Return an XML document."""
    body = tostring(element, encoding="utf-8", xml_declaration=True)
    return Response(body, status_code=status, media_type="application/xml")


def _printable(text: str) -> str:
    """Without the control characters that XML cannot carry."""
    return "".join(character if character.isprintable() else "?" for character in text)
