"""What marks pictures carry, told in the shell.

python -m pipelines.provenance FILE...    what marks a picture carries, and whether they hold
"""

from __future__ import annotations

import sys

from pipelines.errors import PortraitError
from pipelines.provenance import words
from pipelines.provenance.marking import check


def main(arguments: list[str] | None = None) -> int:
    """Say of each file what it says of itself. Returns 1 where one of them is no picture, 2 without any."""
    files = sys.argv[1:] if arguments is None else arguments
    if not files or files[0] in ("-h", "--help"):
        print("usage: python -m pipelines.provenance FILE...", file=sys.stderr)
        return 2
    result = 0
    for number, file in enumerate(files):
        if len(files) > 1:
            print(f"{chr(10) if number else ''}{file}")
        try:
            print(words.as_text(words.card(check(file))))
        except PortraitError as error:
            print(error.hint, file=sys.stderr)
            result = 1
    return result


if __name__ == "__main__":
    raise SystemExit(main())
