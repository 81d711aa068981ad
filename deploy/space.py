"""The folder of a Hugging Face Space: what the app needs, its card, and what the hub is told of it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from pipelines.engines.unet.stack import UNetStack
from pipelines.errors import SettingsError
from pipelines.hub.components import SAFETY_CHECKER, Component, each_once
from pipelines.presets.loading import load_presets

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("languages", "models", "pipelines", "presets", "study", "ui", "visits", "web")
FILES = ("LICENSE", "app.py", "packages.txt", "requirements.txt")
# Made here, not copied.
CARD, START, ATTRIBUTES, IGNORED = "README.md", "space.py", ".gitattributes", ".gitignore"
_LEFT_OUT = re.compile(r"__pycache__|\.pyc$|\.DS_Store$")
_TEXT_BYTES = 8000  # as git does it: what has a zero byte in its beginning is no text
_MARK = "Written by `python -m deploy space`."
# On ZeroGPU: a version of torch that is on its list, and the package that lends GPUs.
_LENT = {
    "torch": "torch==2.11.*",
    "torchvision": "torchvision==0.26.*",
    "spaces": "spaces>=0.51.3,<0.52             # lends GPUs by the call; ui/zero_gpu.py",
}
_START = '''"""Starts the studio on a Space. {mark}"""

import os

os.environ.setdefault("STUDIO_OPERATOR", {operator!r})
{lend}
import app

if __name__ == "__main__":
    app.end_process(app.main())
'''
_BODY = """
# Self-Portrait Studio

A webcam shot or a photo becomes a portrait in another world, and the person stays recognisable. Consent comes first,
the photo is never a file on the server, and every portrait is marked and signed as what it is.

Run by {operator}.

Settings are variables of the Space, such as `STUDIO_MAX_WAITING`; `pipelines/settings.py` has them all.
{mark}
"""


def lay_out(folder: Path, *, operator: str, lend: str = "") -> list[Path]:
    """Write the folder of a Space.

    Args:
        folder: New, empty, or laid out before; then all in it but .git is replaced.
        operator: Who runs it and how to reach them.
        lend: For ZeroGPU, the id of the model stack that the GPU is lent to; its weights are fetched when the Space is
            built. Left out, a Space that makes all portraits on its processor.

    Returns:
        The files.

    Raises:
        SettingsError: The folder holds something else, nobody runs it, or there is no such model.
    """
    operator = " ".join(operator.split())
    if not 0 < len(operator) <= 300:
        raise SettingsError("Say who runs the Space and how to reach them, in at most 300 characters: --operator.")
    preload = _preload(lend) if lend else []
    _clear(folder)
    for source in app_files():
        target = folder / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    if lend:
        _write(folder / "requirements.txt", _requirements((ROOT / "requirements.txt").read_text("utf-8")))
    _write(folder / CARD, f"---\n{front_matter(preload)}---\n{_BODY.format(operator=operator, mark=_MARK)}")
    _write(folder / START, _START.format(operator=operator, mark=_MARK, lend=_lent(lend)))
    _write(folder / IGNORED, "__pycache__/\n*.pyc\n")
    made = sorted(path for path in folder.rglob("*") if path.is_file() and ".git" not in path.relative_to(folder).parts)
    _write(folder / ATTRIBUTES, _large_files(made))
    return sorted([*made, folder / ATTRIBUTES])


def app_files() -> Iterator[Path]:
    """What the app needs to run: no tests, no training, no documentation."""
    yield from (ROOT / name for name in FILES)
    for name in FOLDERS:
        for path in sorted((ROOT / name).rglob("*")):
            if path.is_file() and not _LEFT_OUT.search(path.as_posix()):
                yield path


def front_matter(preload: list[str]) -> str:
    """The YAML of the card: that of the project's README, started by the file that names the operator.

    Args:
        preload: Lines of preload_from_hub; for a Space that lends GPUs, whose hardware the card cannot name.
    """
    lines = (ROOT / "README.md").read_text("utf-8").split("---")[1].strip().splitlines()
    lines = [f"app_file: {START}" if line.startswith("app_file:") else line for line in lines]
    if preload:
        lines = [line for line in lines if not line.startswith("suggested_hardware:")]
        lines += ["preload_from_hub:", *(f"  - {one}" for one in preload)]
    return "\n".join(lines) + "\n"


def _clear(folder: Path) -> None:
    try:
        there = list(folder.iterdir()) if folder.exists() else []
        if {path.name for path in there} - {".git", ATTRIBUTES, CARD} and not _is_ours(folder):
            raise SettingsError("The folder holds something else; name one that is new, empty, or was laid out before.")
        for path in there:
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError("The folder cannot be written to; name another one.", detail=repr(error)) from error


def _is_ours(folder: Path) -> bool:
    start = folder / START
    return start.is_file() and _MARK in start.read_text("utf-8", "replace")


def _requirements(text: str) -> str:
    lines = text.splitlines()
    names = {re.split(r"[\[<>=! ]", line)[0]: number for number, line in enumerate(lines)}
    for name, line in _LENT.items():
        if name in names:
            lines[names[name]] = line
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _lent(stack_id: str) -> str:
    """The line that chooses a stack which is never chosen by itself."""
    if stack_id and load_presets().models[stack_id].rank == 0:
        return f'os.environ.setdefault("STUDIO_MODEL", {stack_id!r})\n'
    return ""


def _preload(stack_id: str) -> list[str]:
    """Repository, files and revision of all that a stack needs, and of the picture checker without which a Space shows
    no picture of it. What lies in the project needs none. Files of Stable Diffusion are named as the hub has them; of
    the others, which it may have in shards, whole repositories are fetched.
    """
    models = load_presets().models
    if stack_id not in models:
        raise SettingsError(f"There is no model {stack_id[:40]!r}; choose one of: {', '.join(models)}.")
    stack = models[stack_id]
    wanted: dict[tuple[str, str], list[str]] = {}
    whole: set[str] = set()
    for component in each_once((*stack.components(), SAFETY_CHECKER)):
        source = component.source
        if source.repo_id is not None:
            wanted.setdefault((source.repo_id, source.revision or ""), []).extend(_files(component))
            if component is not SAFETY_CHECKER and not isinstance(stack, UNetStack):
                whole.add(source.repo_id)
    if len(wanted) < 2:
        raise SettingsError(f"The model {stack_id} needs no lent GPU; leave --lend out.")
    return [
        repository
        if repository in whole
        else " ".join(part for part in (repository, ",".join(dict.fromkeys(files)), revision) if part)
        for (repository, revision), files in wanted.items()
    ]


def _files(component: Component) -> list[str]:
    files = list[str]()
    variant = f".{component.source.variant}" if component.source.variant else ""
    for part in component.parts:
        names = {
            "model": ("config.json", f"diffusion_pytorch_model{variant}.safetensors"),
            "encoder": ("config.json", f"model{variant}.safetensors"),
            "tokenizer": ("tokenizer_config.json", "vocab.json", "merges.txt"),
            "file": (part.name,),
        }[part.kind]
        files += [f"{part.folder}/{name}" if part.folder else name for name in names]
    return files


def _large_files(files: list[Path]) -> str:
    """Rules for git-lfs: the hub takes no file in another way that is not text."""
    kinds = sorted({path.suffix for path in files if b"\0" in path.read_bytes()[:_TEXT_BYTES]})
    return "".join(f"*{kind} filter=lfs diff=lfs merge=lfs -text\n" for kind in kinds)


def _write(path: Path, text: str) -> None:
    path.write_text(text, "utf-8")
