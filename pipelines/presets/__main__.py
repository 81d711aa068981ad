"""Writes or checks presets/README.md.

python -m pipelines.presets          write presets/README.md from the schema
python -m pipelines.presets --check  fail when it is out of date, or when a preset is wrong
"""

from __future__ import annotations

import sys

from pipelines.presets.loading import PRESETS, load_presets
from pipelines.presets.readme import render_readme


def main(arguments: list[str]) -> int:
    """Write presets/README.md, or with --check tell whether it and the presets are in order."""
    readme = PRESETS / "README.md"
    text = render_readme()
    if arguments == ["--check"]:
        problems = load_presets().problems
        for problem in problems:
            print(problem.hint, file=sys.stderr)
        if not readme.exists() or readme.read_text("utf-8") != text:
            print("presets/README.md is out of date: run python -m pipelines.presets", file=sys.stderr)
            return 1
        return 1 if problems else 0
    readme.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
