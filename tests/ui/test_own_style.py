"""A picture of the visitor's own that a portrait is painted after: taken in, shown, kept to the visit, deleted."""

from __future__ import annotations

import gc
import io
import json
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest
from PIL import Image

from pipelines.engines.base import PREVIEW
from pipelines.errors import EngineUnavailable, RequestInvalid
from pipelines.portrait_request import build_request
from pipelines.provenance import marking
from pipelines.safety.policy import default_policy
from pipelines.safety.review import Safety
from tests.support.reviewers import Picky
from tests.support.studio import LOOK, STYLE, Served, create, event, request_of, with_photo
from tests.support.traces import Traces
from ui.own_style import OwnStyleHandlers
from ui.portrait_handlers import PortraitHandlers
from visits import inventory
from visits.visit import KEEP_SECONDS, Visit
from web.calls import KEY_HEADER
from web.routes import ASKED_HEADER, RIGHTS_HEADER

OWN = ("own-picture", "none", 0.5)
PATH = "/studio/style-picture"


@pytest.fixture(scope="module")
def painting() -> bytes:
    """A JPEG of a fractal, with a GPS position in its metadata."""
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    buffer = io.BytesIO()
    Image.effect_mandelbrot((900, 600), (-2, -1, 1, 1), 60).convert("RGB").save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


@pytest.fixture
def own(served: Served, handlers: PortraitHandlers) -> OwnStyleHandlers:
    return OwnStyleHandlers(served.studio, handlers.restyle)


def give(http: httpx.Client, visit: Visit, data: bytes, **headers: str) -> httpx.Response:
    return http.post(PATH, content=data, headers={KEY_HEADER: visit.key, RIGHTS_HEADER: "yes", **headers})


def test_nothing_is_taken_in_without_consent_or_without_the_tick(served: Served, http, painting: bytes) -> None:
    for key in ("", "guess"):
        assert http.post(PATH, content=painting, headers={KEY_HEADER: key, RIGHTS_HEADER: "yes"}).status_code == 403
    visit = served.visit("own-tick")
    for rights in ("", "no", "true"):
        answer = give(http, visit, painting, **{RIGHTS_HEADER: rights})
        assert answer.status_code == 422
        assert "Tick that you may use this picture" in answer.json()["sentence"]
    assert visit.style_picture is None


def test_it_lies_in_memory_without_metadata_and_small(served: Served, http, painting: bytes) -> None:
    visit, before = served.visit("own-memory"), served.files()
    assert give(http, visit, painting).status_code == 200
    assert visit.style_picture is not None
    assert visit.style_picture.image.size == (768, 512)
    assert not visit.style_picture.image.getexif()
    assert served.files() == before
    (kept,) = [one for one in inventory.kept_of(served.studio, "own-memory") if "style picture" in one.what]
    assert kept.bytes == 768 * 512 * 3
    assert kept.where == "memory"


@pytest.mark.parametrize("body", [b"", b"hello" * 100, b"\xff\xd8\xff\xe0 cut"])
def test_a_broken_one_loses_nothing(served: Served, http, painting: bytes, photo_bytes: bytes, body: bytes) -> None:
    visit = served.visit("own-broken")
    http.post("/studio/photo", content=photo_bytes, headers={KEY_HEADER: visit.key})
    give(http, visit, painting)
    kept, photo = visit.style_picture, visit.photo
    answer = give(http, visit, body)
    assert answer.status_code == 422
    assert "Traceback" not in answer.text
    assert visit.style_picture is kept is not None
    assert visit.photo is photo is not None


def test_what_the_picture_checker_refuses_is_not_taken_in(
    served: Served, http, painting: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit, picky = served.visit("own-refused"), Picky(2)
    monkeypatch.setattr(served.studio.pipeline, "safety", Safety((default_policy(),), (picky,)))
    assert give(http, visit, painting).status_code == 200
    kept = visit.style_picture
    answer = give(http, visit, painting)
    assert answer.status_code == 422
    assert "picture checker" in answer.json()["sentence"]
    assert len(picky.seen) == 2
    assert visit.style_picture is kept is not None


def test_a_large_file_is_taken_in_as_a_photo_is(served: Served, http) -> None:
    visit, buffer = served.visit("own-large"), io.BytesIO()
    Image.effect_noise((1400, 1400), 90).save(buffer, "PNG", compress_level=0)
    assert len(buffer.getvalue()) > 1_500_000
    assert give(http, visit, buffer.getvalue()).status_code == 200


def test_another_browser_cannot_give_one(served: Served, http, painting: bytes) -> None:
    visit = served.visit("own-stranger")
    http.get("/")
    assert give(http, visit, painting).status_code == 200
    with httpx.Client(base_url=served.url, timeout=60) as stranger:
        stranger.get("/")
        assert give(stranger, visit, painting).status_code == 403


def test_remove_wins_over_a_picture_that_is_still_on_its_way(
    served: Served, http, painting: bytes, own: OwnStyleHandlers
) -> None:
    visit = served.visit("own-slow")
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> Iterator[bytes]:
        yield painting[:100]
        begun.set()
        assert go_on.wait(60)
        yield painting[100:]

    headers = {KEY_HEADER: visit.key, RIGHTS_HEADER: "yes", ASKED_HEADER: "1"}
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(http.post, PATH, content=slowly(), headers=headers)
        assert begun.wait(60)
        while not visit.style_asked:
            time.sleep(0.01)
        shown = own.style_removed(*OWN, request_of("own-slow"), event(asked=2))
        go_on.set()
        assert slow.result().status_code == 409
    assert shown["style_picture"]["src"] == ""
    assert visit.style_picture is None


def test_the_photos_number_is_not_its_number(served: Served, http, painting: bytes, photo_bytes: bytes) -> None:
    visit = served.visit("own-numbers")
    photo = {KEY_HEADER: visit.key, ASKED_HEADER: "9"}
    assert http.post("/studio/photo", content=photo_bytes, headers=photo).status_code == 200
    assert give(http, visit, painting, **{ASKED_HEADER: "1"}).status_code == 200


def test_it_goes_with_the_visit_and_by_age(served: Served, http, painting: bytes) -> None:
    visit = served.visit("own-gone")
    give(http, visit, painting)
    given = weakref.ref(visit.style_picture)
    served.studio.visits.sweep(time.monotonic() + KEEP_SECONDS + 1)
    assert visit.style_picture is None
    assert "Your style picture was deleted" in visit.take_lost()
    gc.collect()
    assert given() is None
    give(http, visit, painting)
    served.studio.visits.forget("own-gone")
    assert visit.style_picture is None
    assert inventory.kept_of(served.studio, "own-gone") == []
    assert give(http, visit, painting).status_code == 403


def test_the_card_opens_with_the_style_and_says_who_paints(
    served: Served, own: OwnStyleHandlers, handlers: PortraitHandlers, session: str, photo_bytes: bytes, monkeypatch
) -> None:
    asking = request_of(session)
    assert own.style_chosen(STYLE, "auto", "", asking) == {"painter": ""}
    opened = own.style_chosen("own-picture", "auto", "", asking)
    assert opened["painter"]
    assert "notice" not in opened, "nobody has agreed yet"
    with_photo(served, handlers, session, photo_bytes)
    assert "Give the picture of your style" in own.style_chosen("own-picture", "auto", "", asking)["notice"]
    closed = own.style_chosen(STYLE, "auto", opened["painter"], asking)
    assert closed == {"painter": "", "notice": ""}

    pipeline = served.studio.pipeline
    filters = next(engine for engine in pipeline.engines() if engine.id == PREVIEW)
    model = replace(
        filters, id="model", name="A model", is_diffusion=True, is_automatic=True, reads_style_picture=False
    )
    able = (model, replace(filters, is_automatic=False))
    monkeypatch.setattr(pipeline.workshop, "engines", lambda: able)
    said = own.style_chosen("own-picture", "auto", "", asking)["painter"]
    assert "A model cannot paint after a picture of your own, so the instant filters do" in said
    assert "choose Instant filters" in own.style_chosen("own-picture", "model", "", asking)["painter"]
    style = served.studio.presets.style("own-picture")
    assert pipeline.engine_for(style, "auto")[0] == PREVIEW
    assert pipeline.engine_for(served.studio.presets.style(STYLE), "model") == ("model", ())
    with pytest.raises(EngineUnavailable):
        pipeline.engine_for(style, "model")


def test_create_waits_for_the_picture_and_the_file_holds_nothing_of_it(
    served: Served,
    http,
    handlers: PortraitHandlers,
    own: OwnStyleHandlers,
    session: str,
    photo_bytes: bytes,
    painting: bytes,
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    (said,) = create(handlers, session, style="own-picture")
    assert "Give the picture of your style" in said["notice"]
    assert visit.photo is not None
    give(http, visit, painting)
    shown = own.style_arrived(*OWN, request_of(session))
    assert shown["style_picture"]["src"].startswith("data:image/jpeg")
    assert "after" in shown["stage"], "the live picture"
    *_, last = create(handlers, session, style="own-picture")
    assert "ready" in last["notice"]
    (kept,) = visit.kept
    marks = marking.read(kept.portrait.path)
    assert marks.facts["Style"] == "own-picture"
    assert marks.facts["StyleSource"] == "in the style of a picture that the visitor gave"
    data = kept.portrait.path.read_bytes()
    assert painting[200:248] not in data
    assert not [found for found in Traces(_as_photo(painting)).in_bytes(data) if "picture" in found]
    card = http.post("/studio/check", content=data).json()
    rows = dict(card["rows"])
    assert rows["Style"] == "Your own style picture"
    assert rows["Painted"] == "in the style of a picture that the visitor gave"
    *_, other = create(handlers, session)
    assert "ready" in other["notice"]
    assert "StyleSource" not in marking.read(visit.kept[0].portrait.path).facts, "another style has nothing of it"


def _as_photo(data: bytes) -> bytes:
    """With the marker of a position that `Traces` looks for."""
    exif = Image.Exif()
    exif.get_ifd(0x8825)[0x1B] = b"ASCII\0\0\0" + b"x" * 64
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(data)) as picture:
        picture.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def test_a_reload_finds_it_again(
    served: Served, http, handlers: PortraitHandlers, session: str, photo_bytes: bytes, painting: bytes
) -> None:
    visit = with_photo(served, handlers, session, photo_bytes)
    give(http, visit, painting)
    value = handlers.catch_up(*LOOK, request_of(session))["style_picture"]
    assert value["src"]
    assert value["key"] == visit.key
    assert handlers.forget(*LOOK, request_of(session))["style_picture"] is None
    json.dumps(value)


def test_a_program_is_told(served: Served, loaded, consent) -> None:
    wanted = build_request(photo=loaded, style_id="own-picture", seeds=(1,), model_id="preview", consent=consent)
    with pytest.raises(RequestInvalid, match=r"give one|picture"):
        served.studio.pipeline(wanted)
