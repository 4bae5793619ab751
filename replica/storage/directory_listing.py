"""The files of an archive as a tree of folders on the web."""

from __future__ import annotations

import html
from collections.abc import Iterable

from starlette.responses import HTMLResponse, RedirectResponse, Response

from replica.holdings import Product


def find(products: Iterable[Product], key: str) -> Product | None:
    """Return the product with that key, None if there is none."""
    return next((product for product in products if product.key == key), None)


def entries(keys: Iterable[str], folder: str) -> list[str]:
    """Return the names in a folder, sub-folders with a slash at the end.

    Parameters
    ----------
    keys : iterable of str
        Paths of all files, parted by slashes.
    folder : str
        Path of the folder, with a slash at its end; empty for the top.
    """
    below = [key.removeprefix(folder) for key in keys if key.startswith(folder)]
    return sorted({name.split("/")[0] + "/" * ("/" in name) for name in below})


def listing(keys: Iterable[str], folder: str, path: str) -> Response:
    """Answer with the page of a folder; "not found" for one that holds nothing.

    Parameters
    ----------
    keys, folder
        As for `entries`.
    path : str
        Path of the request; without a slash at its end it is redirected to one with it,
        so that the page's links lead into the folder.
    """
    names = entries(keys, folder)
    if not names:
        return not_found(path)
    if not path.endswith("/"):
        return RedirectResponse(f"{path}/", 301)
    links = "\n".join(f'<a href="{html.escape(name)}">{html.escape(name)}</a>' for name in names)
    heading = f"Index of {html.escape(path)}"
    return HTMLResponse(
        f"<!DOCTYPE html>\n<html><head><title>{heading}</title></head><body><h1>{heading}</h1>"
        f'<pre><a href="../">../</a>\n{links}\n</pre></body></html>\n'
    )


def not_found(path: str) -> HTMLResponse:
    """Answer with the page for a path that does not exist."""
    return HTMLResponse(
        "<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>"
        f"<h1>Not Found</h1><p>{html.escape(path)} is not on this server.</p></body></html>\n",
        404,
    )
