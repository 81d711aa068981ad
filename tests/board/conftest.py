"""A board over an engine that costs nothing, its photos, and a folder for it."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from pipelines.board.cells import Cell, cells
from pipelines.board.definition import CheckedBoard, build_board
from pipelines.board.photos import SeatedPhoto, open_photos
from pipelines.board.runner import Outcome, checked, make
from pipelines.board.store import Store
from pipelines.presets.loading import Presets
from pipelines.schema import Consent
from pipelines.self_portrait import SelfPortraitPipeline
from tests.support.fakes import FakeEngine, FakeEngines
from tests.support.machine import Machine

SAID_YES = "Eileen Collins said yes on 2 November 2026 to portraits of her for the team."
STYLES = ("film-noir", "comic", "oil-master")
_OPENED: dict[tuple[str, tuple[bytes, ...]], tuple[SeatedPhoto, ...]] = {}


@dataclass
class Bench:
    """Where boards of a test are made."""

    pipeline: SelfPortraitPipeline
    engine: FakeEngine
    photos_folder: Path
    out: Path
    consent: Consent
    machine: Machine = field(default_factory=Machine)

    @property
    def store(self) -> Store:
        return Store(self.out)

    def board(self, **changes: Any) -> CheckedBoard:
        values = {
            "title": "Which one?",
            "styles": list(STYLES),
            "engines": ["preview"],
            "photos": [{"file": "eileen.png", "name": "Eileen", "consent": SAID_YES}],
        }
        return checked(self.pipeline, build_board({**values, **changes}), "session")

    def photos(self, board: CheckedBoard) -> tuple[SeatedPhoto, ...]:
        files = tuple((self.photos_folder / photo.file).read_bytes() for photo in board.board.photos)
        key = board.board.model_dump_json(include={"photos"}), files
        if key not in _OPENED:  # looking for faces takes longer than all else here
            _OPENED[key] = open_photos(board.board, self.photos_folder)
        return _OPENED[key]

    def cells(self, board: CheckedBoard) -> tuple[Cell, ...]:
        return cells(board, self.photos(board))

    def make(self, board: CheckedBoard, **options: Any) -> Outcome:
        return make(self.pipeline, board, self.photos(board), self.store, self.consent, **options)

    def made(self) -> list[tuple[str, str, int]]:
        """Style, scene and seed of all that the engine was asked for."""
        return [(job.style.id, job.scene.id, job.seeds[0]) for job in self.engine.jobs]


@pytest.fixture(scope="session")
def board_photos(face_photo: Image.Image, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("board-photos")
    face_photo.save(folder / "eileen.png")
    ImageOps.mirror(face_photo).save(folder / "other.png")
    return folder


def build_bench(presets: Presets, consent: Consent, photos: Path, root: Path) -> Bench:
    """A bench below a folder, with photos of its own."""
    folder = shutil.copytree(photos, root / "photos")
    engine = FakeEngine()
    pipeline = SelfPortraitPipeline(presets, root / "sessions", engines=FakeEngines(engine))
    return Bench(pipeline, engine, folder, root / "board", consent)


@pytest.fixture
def bench(presets: Presets, consent: Consent, board_photos: Path, tmp_path: Path) -> Bench:
    return build_bench(presets, consent, board_photos, tmp_path)


TWO_PHOTOS = [
    {"file": "eileen.png", "name": "Eileen", "consent": SAID_YES},
    {"file": "other.png", "name": "Other", "consent": SAID_YES},
]


def toml(values: dict[str, Any], photos: Sequence[dict[str, Any]]) -> str:
    """A board's file."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    for photo in photos:
        lines += ["", "[[photos]]", *(f"{key} = {json.dumps(value)}" for key, value in photo.items())]
    return "\n".join(lines) + "\n"


def fail_once(bench: Bench, number: int, error: Exception) -> None:
    """Make the engine fail at its n-th job from 0, once."""
    calls = iter(range(10**6))

    def fault(on_step: object) -> None:
        if next(calls) == number:
            raise error

    bench.engine._fault = fault


@pytest.fixture
def failing_once(bench: Bench) -> Callable[[int, Exception], None]:
    return functools.partial(fail_once, bench)
