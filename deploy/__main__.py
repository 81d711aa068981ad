"""Lays out the folder of a Hugging Face Space.

    python -m deploy space FOLDER --operator "Anna Example, anna@example.org"
    python -m deploy space FOLDER --operator "..." --lend sdxl-lightning     # ZeroGPU

Then commit the folder and push it to the Space.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.space import lay_out
from pipelines.errors import PortraitError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; 1 and one sentence on stderr where it cannot be done."""
    parser = argparse.ArgumentParser(prog="python -m deploy", description="Put the studio onto other machines.")
    commands = parser.add_subparsers(dest="command", required=True)
    space = commands.add_parser("space", help="lay out the folder of a Hugging Face Space")
    space.add_argument("folder", type=Path, help="new, empty, or laid out before; .git in it stays")
    space.add_argument("--operator", required=True, help="who runs it and how to reach them, as visitors read it")
    space.add_argument("--lend", metavar="STACK", default="", help="for ZeroGPU: the model that the GPU is lent to")
    options = parser.parse_args(arguments)
    try:
        files = lay_out(options.folder, operator=options.operator, lend=options.lend)
    except PortraitError as error:
        print(error.hint, file=sys.stderr)
        return 1
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    print(f"{len(files)} files, {megabytes:.0f} MB, run by {' '.join(options.operator.split())}.")
    print("Next, in that folder: git lfs install; git add --all; git commit; git push.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
