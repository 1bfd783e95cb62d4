"""A table as a text, for the pages that include it."""

import csv
import io


def as_csv(rows: list[dict[str, str]]) -> str:
    """Return rows as CSV, the names of the columns on top."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
