"""What ``python -m replica record`` shows, and what ``python -m replica recording`` does."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from tqdm import tqdm

COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {}


@asynccontextmanager
async def showing_progress(source: Any) -> AsyncIterator[None]:
    """Show requests and bytes of a recording while it grows, on a terminal."""
    with tqdm(bar_format="{desc}", disable=None, leave=False) as line:
        task = asyncio.create_task(_show(line, source.keeper))
        try:
            yield
        finally:
            task.cancel()


async def _show(line: tqdm, keeper: Any) -> None:
    while True:
        line.set_description_str(
            f"recording: {keeper.requests} requests, {keeper.bytes / 1e6:.1f} MB"
        )
        await asyncio.sleep(0.5)
