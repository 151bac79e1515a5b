"""
The generated parts of the pages of the API, the event types and the configuration.

``python -m tests.regenerate`` writes them.
"""

import sys
from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted((DOCS / "reference").rglob("*.md"))

sys.path.append(str(DOCS))

from _ext.texts import with_texts  # noqa: E402


def main() -> None:
    """Write the pages."""
    for page in PAGES:
        page.write_text(with_texts(page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
