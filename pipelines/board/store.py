"""A board's folder: finished cells by their key, why others failed, and how long portraits took.

    <folder>/cells/<key>.png          the portrait, byte for byte as the pipeline signed it
    <folder>/cells/<key>.json         its paper: key, what it is, SHA-256 of the file
    <folder>/cells/<key>.failed.json  why there is none
    <folder>/measured.json            seconds and bytes of the latest portraits, by engine and size
    <folder>/.lock                    held while somebody works here
    <folder>/.making/                 what is being written just now

A cell counts only where its paper and its file agree, so what was cut off, changed or put there by somebody else is
made again. Nothing of a photo is written. All writes go beside and are then renamed into place.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import secrets
import shutil
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout
from pydantic import Field, ValidationError

from languages.saying import Words, say
from pipelines.board.cells import Cell
from pipelines.errors import BoardError, SaveError
from pipelines.results import Faithfulness, Portrait
from pipelines.schema import Value

_LATEST = 20  # measurements of an engine that count
_FULL = say("The board's folder cannot be written to: the disk is full or not writable; free some space and go on.")
State = Literal["done", "failed", "missing", "damaged"]


class Paper(Value):
    """What lies beside a finished cell."""

    version: Literal[1] = 1
    key: str = Field(pattern=r"^[0-9a-f]{64}$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of the portrait's file.")
    bytes: int = Field(ge=1)
    style: str
    scene: str
    engine: str = Field(description="Its id.")
    maker: Words = Field(description="The engine's name as shown.")
    likeness: float
    seed: int
    is_diffusion: bool
    width: int | None = Field(None, ge=1, description="In pixels; papers of before lack both.")
    height: int | None = Field(None, ge=1)
    seconds: float = Field(ge=0.0, description="From the first step to the signed file.")
    made_at: datetime
    faithfulness: Faithfulness | None = None
    notes: tuple[Words, ...] = ()


class Failure(Value):
    """Why a cell could not be made."""

    version: Literal[1] = 1
    key: str = Field(pattern=r"^[0-9a-f]{64}$")
    code: str = Field(description="Kind of the error, as in pipelines.errors.")
    why: Words = Field(description="The sentence for the visitor.")
    failed_at: datetime


class Measured(Value):
    """One portrait's cost."""

    engine: str
    size: int = Field(ge=1, description="Pixels of its longer side.")
    short: int | None = Field(None, ge=1, description="Pixels of the other one; left out, the same.")
    seconds: float = Field(ge=0.0)
    bytes: int = Field(ge=0)

    @property
    def pixels(self) -> int:
        """How many it has."""
        return self.size * (self.short or self.size)


class _Measurements(Value):
    version: Literal[1] = 1
    latest: tuple[Measured, ...] = ()


class Store:
    """The folder of a board. Reading is safe at any time; writing is for whoever holds `alone`.

    Args:
        folder: Made by the first run in it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._cells = folder / "cells"
        self._making = folder / ".making"
        self._read: dict[str, tuple[tuple[int, int, int], Paper]] = {}

    @contextmanager
    def alone(self) -> Iterator[Path]:
        """Hold the folder. Gives a new empty folder in it for unfinished files, which is gone afterwards.

        Raises:
            BoardError: Another run is working here.
            SaveError: It cannot be written to.
        """
        lock = FileLock(self.folder / ".lock", timeout=0)
        try:
            self._cells.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise BoardError(
                say("Another run is working in this folder; wait until it is done, or choose another folder.")
            ) from error
        except OSError as error:
            raise SaveError(_FULL, detail=type(error).__name__) from error
        try:
            shutil.rmtree(self._making, ignore_errors=True)  # left behind by a run that was killed
            for left in self._cells.glob("*.part"):
                left.unlink(missing_ok=True)
            self._making.mkdir()
            yield self._making
        except OSError as error:
            raise SaveError(_FULL, detail=type(error).__name__) from error
        finally:
            shutil.rmtree(self._making, ignore_errors=True)
            lock.release()

    def picture(self, key: str) -> Path:
        """Where a cell's portrait lies, if it is done."""
        return self._cells / f"{key}.png"

    def state(self, key: str) -> State:
        """damaged: there are files, but not as they were written."""
        if self.paper(key) is not None:
            return "done"
        if self.failure(key) is not None:
            return "failed"
        there = self.picture(key).exists() or self._paper_file(key).exists() or self._failed_file(key).exists()
        return "damaged" if there else "missing"

    def paper(self, key: str) -> Paper | None:
        """The paper of a finished cell, whose file is as it was written; None for any other.

        A file is read again only where its length or time has changed.
        """
        picture, paper = self.picture(key), self._paper_file(key)
        try:
            status = picture.stat()
            mark = (status.st_size, status.st_mtime_ns, paper.stat().st_mtime_ns)
            known = self._read.get(key)
            if known is not None and known[0] == mark:
                return known[1]
            said = Paper.model_validate_json(paper.read_bytes())
            if said.key != key or said.bytes != status.st_size or said.sha256 != _sha256(picture):
                return None
        except (OSError, ValidationError):
            return None
        self._read[key] = (mark, said)
        return said

    def failure(self, key: str) -> Failure | None:
        """Why a cell could not be made; None where it can still be, or was made."""
        try:
            said = Failure.model_validate_json(self._failed_file(key).read_bytes())
        except (OSError, ValidationError):
            return None
        return said if said.key == key else None

    def adopt(self, cell: Cell, portrait: Portrait, notes: tuple[str, ...], seconds: float) -> Paper:
        """Keep a portrait as a cell. The file moves.

        Args:
            portrait: As the pipeline wrote it, in the folder of `alone`.
            notes: What the engine said of it.
            seconds: What it took.

        Raises:
            SaveError: It cannot be written; nothing is left of it.
        """
        try:
            data = portrait.path.read_bytes()
            paper = Paper(
                key=cell.key,
                sha256=hashlib.sha256(data).hexdigest(),
                bytes=len(data),
                style=cell.style,
                scene=cell.scene,
                engine=cell.engine,
                maker=portrait.engine,
                likeness=cell.likeness,
                seed=cell.seed,
                is_diffusion=portrait.is_diffusion,
                width=portrait.width,
                height=portrait.height,
                seconds=seconds,
                made_at=_now(),
                faithfulness=portrait.faithfulness,
                notes=notes,
            )
            self.discard(cell.key)
            portrait.path.replace(self.picture(cell.key))
            _write(self._paper_file(cell.key), paper.model_dump_json(indent=1).encode())  # last: now it counts
        except OSError as error:
            with contextlib.suppress(OSError):
                self.discard(cell.key)
            raise SaveError(_FULL, detail=type(error).__name__) from error
        return paper

    def fail(self, key: str, code: str, why: str) -> Failure:
        """Note why a cell could not be made.

        Raises:
            SaveError: It cannot be written.
        """
        failure = Failure(key=key, code=code, why=why, failed_at=_now())
        try:
            self.discard(key)
            _write(self._failed_file(key), failure.model_dump_json(indent=1).encode())
        except OSError as error:
            raise SaveError(_FULL, detail=type(error).__name__) from error
        return failure

    def discard(self, key: str) -> None:
        """Delete what there is of a cell, so that it is made again. Nothing there is no error."""
        self._read.pop(key, None)
        for path in (self._paper_file(key), self.picture(key), self._failed_file(key)):
            path.unlink(missing_ok=True)

    def measure(self, engine: str, size: tuple[int, int], seconds: float, bytes: int) -> None:
        """Remember what a portrait of such a width and height cost, for estimates. Failing to is no error."""
        short, long = sorted(size)
        new = Measured(engine=engine, size=long, short=short, seconds=seconds, bytes=bytes)
        alike = [(one.engine, one.pixels) == (engine, new.pixels) for one in self.measured()]
        same = [one for one, is_same in zip(self.measured(), alike, strict=True) if is_same]
        others = [one for one, is_same in zip(self.measured(), alike, strict=True) if not is_same]
        kept = _Measurements(latest=(*others, *same[1 - _LATEST :], new))
        with contextlib.suppress(OSError):
            _write(self.folder / "measured.json", kept.model_dump_json(indent=1).encode())

    def measured(self) -> tuple[Measured, ...]:
        """What portraits cost here, the latest last."""
        try:
            return _Measurements.model_validate_json((self.folder / "measured.json").read_bytes()).latest
        except (OSError, ValidationError):
            return ()

    def _paper_file(self, key: str) -> Path:
        return self._cells / f"{key}.json"

    def _failed_file(self, key: str) -> Path:
        return self._cells / f"{key}.failed.json"


def typical(measured: tuple[Measured, ...], engine: str, pixels: int) -> tuple[float, float] | None:
    """Median seconds and bytes of an engine's portraits of so many pixels; None where none was measured.

    Where only others were measured, those of the nearest size count, in proportion to their pixels.
    """
    mine = [one for one in measured if one.engine == engine]
    if not mine:
        return None
    nearest = min((one.pixels for one in mine), key=lambda there: abs(math.log(there / pixels)))
    mine = [one for one in mine if one.pixels == nearest]
    share = pixels / nearest
    return share * statistics.median(one.seconds for one in mine), share * statistics.median(one.bytes for one in mine)


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with part.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
