"""A session for pyvo, which leaves answers unread: their connections must be closed by hand."""

from __future__ import annotations

from typing import Any

import requests


class ClosingSession(requests.Session):
    """A session that closes its answers with itself."""

    def __init__(self) -> None:
        super().__init__()
        self._answers: list[requests.Response] = []

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """Send a request and remember its answer."""
        answer = super().send(request, **options)
        self._answers.append(answer)
        return answer

    def close(self) -> None:
        """Close the session and all answers."""
        for answer in self._answers:
            answer.close()
        super().close()
