"""What is asked: the questions that the notebooks put to the archives, in their order.

They stand in the archives' folders.  Later questions follow what the earlier answers said, as
the notebooks do: ``$name`` in an address or a parameter stands for a capture, such as the bucket
that a row named; a capture may come from another archive.
"""

from __future__ import annotations

from replica.archive_folders import modules
from replica.check.question import Question

QUESTIONS: tuple[Question, ...] = tuple(
    question for module in modules("questions") for question in module.QUESTIONS
)
