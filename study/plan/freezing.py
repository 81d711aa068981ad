"""A study's file read and checked, and the lock that proves that it did not change since it was frozen.

The frozen hash is the SHA-256 of the study file, the analysis plan, the app's version, and those presets of the
operator's own (STUDIO_PRESETS) that the conditions name; what came with the app is in its version. It stands in the
consent, in every row and in the export, and seeds the randomisation: this proves that the plan came before the data.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from pipelines import VERSION
from pipelines.engines.base import PREVIEW
from pipelines.errors import StudyError
from pipelines.hub.stack import ModelStack
from pipelines.presets.loading import PRESETS, Presets, load_presets
from pipelines.presets.own import recipe_digest
from pipelines.schema import Scene, Style, Value
from study.plan.definition import StudyPlan
from study.plan.lines import line_of

STUDIES = Path(__file__).resolve().parents[2] / "presets" / "studies"
_MAX_FILE_BYTES = 512 * 1024


class LockedVersion(Value):
    """One frozen version of a study."""

    version: str
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$", description="Of what stands below but the time: the frozen hash.")
    study_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    analysis_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    app_version: str
    presets: dict[str, str] = Field({}, description="Of each preset of the operator's own: SHA-256 of its recipe.")
    frozen_at: datetime


class Lock(Value):
    """<id>.lock.json, beside the study file: every version that was ever frozen, oldest first."""

    study: str
    versions: tuple[LockedVersion, ...]


@dataclass(frozen=True)
class FrozenStudy:
    """A study that may start.

    Attributes:
        plan: As its file says it.
        lock: Its frozen version.
        text: The study file.
        analysis: The analysis plan.
    """

    plan: StudyPlan
    lock: LockedVersion
    text: str
    analysis: str

    @property
    def id(self) -> str:
        """The name of its file."""
        return self.plan.id

    @property
    def sha256(self) -> str:
        """The frozen hash."""
        return self.lock.sha256


def study_file(name: str, folder: Path = STUDIES) -> Path:
    """The file of a study that is named by its id, or by a path that ends in .toml."""
    return Path(name) if name.endswith(".toml") else folder / f"{name}.toml"


def load_plan(path: Path) -> StudyPlan:
    """Read a study's file.

    Raises:
        StudyError: It is wrong; the hint names file, line, field and value.
    """
    return parse_plan(_read(path), path.name)


def parse_plan(text: str, file_name: str) -> StudyPlan:
    """A study from the text of its file.

    Args:
        file_name: Without its end, the study's id; the hint names it.

    Raises:
        StudyError: As `load_plan`.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StudyError(f"{file_name} is not valid TOML: {str(error).rstrip('.')}.") from error
    if "id" in content:
        line = line_of(text, ("id",))
        raise StudyError(f"{file_name}, line {line}, field id: the name of the file is the id; remove the field.")
    try:
        return StudyPlan.model_validate({**content, "id": file_name.removesuffix(".toml")})
    except ValidationError as error:
        raise StudyError(_sentence(error, content, text, file_name)) from error


def check_presets(
    plan: StudyPlan, *, styles: Collection[str], scenes: Collection[str], engines: Collection[str], text: str = ""
) -> None:
    """Look every style, scene and engine up.

    Args:
        styles, scenes, engines: Ids that exist here; of the engines, those that can run.
        text: Of the file, for the line.

    Raises:
        StudyError: One does not exist; the hint names it.
    """
    for number, one in enumerate(plan.conditions):
        for field, value, known in (
            ("style", one.style, styles),
            ("scene", one.scene, scenes),
            ("engine", one.engine, engines),
        ):
            if value not in known:
                raise _unknown(plan, text, number, field, value, known)


def _unknown(plan: StudyPlan, text: str, number: int, field: str, value: str, known: Collection[str]) -> StudyError:
    line = line_of(text, ("conditions", number, field))
    where = f"line {line}, " if line else ""
    return StudyError(
        f"{plan.id}.toml, {where}field conditions.{number + 1}.{field}: there is no {value} that works here; choose one"
        f" of: {', '.join(sorted(known))}."
    )


def freeze(path: Path, own: Path | None = None, *, now: datetime | None = None) -> LockedVersion:
    """Write the lock of a study, or find it there already.

    Args:
        own: The operator's presets (STUDIO_PRESETS); None where there are none.

    Raises:
        StudyError: The file or its analysis plan is wrong, or was changed and still has the version that was frozen,
            or names a preset that is not here.
    """
    plan, lock, fresh = _current(path, own, now or datetime.now(UTC).replace(microsecond=0))
    versions = lock.versions if lock is not None else ()
    for one in versions:
        if one.sha256 == fresh.sha256:
            return one
        if one.version == plan.version:
            raise StudyError(f"{path.name} {_changed(one, fresh)} since version {plan.version} was frozen; {_NEW}")
    new = Lock(study=plan.id, versions=(*versions, fresh))
    try:
        draft = _lock_file(path).with_suffix(".draft")
        draft.write_text(new.model_dump_json(indent=2) + "\n", "utf-8")
        draft.replace(_lock_file(path))
    except OSError as error:
        raise StudyError(f"{_lock_file(path).name} cannot be written; let this program write there.") from error
    return fresh


def load_frozen(path: Path, own: Path | None = None) -> FrozenStudy:
    """A study that is frozen and did not change since.

    Args:
        own: As of `freeze`.

    Raises:
        StudyError: It is wrong, was not frozen, or has changed; the hint says what to do.
    """
    plan, lock, fresh = _current(path, own, datetime.now(UTC))
    locked = [one for one in (lock.versions if lock is not None else ()) if one.version == plan.version]
    if not locked:
        raise StudyError(
            f"{path.name}, version {plan.version}, is not frozen, so it does not start; run"
            f" python -m study freeze {plan.id}."
        )
    if locked[0].sha256 != fresh.sha256:
        raise StudyError(
            f"{path.name} {_changed(locked[0], fresh)} since version {plan.version} was frozen, so it does not start;"
            f" {_NEW}"
        )
    return FrozenStudy(plan, locked[0], _read(path), _read(path.with_name(plan.analysis)))


_NEW = 'make a new version: give the field version a new number, then run "python -m study freeze" again.'


def _current(path: Path, own: Path | None, now: datetime) -> tuple[StudyPlan, Lock | None, LockedVersion]:
    """The plan, its lock, and what a lock of the files as they are now would say."""
    text = _read(path)
    plan = parse_plan(text, path.name)
    parts = {
        "study_sha256": _sha256(text),
        "analysis_sha256": _sha256(_read(path.with_name(plan.analysis))),
        "app_version": VERSION,
    }
    recipes = _own_recipes(plan, text, own)
    whole = _sha256(json.dumps({**parts, "presets": recipes} if recipes else parts, sort_keys=True))
    fresh = LockedVersion(version=plan.version, sha256=whole, presets=recipes, frozen_at=now, **parts)
    lock = None
    if _lock_file(path).exists():
        try:
            lock = Lock.model_validate_json(_read(_lock_file(path)))
        except ValidationError as error:
            raise StudyError(f"{_lock_file(path).name} is damaged; put the one that was frozen back.") from error
    return plan, lock, fresh


def _own_recipes(plan: StudyPlan, text: str, own: Path | None) -> dict[str, str]:
    """Digests of what the conditions name that did not come with the app, by "styles/<id>" and so on."""
    found: dict[str, str] = {}
    presets: Presets | None = None
    for number, one in enumerate(plan.conditions):
        for field, kind, name in (
            ("style", "styles", one.style),
            ("scene", "scenes", one.scene),
            ("engine", "models", one.engine),
        ):
            if (PRESETS / kind / f"{name}.toml").exists() or (kind == "models" and name == PREVIEW):
                continue
            presets = presets or load_presets(more=own)
            known = _tables(presets)[kind]
            if name not in known:
                raise _unknown(plan, text, number, field, name, known)
            found[f"{kind}/{name}"] = recipe_digest(known[name])
    return found


def _tables(presets: Presets) -> dict[str, Mapping[str, Style | Scene | ModelStack]]:
    return {"styles": presets.all_styles, "scenes": presets.scenes, "models": presets.models}


def _changed(old: LockedVersion, new: LockedVersion) -> str:
    if old.study_sha256 != new.study_sha256:
        return "has changed"
    if old.analysis_sha256 != new.analysis_sha256:
        return "has another analysis plan"
    if old.app_version == new.app_version:
        names = {*old.presets, *new.presets}
        changed = sorted(name for name in names if old.presets.get(name) != new.presets.get(name))
        return f"names the preset {changed[0]}, which has changed"
    return f"is run by version {new.app_version} of this software, not {old.app_version},"


def _lock_file(path: Path) -> Path:
    return path.with_name(f"{path.stem}.lock.json")


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise StudyError(f"{path.name} is larger than {_MAX_FILE_BYTES // 1024} kB; shorten it.")
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(
            f"{path.name} cannot be read; check its name, its permissions and its encoding (UTF-8)."
        ) from error


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _sentence(error: ValidationError, content: dict[str, Any], text: str, file_name: str) -> str:
    first = error.errors()[0]
    place = _in_file(first["loc"], content)
    message = first["msg"].removeprefix("Value error, ").rstrip(".")
    given = "" if first["type"] in ("missing", "value_error", "extra_forbidden") else f", not {_shown(first['input'])}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if not place:  # told of the whole: the field is the first word of the message where it is one of ours
        parts = message.split()[0].split(".")
        place = (
            tuple(int(one) - 1 if one.isdecimal() else one for one in parts)
            if parts[0] in StudyPlan.model_fields
            else ()
        )
    line = line_of(text, place)
    where = ".".join(str(part + 1) if isinstance(part, int) else part for part in place)
    return (
        f"{file_name}{f', line {line}' if line else ''}{f', field {where}' if where else ''}: {message}{given}{more}."
    )


def _in_file(place: tuple[int | str, ...], content: Any) -> tuple[int | str, ...]:
    """A place without what pydantic adds for the kinds of a union: only the last part may be missing in the file."""
    found: list[int | str] = []
    for part in place:
        known = content if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ()
        if part in known:
            content = content[part]
        elif isinstance(content, dict) and isinstance(part, str) and part.replace("_", "").isalnum():
            return (*found, part)
        else:
            continue
        found.append(part)
    return tuple(found)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
