"""What students are known to hand in, an assignment a file."""

from typing import NamedTuple


class WrongForm(NamedTuple):
    """An answer, or several, that replace the right ones, and what that costs."""

    name: str
    answers: dict[str, str]  # the source of an answer cell, by its grade_id
    lost: dict[str, float]  # points lost, by the grade_id of the test cell; elsewhere none are
