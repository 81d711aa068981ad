"""Which sentences there are: those that are marked in Python and in the page's scripts, and the names in presets/.

For `python -m languages` and the tests; the app itself reads catalogues only.
"""

from __future__ import annotations

import ast
import re
import string
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from babel.messages.catalog import Catalog
from babel.messages.extract import extract

from languages.syntax import parse

ROOT = Path(__file__).parents[1]
ROOMS = ("languages", "pipelines", "study", "visits", "web", "ui")
_SCRIPTS = ROOT / "ui" / "static"
_TAG = "Translators:"
_MARKS = {"say": 1, "say_many": 2}  # and how many forms they have
_WORDED = "Words that visitors may type to find it, each with a comma behind it; use those of your language."


_EDITED = ("Style", "StyleOverride", "ControlSetting")
_NOT_EDITED = (
    "annotator", "id", "name", "summary", "keywords", "family", "order", "controls", "overrides", "preview", "start",
    "finish", "finish_steps", "needs_picture", "based_on", "model_config",
)  # fmt: skip


class Sentence(NamedTuple):
    """One entry of the catalogues.

    Attributes:
        forms: One form, or that of one and that of several.
        where: The file that says it.
        comments: For whoever translates it.
    """

    forms: tuple[str, ...]
    where: str
    comments: tuple[str, ...] = ()

    @property
    def holes(self) -> set[str]:
        """The names of its placeholders."""
        return {name for form in self.forms for name in holes(form)}


class NotWrittenOut(ValueError):
    """A sentence is not written out where it is said, so that no catalogue can hold it."""


def holes(form: str) -> set[str]:
    """The names of the placeholders in a form."""
    return {name for _, name, _, _ in string.Formatter().parse(form) if name}


def sentences() -> list[Sentence]:
    """All of them, by file."""
    found: list[Sentence] = []
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            found += in_python(path.read_text("utf-8"), path.relative_to(ROOT).as_posix())
    found += in_presets()
    found += in_recipes()
    return found + in_scripts()


def template() -> Catalog:
    """The catalogue of English sentences, each once."""
    catalogue = Catalog(project="Self-Portrait Studio", charset="utf-8")
    for one in (*sentences(),):
        message = one.forms if len(one.forms) > 1 else one.forms[0]
        catalogue.add(message, locations=[(one.where, 0)], auto_comments=one.comments)
    return catalogue


def in_python(source: str, where: str) -> Iterator[Sentence]:
    """Those of a module.

    Raises:
        NotWrittenOut: One is put together where it is said.
    """
    if not any(f"{mark}(" in source for mark in _MARKS):  # most modules say nothing, and to take one apart is slow
        return
    lines = source.splitlines()
    tree = parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _MARKS):
            continue
        given = node.args[: _MARKS[node.func.id]]
        forms = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        if len(forms) < _MARKS[node.func.id]:
            raise NotWrittenOut(f"{where}:{node.lineno}: {ast.unparse(node)[:80]}")
        yield Sentence(tuple(forms), where, _comment(node, parents, lines))


def _comment(node: ast.AST, parents: dict[ast.AST, ast.AST], lines: list[str]) -> tuple[str, ...]:
    """What stands for translators above a call, or above the statement that it is a part of."""
    here: ast.AST | None = node
    while here is not None:
        number = getattr(here, "lineno", 0) - 2
        block: list[str] = []
        while number >= 0 and lines[number].strip().startswith("#"):
            block.insert(0, lines[number].strip().lstrip("# "))
            number -= 1
        if block and _TAG in (words := " ".join(block)):
            return (words.partition(_TAG)[2].strip(),)
        if isinstance(here, ast.stmt):
            return ()
        here = parents.get(here)
    return ()


def in_scripts() -> list[Sentence]:
    """Those of ui/static."""
    found: list[Sentence] = []
    keywords: dict[str, tuple[int, ...] | None] = {"phrase": None, "phrases": (1, 2)}
    for path in sorted(_SCRIPTS.rglob("*.js")):
        with path.open("rb") as file:
            for _, message, comments, _ in extract("javascript", file, keywords, [_TAG]):
                forms = message if isinstance(message, tuple) else (message,)
                notes = tuple(note.removeprefix(_TAG).strip() for note in comments)
                found.append(Sentence(tuple(forms), path.relative_to(ROOT).as_posix(), notes))
    return found


def in_presets() -> Iterator[Sentence]:
    """Names, summaries and keywords of presets/, and what is said of words that are refused."""
    for kind, about in (("styles", "a style"), ("scenes", "a scene"), ("models", "an engine")):
        for path in sorted((ROOT / "presets" / kind).glob("*.toml")):
            preset, where = tomllib.loads(path.read_text("utf-8")), path.relative_to(ROOT).as_posix()
            yield Sentence((preset["name"],), where, (f"The name of {about}.",))
            yield Sentence((preset["summary"],), where, (f"What is said of {about}.",))
            if keywords := preset.get("keywords"):
                yield Sentence((", ".join(keywords),), where, (_WORDED,))
    path = ROOT / "pipelines" / "safety" / "policy" / "sentences.toml"
    said, where = tomllib.loads(path.read_text("utf-8")), path.relative_to(ROOT).as_posix()
    for words in (*said["sentence"].values(), said["advice"]):
        yield Sentence((words,), where)


def in_recipes() -> Iterator[Sentence]:
    """Filters and their settings, as the style editor shows them (pipelines/presets/editing.py)."""
    for path in (*sorted((ROOT / "pipelines" / "recipe").glob("*.py")), ROOT / "pipelines" / "schema.py"):
        where = path.relative_to(ROOT).as_posix()
        for node in parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.ClassDef) and (path.name != "schema.py" or node.name in _EDITED):
                if any(isinstance(one, ast.AnnAssign) and ast.unparse(one.target) == "op" for one in node.body):
                    about = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
                    yield Sentence((re.sub(r"\s*\([^)]*\)", "", about),), where, ("What a filter does.",))
                for field in node.body:
                    if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and not _is_fact(field):
                        yield from _of_field(field.target.id, field.value, where)


def _is_fact(field: ast.AnnAssign) -> bool:
    """Whether it is one of a class, and no setting."""
    return ast.unparse(field.annotation).startswith("ClassVar")


def _of_field(name: str, value: ast.expr | None, where: str) -> Iterator[Sentence]:
    call = value if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) else None
    if name == "op":
        if call is not None and call.func.id == "operation":  # type: ignore[attr-defined]
            yield Sentence((ast.literal_eval(call.args[1]),), where, ("The name of a filter, in the style editor.",))
        return
    if name in _NOT_EDITED:
        return
    titles = [one.value for one in call.keywords if one.arg == "title"] if call is not None else []
    abouts = [one.value for one in call.keywords if one.arg == "description"] if call is not None else []
    label = name.replace("_", " ").capitalize().replace("Color", "Colour")
    label = "Colours" if label in ("Ramps", "Pairs", "Palettes") else label
    yield Sentence((ast.literal_eval(titles[0]) if titles else label,), where, ("A setting in the style editor.",))
    for about in abouts:
        yield Sentence((ast.literal_eval(about),), where, ("What a setting in the style editor does.",))
