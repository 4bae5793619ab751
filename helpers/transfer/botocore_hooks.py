"""Who has botocore look for credentials."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from helpers.transfer.counter import Counter

_RESOLVERS = (
    ("botocore.credentials", "CredentialResolver"),
    ("aiobotocore.credentials", "AioCredentialResolver"),
)


def hooks(counter: Counter) -> Iterator[tuple[Any, str, Callable[..., Any]]]:
    """Yield owner, name and wrapper of what looks for credentials, where it is imported."""
    for module, name in _RESOLVERS:
        if module in sys.modules:
            owner = getattr(sys.modules[module], name)
            yield owner, "load_credentials", lambda original: _load(original, counter)


def _load(original: Callable[..., Any], counter: Counter) -> Callable[..., Any]:
    def load_credentials(*arguments: Any, **keywords: Any) -> Any:
        counter.add_lookup()
        return original(*arguments, **keywords)

    return load_credentials
