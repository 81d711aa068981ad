"""The real studio on a loopback port, once for all tests of the page."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator

import httpx
import pytest
from PIL import Image

import app
from pipelines import live_pictures
from tests.support.fakes import FakeEngines
from tests.support.site import TOY_PREVIEW
from tests.support.studio import Served, with_photo
from tests.support.style_editing import Editor
from ui.portrait_handlers import PortraitHandlers
from visits.folder import PrivateFolder
from visits.studio import Studio


def build_studio(folder: PrivateFolder) -> Studio:
    """The studio of all tests of the page: which engines paint for them is decided here and nowhere else."""
    return app.build_studio(folder, FakeEngines())


@pytest.fixture(scope="session")
def make_studio() -> Callable[[PrivateFolder], Studio]:
    """For tests that need a studio of their own, with other settings."""
    return build_studio


@pytest.fixture(scope="package", autouse=True)
def _small_previews() -> Iterator[None]:
    """Each event that shows a look paints one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live_pictures, "PREVIEW_SIZE", TOY_PREVIEW)
        yield


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = PrivateFolder(tmp_path_factory.mktemp("private"))
    before = os.environ.get("GRADIO_TEMP_DIR")
    folder.use_for_gradio()
    studio = build_studio(folder)
    studio.pipeline.warm_up()
    serving = app.launch(studio, host="127.0.0.1", port=None, block=False)
    yield Served(studio, serving.url.rstrip("/"), folder, serving)
    serving.close()
    studio.pipeline.close()
    folder.remove()
    if before is None:
        os.environ.pop("GRADIO_TEMP_DIR", None)
    else:
        os.environ["GRADIO_TEMP_DIR"] = before


@pytest.fixture(scope="session")
def http(served: Served) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=60) as client:
        yield client


@pytest.fixture
def handlers(served: Served) -> PortraitHandlers:
    """The Portrait tab's events."""
    return PortraitHandlers(served.studio)


@pytest.fixture
def session(served: Served, request: pytest.FixtureRequest) -> Iterator[str]:
    """A page's session, forgotten afterwards."""
    name = f"handlers-{request.node.name}"
    yield name
    served.studio.visits.forget(name)


@pytest.fixture(scope="session")
def photo_bytes(face_photo: Image.Image) -> bytes:
    """A JPEG with a GPS position in its metadata."""
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    buffer = io.BytesIO()
    face_photo.save(buffer, "JPEG", quality=92, exif=exif)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def crowd_bytes(face_photo: Image.Image) -> bytes:
    """Two faces side by side."""
    pair = Image.new("RGB", (1024, 512))
    pair.paste(face_photo, (0, 0))
    pair.paste(face_photo, (512, 0))
    buffer = io.BytesIO()
    pair.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def editor(served: Served, http: httpx.Client, session: str) -> Editor:
    return Editor(http, served.visit(session))


@pytest.fixture
def sitting(served: Served, handlers: PortraitHandlers, http: httpx.Client, session: str, photo_bytes: bytes) -> Editor:
    return Editor(http, with_photo(served, handlers, session, photo_bytes))


@pytest.fixture
def stranger(served: Served, http: httpx.Client, session: str) -> Iterator[Editor]:
    """Somebody else's visit."""
    yield Editor(http, served.visit(f"{session}-other"))
    served.studio.visits.forget(f"{session}-other")
