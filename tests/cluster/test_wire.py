"""What goes to a machine that paints and comes back is plain, and the same at the other end."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from languages.saying import When, say, say_many, speaking
from pipelines.cluster import wire
from pipelines.engines.base import Made
from pipelines.errors import Cancelled, EngineFailed, EngineUnavailable, PortraitError, SaveError
from pipelines.presets.loading import Presets
from pipelines.schema import Control, Job, PreparedPhoto, StylePicture


def is_plain(value: object) -> bool:
    if isinstance(value, dict):
        return all(type(key) is str and is_plain(inner) for key, inner in value.items())
    if isinstance(value, list | tuple):
        return all(is_plain(inner) for inner in value)
    return value is None or type(value) in (str, int, float, bool, bytes)


def test_a_job_of_every_style_and_scene_is_the_same_at_the_other_end(presets: Presets, prepared: PreparedPhoto) -> None:
    scenes = list(presets.scenes.values())
    assert prepared.person_mask is not None
    assert prepared.face is not None
    for number, style in enumerate(presets.styles.values()):
        job = Job(
            photo=prepared,
            shape="4:5",
            style=style,
            scene=scenes[number % len(scenes)],
            likeness=0.3,
            words="a hat",
            style_picture=StylePicture(image=prepared.image.resize((40, 30))) if style.needs_picture else None,
            seeds=(7, 4_000_000_000),
            in_series=bool(number % 2),
        )
        plain = wire.plain_job(job)
        assert is_plain(plain)
        read = wire.read_job(plain)
        for field in ("shape", "size", "style", "scene", "likeness", "words", "seeds", "in_series"):
            assert getattr(read, field) == getattr(job, field), field
        assert read.photo.image.tobytes() == prepared.image.tobytes()
        assert read.photo.person_mask is not None
        assert prepared.person_mask is not None
        assert np.array_equal(read.photo.person_mask, prepared.person_mask)
        assert (read.photo.face.box, read.photo.face.certainty) == (prepared.face.box, prepared.face.certainty)
        assert read.photo.face is not None
        assert read.photo.face.landmarks is not None
        assert prepared.face is not None
        assert prepared.face.landmarks is not None
        assert np.array_equal(read.photo.face.landmarks, prepared.face.landmarks)
        assert (read.style_picture is None) == (job.style_picture is None)


def test_pictures_come_back_without_loss_and_notes_in_every_language(prepared: PreparedPhoto) -> None:
    control = Control(annotator="canny", image=prepared.image.resize((64, 64)))
    note = say("Stopped; nothing was kept.")
    plain = wire.plain_made(Made([prepared.image, prepared.image.rotate(90)], (control,), (note,)))
    assert is_plain(plain)
    made = wire.read_made(plain)
    assert [one.tobytes() for one in made.pictures] == [prepared.image.tobytes(), prepared.image.rotate(90).tobytes()]
    assert made.controls[0].image.tobytes() == control.image.tobytes()
    assert made.controls[0].annotator == "canny"
    with speaking("de"):
        assert str(made.notes[0]) == str(note) != note.form


@pytest.mark.parametrize(
    "words",
    [
        say("{name} was closed; start again.", name=say("Instant filters")),
        say_many("{count} thing", "{count} things", 3),
        When(datetime(2026, 11, 27, 10, 5, tzinfo=UTC), "27 November 2026, 10:05 UTC"),
        "plain words with {braces}",
    ],
)
def test_sentences_keep_their_form(words: str) -> None:
    plain = wire.plain_words(words)
    assert is_plain(plain)
    read = wire.read_words(plain)
    for language in ("en", "de", "ja"):
        with speaking(language):
            assert str(read) == str(words)


def test_a_step_brings_its_picture(prepared: PreparedPhoto) -> None:
    assert wire.read_step(wire.plain_step(2, 9, None)) == (2, 9, None)
    step, total, preview = wire.read_step(wire.plain_step(2, 9, prepared.image))
    assert (step, total) == (2, 9)
    assert preview is not None
    assert preview.size == prepared.image.size


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (EngineUnavailable("Not here."), EngineUnavailable, "Not here."),
        (Cancelled("Stopped."), Cancelled, "Stopped."),
        (SaveError("Disk full."), EngineFailed, "Disk full."),
        (RuntimeError("a prompt: my secret garden"), EngineFailed, "stopped with an error"),
        (KeyboardInterrupt("my secret garden"), EngineFailed, "stopped with an error"),
    ],
)
def test_errors_come_back_as_ours_and_quote_nobody(error: BaseException, kind: type[PortraitError], words: str) -> None:
    plain = wire.plain_failure(error, "Toy")
    assert is_plain(plain)
    assert "secret" not in str(plain)
    read = wire.read_failure(plain)
    assert isinstance(read, kind)
    assert words in read.hint


def test_what_is_no_picture_is_refused(prepared: PreparedPhoto, presets: Presets) -> None:
    job = Job(photo=prepared, style=presets.style("comic"), scene=presets.scene("none"), seeds=(1,))
    plain = wire.plain_job(job)
    for wrong in ({"width": 513}, {"width": -1, "height": -1}, {"rgb": b""}, {"width": 10**6, "height": 10**6}):
        with pytest.raises(ValueError, match="other sides"):
            wire.read_job({**plain, "photo": {**plain["photo"], **wrong}})
    for shape in ({"shape": [512, 511]}, {"shape": [512]}, {"shape": [10**6, 10**6]}):
        with pytest.raises(ValueError, match="other sides"):
            wire.read_job({**plain, "mask": {**plain["mask"], **shape}})
