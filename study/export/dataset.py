"""A study's dataset as a Psych-DS folder."""

from __future__ import annotations

from pathlib import Path

from pipelines.errors import SaveError
from study.dataset import Dataset
from study.export.check import problems
from study.export.files import About, write
from study.export.tables import tables_of
from study.plan.definition import said

_KINDS = {
    "participant": "",
    "simulated": " SIMULATED: these people do not exist.",
    "preview": " PREVIEW: these are researchers who tried the study.",
}


def export(data: Dataset, folder: Path, *, exclude: bool = False) -> list[Path]:
    """Write the folder and check it.

    Args:
        folder: Made if it is not there.
        exclude: Leave out whom the study's rules exclude.

    Returns:
        The paths of the files.

    Raises:
        SaveError: It could not be written, or does not keep the rules of Psych-DS, which would be a fault of ours.
    """
    tables = tables_of(data, exclude=exclude)
    try:
        paths = write(tables, about(data, exclude=exclude), folder)
    except OSError as error:
        raise SaveError(
            "The export could not be written; choose a folder that this program may write to, with room.",
            detail=type(error).__name__,
        ) from error
    if wrong := problems(folder):
        raise SaveError("The export breaks a rule of Psych-DS; this is a fault of ours.", detail=repr(wrong[0]))
    return paths


def about(data: Dataset, *, exclude: bool = False) -> About:
    """What the folder says of itself."""
    plan = data.plan
    title = said(plan.title, plan.languages[0])
    people = "only those whom the study's rules do not exclude" if exclude else "everybody, with who is excluded marked"
    return About(
        study=plan.id,
        name=f"{title} ({plan.id}, version {plan.version})",
        description=(
            f"Answers of a user study on self-portraits made by software.{_KINDS[data.kind]} It holds {people}."
            " Who withdrew is not in it."
        ),
        version=plan.version,
        identifier=data.sha256,
        made_by=f"Self-Portrait Studio {data.app_version}",
        materials={
            f"materials/{plan.id}.toml": data.study_text,
            f"analysis/{plan.analysis}": data.analysis_text,
            **{f"materials/consent-{sha256[:12]}.txt": text for sha256, text in data.consent_texts.items()},
        },
        notes=(
            f"Frozen on {data.frozen_at:%Y-%m-%d %H:%M} UTC; the frozen hash is `{data.sha256}`. It is the SHA-256 of"
            " study file, analysis plan and software version, stands in every row, and seeded every random order.",
            "What people agreed to is in `materials/`, as files whose SHA-256 is the `consent_sha256` of the consents.",
            f"Read from the store on {data.read_at:%Y-%m-%d %H:%M} UTC. To be deleted after {plan.retention:%Y-%m-%d}:"
            " copies of this folder, too.",
        ),
    )
