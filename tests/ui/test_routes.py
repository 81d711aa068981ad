"""The page's own HTTP calls: nothing without consent, nothing to the disk, nothing to strangers."""

from __future__ import annotations

import io
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date

import httpx
import numpy as np
import pytest
from PIL import Image

from pipelines.live_pictures import TILE_SIZE
from pipelines.provenance import marking, watermark
from tests.conftest import difference
from tests.support.studio import OTHER_STYLE, STYLE, Served, jpeg, make_portraits
from visits.visit import Look
from web.calls import KEY_HEADER
from web.routes import ASKED_HEADER


@pytest.mark.parametrize("path", ["/studio/photo", "/studio/frame"])
@pytest.mark.parametrize("key", [None, "", "guess", "routes-refused"])
def test_no_call_without_a_key_that_stands_for_consent(
    served: Served, http: httpx.Client, photo_bytes: bytes, path: str, key: str | None
) -> None:
    served.visit("routes-refused")  # its session hash is no key
    answer = http.post(path, content=photo_bytes, headers={} if key is None else {KEY_HEADER: key})
    assert answer.status_code == 403
    assert "consent" in answer.json()["sentence"]


def test_a_photo_goes_to_memory_and_never_to_the_disk(served: Served, http: httpx.Client, photo_bytes: bytes) -> None:
    visit, before = served.visit("routes-photo"), served.files()
    answer = http.post("/studio/photo", content=photo_bytes, headers={KEY_HEADER: visit.key})
    assert answer.status_code == 200
    assert visit.photo is not None
    assert len(visit.photo.faces) == 1
    assert not visit.photo.image.getexif()
    assert served.files() == before


@pytest.mark.parametrize(
    ("body", "word"), [(b"", "empty"), (b"hello" * 100, "not a picture"), (b"\xff\xd8\xff\xe0 cut", "")]
)
def test_a_bad_photo_gives_a_sentence_and_the_old_photo_stays(
    served: Served, http: httpx.Client, photo_bytes: bytes, body: bytes, word: str
) -> None:
    visit = served.visit("routes-bad")
    http.post("/studio/photo", content=photo_bytes, headers={KEY_HEADER: visit.key})
    kept = visit.photo
    answer = http.post("/studio/photo", content=body, headers={KEY_HEADER: visit.key})
    assert answer.status_code == 422
    assert word in answer.json()["sentence"]
    assert "Traceback" not in answer.text
    assert visit.photo is kept is not None


def test_the_slower_of_two_photos_does_not_win(
    served: Served, http: httpx.Client, photo_bytes: bytes, crowd_bytes: bytes
) -> None:
    visit = served.visit("routes-slow")
    begun, go_on = threading.Event(), threading.Event()

    def slowly() -> Iterator[bytes]:
        yield photo_bytes[:100]
        begun.set()
        assert go_on.wait(60)
        yield photo_bytes[100:]

    same = http.cookies  # one browser
    with ThreadPoolExecutor(1) as pool, httpx.Client(base_url=served.url, cookies=same, timeout=60) as other:
        slow = pool.submit(other.post, "/studio/photo", content=slowly(), headers={KEY_HEADER: visit.key})
        assert begun.wait(60)
        while not visit.asked:
            time.sleep(0.01)
        assert http.post("/studio/photo", content=crowd_bytes, headers={KEY_HEADER: visit.key}).status_code == 200
        go_on.set()
        answer = slow.result()
    assert answer.status_code == 409
    assert "not taken in" in answer.json()["sentence"]
    assert visit.photo is not None
    assert len(visit.photo.faces) == 2, "the one that was asked for last"


def test_a_photo_that_a_proxy_has_held_back_does_not_win(
    served: Served, http: httpx.Client, photo_bytes: bytes, crowd_bytes: bytes
) -> None:
    visit = served.visit("routes-held")
    answers = [
        http.post("/studio/photo", content=data, headers={KEY_HEADER: visit.key, ASKED_HEADER: number})
        for data, number in ((crowd_bytes, "2"), (photo_bytes, "1"), (photo_bytes, "no number"), (photo_bytes, "-3"))
    ]
    assert [answer.status_code for answer in answers] == [200, 409, 422, 422]
    assert visit.photo is not None
    assert len(visit.photo.faces) == 2


def test_a_frame_comes_back_in_the_picked_style(served: Served, http: httpx.Client, face_photo: Image.Image) -> None:
    visit, before = served.visit("routes-frame"), served.files()
    frame = face_photo.resize((320, 240))
    pictures = {}
    for style in (STYLE, OTHER_STYLE):
        visit.look = Look(style)
        answer = http.post("/studio/frame", content=jpeg(frame), headers={KEY_HEADER: visit.key})
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        pictures[style] = Image.open(io.BytesIO(answer.content)).convert("RGB")
        assert pictures[style].size == frame.size
        assert difference(pictures[style], frame) > 3
    assert difference(pictures[STYLE], pictures[OTHER_STYLE]) > 3
    assert served.files() == before


def test_a_frame_must_be_a_small_jpeg(served: Served, http: httpx.Client) -> None:
    visit, png = served.visit("routes-not-jpeg"), io.BytesIO()
    Image.new("RGB", (64, 64)).save(png, "PNG")
    huge = jpeg(Image.fromarray(np.zeros((2000, 2000, 3), np.uint8)))
    unmarkable = jpeg(Image.new("RGB", (watermark.SMALLEST_SIDE - 1, 200)))
    for body in (png.getvalue(), huge, unmarkable, b"", b"x" * 500_000):
        answer = http.post("/studio/frame", content=body, headers={KEY_HEADER: visit.key})
        assert answer.status_code == 422


def test_portraits_are_served_byte_for_byte_to_their_visit_alone(served: Served, http: httpx.Client, loaded) -> None:
    mine, other = served.visit("routes-mine"), served.visit("routes-other")
    result = make_portraits(served, "routes-mine", loaded)
    first = result.portraits[0]
    answer = http.get(f"/studio/portrait/{mine.key}/{first.id}.png?download")
    assert answer.content == first.path.read_bytes()
    assert f'attachment; filename="self-portrait-{STYLE}-{date.today()}-' in answer.headers["content-disposition"]
    assert first.id not in answer.headers["content-disposition"]
    assert "seed" not in answer.headers["content-disposition"]
    assert http.get(f"/studio/portrait/{other.key}/{first.id}.png").status_code == 404
    assert http.get(f"/studio/portrait/guess/{first.id}.png").status_code == 403

    archive = zipfile.ZipFile(io.BytesIO(http.get(f"/studio/portraits/{mine.key}.zip").content))
    assert [archive.read(name) for name in archive.namelist()] == [p.path.read_bytes() for p in result.portraits]
    assert len(set(archive.namelist())) == len(result.portraits) == 2, "no file takes another one's place"


@pytest.mark.slow
def test_the_screen_gets_small_copies_that_are_still_marked(served: Served, http: httpx.Client, loaded) -> None:
    mine, other = served.visit("routes-small"), served.visit("routes-not-small")
    portrait = make_portraits(served, "routes-small", loaded, (5,)).portraits[0]
    address = f"/studio/portrait/{mine.key}/{portrait.id}"
    for side, heaviest in ((320, 40_000), (1024, 250_000)):
        answer = http.get(f"{address}-{side}.webp")
        assert answer.headers["content-type"] == "image/webp"
        assert len(answer.content) < heaviest
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert max(picture.size) == min(side, max(marking.picture(portrait.path).size))
        found = marking.check(answer.content)
        assert {"XMP", "watermark"} <= set(found.marks)
        assert found.facts["Style"] == portrait.style_id
    for wrong in (f"{address}-5000.webp", f"{address}.webp", f"{address}-320.png", f"{address}/../x-320.webp"):
        assert http.get(wrong).status_code == 404
    assert http.get(f"/studio/portrait/{other.key}/{portrait.id}-320.webp").status_code == 404
    assert http.get(f"/studio/portrait/guess/{portrait.id}-320.webp").status_code == 403


def test_the_crop_is_shown_to_its_visit_alone(served: Served, http: httpx.Client, loaded) -> None:
    mine, other = served.visit("routes-crop"), served.visit("routes-not-crop")
    result = make_portraits(served, "routes-crop", loaded, (5,))
    portrait = result.portraits[0]
    answer = http.get(f"/studio/original/{mine.key}/{portrait.id}/0.jpg")
    with Image.open(io.BytesIO(answer.content)) as crop:
        assert difference(crop.resize((64, 64)), result.photo.image.resize((64, 64))) < 4
        assert not crop.getexif()
    assert answer.headers["cache-control"] == "no-store"
    assert http.get(f"/studio/original/{mine.key}/{portrait.id}/9.jpg").status_code == 404
    assert http.get(f"/studio/original/{other.key}/{portrait.id}/0.jpg").status_code == 404
    assert http.get(f"/studio/original/guess/{portrait.id}/0.jpg").status_code == 403


def test_downloaded_portraits_still_say_what_they_are(served: Served, http: httpx.Client, loaded, tmp_path) -> None:
    visit = served.visit("routes-marked")
    portrait = make_portraits(served, "routes-marked", loaded, (5,)).portraits[0]
    copy = tmp_path / "download.png"
    copy.write_bytes(http.get(f"/studio/portrait/{visit.key}/{portrait.id}.png").content)
    assert marking.read(copy) == portrait.provenance
    assert portrait.provenance.marks == ("XMP", "C2PA", "watermark")
    assert portrait.provenance.state == "intact"
    archive = zipfile.ZipFile(io.BytesIO(http.get(f"/studio/portraits/{visit.key}.zip").content))
    assert marking.check(archive.read(archive.namelist()[0])).is_ours


def test_taking_consent_back_ends_the_key_and_deletes_the_files(
    served: Served, http: httpx.Client, photo_bytes: bytes, loaded
) -> None:
    visit = served.visit("routes-withdrawn")
    portrait = make_portraits(served, "routes-withdrawn", loaded).portraits[0]
    served.studio.visits.forget("routes-withdrawn")
    assert not portrait.path.exists()
    assert http.get(f"/studio/portrait/{visit.key}/{portrait.id}.png").status_code == 403
    assert http.post("/studio/photo", content=photo_bytes, headers={KEY_HEADER: visit.key}).status_code == 403
    assert visit.photo is None


def test_assets_are_served_and_nothing_above_them(http: httpx.Client) -> None:
    assert http.get("/studio/static/studio.css").headers["content-type"].startswith("text/css")
    for path in ("/studio/static/../routes.py", "/studio/static/%2e%2e/routes.py", "/studio/thumbnails/..%2fREADME.md"):
        assert http.get(path).status_code == 404


def test_tiles_show_the_visitors_face_to_them_alone_and_nothing_is_kept(
    served: Served, http: httpx.Client, photo_bytes: bytes
) -> None:
    visit, other = served.visit("routes-tiles"), served.visit("routes-tiles-other")
    http.post("/studio/photo", content=photo_bytes, headers={KEY_HEADER: visit.key})
    photo = visit.require_photo()
    http.get(f"/studio/tile/{visit.key}/styles/{STYLE}.webp")  # what tiles share is there from now on
    kept, files = served.studio.pipeline.memory_of(photo), served.files()
    assert 2**20 < kept < 2**23
    pictures = [http.get(f"/studio/tile/{visit.key}/{path}.webp") for path in (f"styles/{STYLE}", "scenes/none")]
    for answer in pictures:
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "image/webp"
        assert answer.headers["cache-control"] == "no-store"
        assert len(answer.content) < 9_000
    style, plain = (Image.open(io.BytesIO(answer.content)).convert("RGB") for answer in pictures)
    assert style.size == plain.size == (TILE_SIZE, TILE_SIZE)
    face = served.studio.pipeline.used_photo(photo, 0).resize(plain.size)
    assert difference(plain, face) < 12
    assert difference(style, face) > 20
    assert served.studio.pipeline.memory_of(photo) == kept
    assert served.files() == files

    assert http.get(f"/studio/tile/{other.key}/styles/{STYLE}.webp").status_code == 422, "no photo"
    assert http.get(f"/studio/tile/{visit.key}/styles/mona-lisa.webp").status_code == 422
    assert http.get(f"/studio/tile/guess/styles/{STYLE}.webp").status_code == 403
    served.studio.visits.forget("routes-tiles")
    assert http.get(f"/studio/tile/{visit.key}/styles/{STYLE}.webp").status_code == 403


def test_a_tile_of_another_face_is_not_sent(served: Served, http: httpx.Client, crowd_bytes: bytes) -> None:
    visit = served.visit("routes-tiles-crowd")
    http.post("/studio/photo", content=crowd_bytes, headers={KEY_HEADER: visit.key})
    answer = http.get(f"/studio/tile/{visit.key}/styles/{STYLE}.webp")
    assert (answer.status_code, answer.content) == (204, b""), "it is open whose face is meant"
    visit.face_index = 1
    assert http.get(f"/studio/tile/{visit.key}/styles/{STYLE}.webp").status_code == 200
