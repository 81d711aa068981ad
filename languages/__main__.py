"""`python -m languages`: collects the sentences and brings every catalogue up to date; `--check` only says what lacks.

New sentences come without a translation, changed ones count as new, and those that nobody says any more go.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from languages.catalogue import HERE, LANGUAGES, first_form, words_of
from languages.collecting import Sentence, holes, sentences, template

# Of the header: nobody needs it, and it would differ each time.
_CHANGING = ('"POT-Creation', '"PO-Revision', '"Report-Msgid', '"Last-Translator', '"Language-Team', '"Generated-By')
TEMPLATE = HERE / "template.pot"


def problems(code: str, wanted: list[Sentence], folder: Path = HERE) -> list[str]:
    """What is wrong with a catalogue, each as one line: a sentence that lacks, is not said, or has other holes."""
    path = folder / f"{code}.po"
    if not path.exists():
        return [f"{code}: there is no {path.name}"]
    with path.open("rb") as file:
        known = {first_form(message): message for message in read_po(file, locale=code) if message.id}
    said = {one.forms[0] for one in wanted}
    found = [f"{code}: nobody says: {form}" for form in known if form not in said]
    for one in wanted:
        message = known.get(one.forms[0])
        words = () if message is None else words_of(message)
        if message is None or not words or not all(words):
            found.append(f"{code}: not translated: {one.forms[0]}")
        elif message.fuzzy:
            found.append(f"{code}: only a guess: {one.forms[0]}")
        elif isinstance(message.id, str) != (len(one.forms) == 1):
            found.append(f"{code}: counts in one of the two only: {one.forms[0]}")
        else:
            found += [f"{code}: {why}: {one.forms[0]}" for word in words if (why := _holes(word, one))]
    return list(dict.fromkeys(found))


def _holes(words: str, one: Sentence) -> str:
    try:
        there = holes(words)
    except ValueError:
        return "a brace is left open"
    wanted = one.holes
    # "in one minute" may leave the number out, and one of an ordinal and its number is enough.
    lacking = wanted - there - {"count", "ordinal", "position"}
    if "ordinal" in wanted:
        wanted = wanted | {"position"}
    if there - wanted:
        return f"there is no {{{min(there - wanted)}}}"
    return f"{{{min(lacking)}}} is left out" if lacking else ""


def refresh(code: str, fresh: Catalog) -> None:
    """Bring one catalogue up to date."""
    path = HERE / f"{code}.po"
    catalogue = Catalog(locale=code, project=fresh.project, charset="utf-8")
    if path.exists():
        with path.open("rb") as file:
            catalogue = read_po(file, locale=code)
    catalogue.update(fresh, no_fuzzy_matching=True)
    catalogue.obsolete.clear()
    _write(path, catalogue)


def _write(path: Path, catalogue: Catalog) -> None:
    catalogue.header_comment, catalogue.fuzzy = "# What Self-Portrait Studio says; made by `make languages`.", False
    buffer = io.BytesIO()
    write_po(buffer, catalogue, width=120, include_lineno=False)
    lines = buffer.getvalue().decode().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith(_CHANGING)), "utf-8")


def main() -> int:
    """0, or 1 where something lacks."""
    parser = argparse.ArgumentParser(prog="python -m languages", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, and fail where something lacks")
    options = parser.parse_args()
    wanted, fresh = sentences(), template()
    codes = [code for code in LANGUAGES if code != "en"]
    if not options.check:
        _write(TEMPLATE, fresh)
        for code in codes:
            refresh(code, fresh)
    found = [line for code in codes for line in problems(code, wanted)]
    print("\n".join(found) or f"{len({one.forms[0] for one in wanted})} sentences in {len(LANGUAGES)} languages.")
    return 1 if found and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
