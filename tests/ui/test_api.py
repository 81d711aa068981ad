"""The studio for programs, through gradio_client and past it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from PIL import Image

from pipelines import worker
from pipelines.photo.opening import open_photo
from pipelines.provenance import marking
from pipelines.schema import PortraitRequest
from pipelines.self_portrait import SelfPortraitPipeline
from tests.support.drawings import drawn_face
from tests.support.studio import STYLE, Served, agree, ask
from tests.support.sweeps import sweep
from web.calls import KEY_HEADER

PUBLIC = {"/consent", "/styles", "/portrait"}


@pytest.fixture(scope="module")
def program(served: Served, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    client = Client(served.url, verbose=False, download_files=str(tmp_path_factory.mktemp("downloads")))
    yield client
    client.close()


@pytest.fixture
def client(program: Client) -> Client:
    """In a session that nothing was said in yet."""
    program.headers.pop(KEY_HEADER, None)
    program.reset_session()
    return program


@pytest.fixture
def photo(photo_bytes: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "my-holiday.jpg"
    path.write_bytes(photo_bytes)
    return path


def test_only_three_endpoints_are_public_and_all_are_described(client: Client) -> None:
    described = client.view_api(return_format="dict", print_info=False)
    assert set(described["named_endpoints"]) == PUBLIC
    assert not described["unnamed_endpoints"]
    for name in PUBLIC:
        assert described["named_endpoints"][name]["description"]


def test_styles_lists_every_preset(client: Client, served: Served) -> None:
    listed = client.predict(api_name="/styles")
    assert [style["id"] for style in listed["styles"]] == list(served.studio.presets.styles)
    assert [scene["id"] for scene in listed["scenes"]] == list(served.studio.presets.scenes)
    assert any(engine["id"] == "preview" and not engine["is_diffusion"] for engine in listed["engines"])


def test_no_portrait_before_consent(client: Client, photo: Path, served: Served) -> None:
    before = served.files()
    with pytest.raises(httpx.HTTPStatusError, match="403"):
        ask(client, photo)
    with pytest.raises(AppError, match="consent"):
        ask(client, None)
    assert set(served.files()) <= set(before)


@pytest.mark.parametrize("answer", ["false", "true", 1, None, [True]])
def test_only_the_boolean_true_is_a_yes(client: Client, photo: Path, answer: object) -> None:
    with pytest.raises(AppError, match="consent"):
        client.predict(agreed=answer, api_name="/consent")
    with pytest.raises(AppError, match="consent"):
        ask(client, None)


def test_from_consent_to_marked_files_to_deletion(client: Client, photo: Path, served: Served) -> None:
    receipt = agree(client)
    assert receipt["text_sha256"] == hashlib.sha256(receipt["text"].encode()).hexdigest()
    assert [purpose["id"] for purpose in receipt["purposes"]] == ["portraits"]
    files, facts = ask(client, photo, variations=2, scene="orbit")
    assert [item["seed"] for item in facts["portraits"]] == [7, 8]
    assert "Instant filters" in facts["engine"]
    assert all(item["scene"] == "orbit" for item in facts["portraits"])
    for item in facts["portraits"]:
        assert item["marks"] == list(marking.MARKS)
        assert 0 <= item["faithfulness"]["landmark_drift"] < 0.15
        assert item["faithfulness"]["sentence"].endswith(".")
    kept = {path.read_bytes() for path in served.folder.portraits.rglob("*.png")}
    for file in files:
        assert Path(file).read_bytes() in kept
        assert marking.read(Path(file)).marks == marking.MARKS
        with Image.open(file) as picture:
            assert picture.size[0] >= 256
    sent = photo.read_bytes()
    assert not [path for path in served.files() if path.name == photo.name or path.read_bytes() == sent]

    withdrawn = client.predict(agreed=False, api_name="/consent")["receipt"]
    assert withdrawn["withdrawn_at"] >= receipt["granted_at"]
    assert {**withdrawn, "withdrawn_at": None} == receipt
    assert kept.isdisjoint({path.read_bytes() for path in served.files()}), "Gradio's cache included"
    with pytest.raises(httpx.HTTPStatusError, match="403"):
        ask(client, photo)
    with pytest.raises(AppError, match="consent"):
        ask(client, None)
    assert client.predict(agreed=False, api_name="/consent") == {"receipt": None, "key": None}


def test_a_portrait_that_is_finished_as_consent_is_taken_back_does_not_stay(
    client: Client, served: Served, photo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing the stream waits for whatever is written just then."""
    agree(client)
    studio, late = served.studio, list[Path]()

    def run(pipeline: SelfPortraitPipeline, wanted: PortraitRequest) -> Iterator[worker.StepEvent]:
        session = wanted.consent.session
        try:
            studio.visits.forget(session)
            yield worker.StepEvent(1, 1, None, 0.0)
        finally:
            late.append(pipeline.folder(session) / "late.png")
            late[0].parent.mkdir(parents=True, exist_ok=True)
            late[0].write_bytes(b"a face")

    monkeypatch.setattr("ui.api.worker.run", run)
    with pytest.raises(AppError, match="taken back"):
        ask(client, photo)
    assert late
    assert not late[0].exists()


@pytest.mark.parametrize("purposes", [["study"], ["examples"], ["portraits"], ["sell"]])
def test_nothing_can_be_allowed_that_is_not_offered(client: Client, purposes: list[str], served: Served) -> None:
    with pytest.raises(AppError):
        agree(client, purposes=purposes)
    assert served.studio.consents.withdraw(client.session_hash) is False


@pytest.mark.slow
def test_the_same_seed_gives_the_same_picture(client: Client, photo: Path) -> None:
    agree(client)
    first, second = (ask(client, photo, seed=11)[0][0] for _ in range(2))
    with Image.open(first) as one, Image.open(second) as two:
        assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize(
    ("changes", "word"),
    sweep(
        [
            ({"style": "no-such-style"}, "style"),
            ({"scene": "../../etc"}, "scene"),
            ({"model": "no-such-model"}, "model"),
            ({"seed": 2**32}, "seed"),
            ({"seed": 1.5}, "seed"),
            ({"variations": 5}, "variations"),
            ({"variations": 0}, "variations"),
            ({"likeness": 3}, "likeness"),
            ({"visible_label": "maybe"}, "label"),
            ({"photo": None}, "photo"),
            ({"face": 7}, "no face 7"),
            ({"face": 0.5}, "face"),
            ({"turn": 45}, "90, 180 or 270"),
            ({"mark": "left"}, "three numbers"),
        ],
        3,
        several=True,
    ),
)
def test_what_is_out_of_range_is_named_and_the_next_request_works(
    client: Client, photo: Path, changes: dict[str, Any], word: str
) -> None:
    agree(client)
    with pytest.raises(AppError, match=word) as refused:
        ask(client, **{"photo": photo, **changes})
    assert "/" not in str(refused.value.message).replace("1/2", "")
    assert ask(client, photo)[0]


@pytest.mark.slow
def test_after_the_last_seed_comes_the_first(client: Client, photo: Path) -> None:
    agree(client)
    _, facts = ask(client, photo, seed=2**32 - 1, variations=2)
    assert [one["seed"] for one in facts["portraits"]] == [2**32 - 1, 0]


@pytest.mark.parametrize("path", sweep(["me.jpg", ["me.jpg"], 7], 1))
def test_a_plain_path_is_answered_with_how_to_send_a_photo(client: Client, photo: Path, path: object) -> None:
    agree(client)
    with pytest.raises(AppError, match="handle_file") as refused:
        client.predict(photo=path, style=STYLE, api_name="/portrait")
    assert "show_error" not in str(refused.value)
    assert ask(client, photo)[0]


@pytest.mark.parametrize("changes", [{"seed": "seven"}, {"visible_label": {"a": 1}}, {"style": ["comic"]}])
def test_nobody_is_told_to_launch_us_otherwise(client: Client, photo: Path, changes: dict[str, object]) -> None:
    agree(client)
    with pytest.raises(AppError) as refused:
        ask(client, photo, **changes)
    assert "show_error" not in str(refused.value)


def test_consent_of_one_session_does_not_serve_another(client: Client, photo: Path, served: Served) -> None:
    agree(client)
    stranger = Client(served.url, verbose=False)
    with pytest.raises(httpx.HTTPStatusError, match="403"):
        ask(stranger, photo)
    with pytest.raises(AppError, match="consent"):
        ask(stranger, None)
    stranger.close()


def test_a_drawing_is_refused_until_its_face_is_chosen_by_number(client: Client, tmp_path: Path) -> None:
    drawn_face(300).save(tmp_path / "logo.png")
    agree(client)
    with pytest.raises(AppError, match=r"Is this a face.*face=1"):
        ask(client, tmp_path / "logo.png")
    files, facts = ask(client, tmp_path / "logo.png", face=1)
    assert len(files) == 1
    assert not any("Is this" in hint for hint in facts["hints"])


def test_a_photo_is_turned_and_its_face_marked(client: Client, face_photo: Image.Image, tmp_path: Path) -> None:
    face_photo.rotate(90, expand=True).save(tmp_path / "side.png")
    agree(client)
    with pytest.raises(AppError, match="turn=90"):
        ask(client, tmp_path / "side.png")
    files, _ = ask(client, tmp_path / "side.png", turn=90, mark="44,25,20")
    with Image.open(files[0]) as portrait:
        assert open_photo(portrait).turn == 0


def test_shape_size_and_crop_are_what_was_asked_for(client: Client, photo: Path) -> None:
    agree(client)
    (path,), told = ask(client, photo, shape="4:5", size="print", crop="45,30,60,-5")
    (facts,) = told["portraits"]
    with Image.open(path) as made:
        assert made.size == (facts["width"], facts["height"])
        assert made.width / made.height == pytest.approx(0.8, abs=0.01)
    assert (facts["shape"], facts["size"]) == ("4:5", "print")
    assert any("pixels here" in note for note in told["notes"])


@pytest.mark.parametrize("changes", [{"shape": "5:4"}, {"size": "huge"}, {"crop": "50,50"}])
def test_no_other_shapes_sizes_and_crops(client: Client, photo: Path, changes: dict[str, object]) -> None:
    agree(client)
    with pytest.raises(AppError, match=next(iter(changes))):
        ask(client, photo, **changes)


@pytest.mark.slow
def test_of_several_faces_the_hints_say_which_was_taken(client: Client, crowd_bytes: bytes, tmp_path: Path) -> None:
    (tmp_path / "two.png").write_bytes(crowd_bytes)
    agree(client)
    _, facts = ask(client, tmp_path / "two.png")
    assert "There are 2 faces. The first" in facts["hints"][0]
    assert "lick" not in str(facts["hints"])
    assert not any("faces" in hint for hint in ask(client, tmp_path / "two.png", face=2)[1]["hints"])


@pytest.mark.parametrize("path", ["/gradio_api/run/portrait", "/gradio_api/run/consent", "/gradio_api/api/portrait"])
def test_the_queue_cannot_be_passed_by(http: httpx.Client, path: str) -> None:
    assert http.post(path, json={"data": [True], "session_hash": "direct-call"}).status_code == 404


@pytest.mark.slow  # test_consent_gate.py asks each of them for pictures
def test_every_private_event_refuses_a_session_without_consent(served: Served, http: httpx.Client) -> None:
    """Hidden endpoints can still be called by number; they must answer with words, not with work."""
    before = set(served.files())
    config = http.get("/config").json()
    values = {component["id"]: component["props"].get("value") for component in config["components"]}
    private = [
        dependency
        for dependency in config["dependencies"]
        if dependency["backend_fn"] and f"/{dependency['api_name']}" not in PUBLIC
    ]
    assert len(private) >= 10
    for number, dependency in enumerate(private):
        session = f"private-{number}"
        body = {
            "data": [values[component] for component in dependency["inputs"]],
            "fn_index": dependency["id"],
            "session_hash": session,
            "event_data": {"index": 0, "seed": 1},
        }
        assert http.post("/gradio_api/queue/join", json=body).status_code == 200
        with http.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as events:
            answer = next(line for line in events.iter_lines() if "process_completed" in line)
        assert "studio/portrait/" not in answer
        assert served.studio.consents.withdraw(session) is False
        assert not served.studio.pipeline.folder(session).exists()
    assert set(served.files()) <= before
