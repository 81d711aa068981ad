"""Writes or checks presets/README.md, and the table of licences in the project's README.

python -m pipelines.presets          write both, from the schema and the presets
python -m pipelines.presets --check  fail when one is out of date, or when a preset is wrong
"""

from __future__ import annotations

import sys

from pipelines.presets.loading import PRESETS, load_presets
from pipelines.presets.readme import render_readme, with_licences


def main(arguments: list[str]) -> int:
    """Write both pages, or with --check tell whether they and the presets are in order."""
    presets = load_presets()
    project = PRESETS.parent / "README.md"
    pages = {
        PRESETS / "README.md": render_readme(),
        project: with_licences(project.read_text("utf-8"), presets.models),
    }
    if arguments == ["--check"]:
        for problem in presets.problems:
            print(problem.hint, file=sys.stderr)
        stale = [page for page, text in pages.items() if not page.exists() or page.read_text("utf-8") != text]
        for page in stale:
            print(f"{page.name} in {page.parent.name} is out of date: run python -m pipelines.presets", file=sys.stderr)
        return 1 if presets.problems or stale else 0
    for page, text in pages.items():
        page.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
