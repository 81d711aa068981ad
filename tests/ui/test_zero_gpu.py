"""The page on a Space that lends GPUs by the call, with a stand-in for its package that forks as the real one does."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError

from tests import tiny_checkpoints
from tests.support.site import CUT_NETWORK, ROOT, Site, Visitor, wait_until
from tests.support.studio import agree, ask
from ui.zero_gpu import in_our_words
from web.calls import KEY_HEADER

STAND_IN = ROOT / "tests" / "support" / "lent_gpu"
LARGE = """
name = "Large toy model"
summary = "Made for a GPU, as far as it knows."
kind = "sd15"
rank = 900
size = 64
num_inference_steps = {steps}
guidance_scale = 1.0
max_guidance_scale = 1.0
torch_dtype = "float32"
memory_bytes = 4_000_000_000
[scheduler]
name = "EulerDiscreteScheduler"
"""
PARTS = {"base": "sd15", "controlnets.canny": "cn-canny", "controlnets.lineart": "cn-lineart", "tiny_vae": "taesd"}


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    root, weights = tmp_path_factory.mktemp("space"), tmp_path_factory.mktemp("weights")
    tiny_checkpoints.build(weights)
    models = root / "presets" / "models"
    models.mkdir(parents=True)
    parts = [f'[{name}]\npath = "{weights / part}"\nlicence = "MIT"\nbytes = 0\n' for name, part in PARTS.items()]
    (models / "large-toy.toml").write_text(LARGE.format(steps=100) + "\n".join(parts), "utf-8")
    (root / "calls.jsonl").touch()
    site = Site(
        root,
        ROOT / "tests" / "support" / "lent_app.py",
        PYTHONPATH=os.pathsep.join((str(STAND_IN), str(CUT_NETWORK))),
        SPACES_ZERO_GPU="true",
        SPACES_STAND_IN=str(root),
        STUDIO_PRESETS=str(root / "presets"),
        STUDIO_MODEL="auto",
        STUDIO_CREDENTIALS_DIR=os.environ["STUDIO_CREDENTIALS_DIR"],
    )
    yield site
    site.end(signal.SIGTERM)
    copies = {call["process"] for call in calls(site)}
    wait_until(lambda: not any(psutil.pid_exists(copy) for copy in copies), "copies outlive the app, photos and all")


@pytest.fixture
def client(space: Site, tmp_path: Path) -> Iterator[Client]:
    program = Client(space.url, verbose=False, download_files=str(tmp_path / "downloads"))
    agree(program)
    yield program
    program.close()


@pytest.fixture
def photo(photo_bytes: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "me.jpg"
    path.write_bytes(photo_bytes)
    return path


def calls(space: Site) -> list[dict[str, Any]]:
    """Of the function that works with the GPU."""
    return [json.loads(line) for line in (space.root / "calls.jsonl").read_text().splitlines()]


def flags(space: Site) -> list[Path]:
    return list((space.root / "tmp").rglob("stop-*"))


@pytest.mark.slow
def test_portraits_of_the_large_model_are_made_with_a_lent_gpu(space: Site, client: Client, photo: Path) -> None:
    assert (space.root / "started").exists(), "the page was launched by the package's own launch()"
    before = len(calls(space))
    for model in ("auto", "large-toy"):
        files, facts = ask(client, photo, model=model, seed=3)
        assert facts["engine"] == "Large toy model"
        assert len(files) == 1
        assert facts["portraits"][0]["marks"] == ["XMP", "C2PA"], "too small for a watermark"
    first, second = calls(space)[before:]
    assert first["has_visitor"], "or it would count for nobody"
    assert second["has_visitor"]
    assert first["process"] == second["process"] != space.process.pid, (
        "the copy is kept, and knew nothing of the second"
    )
    assert 5 < second["seconds"] <= 120
    assert flags(space) == []


@pytest.mark.slow
def test_the_same_seed_is_the_same_picture_and_the_filters_borrow_nothing(
    space: Site, client: Client, photo: Path
) -> None:
    facts = [ask(client, photo, model="auto", seed=11)[1] for _ in range(2)]
    assert [one["portraits"][0]["seed"] for one in facts] == [11, 11]
    before = len(calls(space))
    assert ask(client, photo, model="preview")[1]["engine"] != "Large toy model"
    assert len(calls(space)) == before


@pytest.mark.slow
def test_two_visitors_are_served_at_the_same_time_each_with_their_own(space: Site, photo: Path, tmp_path: Path) -> None:
    before = len(calls(space))

    def serve(number: int) -> dict[str, Any]:
        program = Client(space.url, verbose=False, download_files=str(tmp_path / f"downloads-{number}"))
        agree(program)
        made = ask(program, photo, model="large-toy", seed=number, variations=2)[1]
        program.close()
        return made

    with ThreadPoolExecutor(2) as visitors:
        made = list(visitors.map(serve, (100, 200)))
    assert [[one["seed"] for one in facts["portraits"]] for facts in made] == [[100, 101], [200, 201]]
    assert len({call["process"] for call in calls(space)[before:]}) == 2


@pytest.mark.slow
@pytest.mark.parametrize("title", ["ZeroGPU quota exceeded", "ZeroGPU worker error"])
def test_what_the_lender_refuses_is_told_in_our_words(space: Site, client: Client, photo: Path, title: str) -> None:
    message = "You have exceeded your free ZeroGPU quota (60s requested vs. 30s left). Try again in 0:12:34. "
    (space.root / "refuse.json").write_text(json.dumps([title, message]))
    with pytest.raises(AppError) as refused:
        ask(client, photo, model="large-toy")
    assert "ZeroGPU" not in str(refused.value)
    assert ("60 s, and 30 s are left" in str(refused.value)) == (title == "ZeroGPU quota exceeded")
    assert ask(client, photo, model="large-toy")[1]["portraits"], "the next one works"


def answer_of(visitor: Visitor, event: str) -> str:
    """The last that the stream says of one of several events."""
    with visitor.http.stream("GET", "/gradio_api/queue/data", params={"session_hash": visitor.session}) as said:
        return next(line for line in said.iter_lines() if event in line and "process_completed" in line)


@pytest.mark.slow
def test_cancel_stops_the_copy_and_it_is_free_for_the_next(space: Site, photo_bytes: bytes) -> None:
    visitor = Visitor(space.url)
    visitor.agree()
    assert visitor.send_photo(photo_bytes).is_success
    visitor.call("arrived", "film-noir", "none", 0.5)
    before = len(calls(space))
    with ThreadPoolExecutor(1) as other:
        asked = visitor.join("create", "film-noir", "none", 0.5, 4, "auto", 5, False, "", False)
        assert asked.is_success
        heard = other.submit(answer_of, visitor, asked.json()["event_id"])
        wait_until(lambda: len(calls(space)) > before, "the GPU was not borrowed")
        again = visitor.join("cancel")
        assert again.is_success
        said = heard.result(60)
    assert "Stopped" in said
    assert "studio/portrait/" not in said
    wait_until(lambda: flags(space) == [], "the flag stays")
    said = visitor.call("create", "film-noir", "none", 0.5, 1, "auto", 5, False, "", False)
    assert re.search(r"studio/portrait/[\w-]+/\w+\.png", said)
    visitor.close()


@pytest.mark.slow
def test_a_board_does_not_borrow(space: Site, client: Client, photo_bytes: bytes) -> None:
    """No event waits for it, so there is nobody for whom the time would count."""
    listed = {one["id"]: one for one in client.predict(api_name="/styles")["engines"]}
    assert listed["large-toy"]["available"]
    assert listed["embedded"]["available"]
    headers = {KEY_HEADER: client.headers[KEY_HEADER]}
    with httpx.Client(base_url=f"{space.url}/studio/board", headers=headers, timeout=60) as http:
        who = {"title": "Eileen", "consent": "Eileen Collins said yes on 2 November 2026 to this board."}
        assert http.post("/photo", params=who, content=photo_bytes).is_success
        board = {"title": "Looks", "styles": ["comic"]}
        asked = http.post("/plan", json={**board, "engines": ["large-toy"]})
        assert asked.is_error
        assert "runs on a lent GPU" in asked.json()["sentence"]
        assert http.post("/plan", json={**board, "engines": ["auto"]}).is_success


@pytest.mark.slow
def test_nothing_of_a_visitor_is_in_the_log(space: Site) -> None:
    assert "Traceback" not in space.log
    assert "me.jpg" not in space.log


# --- the words, without an app ---

QUOTA = "ZeroGPU quota exceeded"
WORDS = [
    (
        QUOTA,
        "(60s requested vs. 30s left). Try again in 0:12:34. ",
        "asks for 60 s, and 30 s are left. Try again in about",
    ),
    (QUOTA, "(60s requested vs. -4s left). Try again in 1 day, 2:00:00. ", "0 s are left. Try again in about 1560 min"),
    (
        QUOTA,
        "You have exceeded your ZeroGPU runs limit. Try again in 3:00:00. ",
        "too often today; try again in about 180",
    ),
    (
        QUOTA,
        "Space app has reached its GPU limit. Try re-running outside of examples",
        "not signed in is used up; sign in",
    ),
    (QUOTA, "No GPU was available after 60s. Try re-running", "sign in to Hugging Face to be served sooner"),
    ("ZeroGPU illegal duration", "The requested GPU duration (300s) is larger", "ask for fewer variations"),
    ("ZeroGPU pending credits exceeded", "You have too many ZeroGPU credits", "wait for one of them"),
    ("ZeroGPU queue timeout", "No GPU was available after 60s. Create a free account", "try again in a minute"),
    ("ZeroGPU client error", "No GPU was available", "try again in a minute"),
    ("ZeroGPU client error", "Expired ZeroGPU proxy token", "reload it"),
    ("ZeroGPU client error", "Internal Gradio error", "No GPU could be borrowed"),
    ("ZeroGPU worker error", "GPU task aborted", "taken away before the portrait was finished"),
    ("ZeroGPU worker error", "OutOfMemoryError", "taken away before the portrait was finished"),
    ("ZeroGPU something new", "<b>whatever</b>", "No GPU could be borrowed"),
    ("", "", "No GPU could be borrowed"),
]


@pytest.mark.parametrize(("title", "message", "words"), WORDS)
def test_each_refusal_says_what_to_do(title: str, message: str, words: str) -> None:
    error = in_our_words(title, message)
    assert words in error.hint
    assert "ZeroGPU" not in error.hint
    assert "<" not in error.hint
    assert error.code in ("engine-unavailable", "engine-busy", "engine-failed"), "no portrait is counted for it"
