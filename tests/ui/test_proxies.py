"""Behind a reverse proxy under a path of its own: one that strips the path before it asks us, and one that does not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.testclient import TestClient

from tests.support.studio import Served
from tests.support.sweeps import sweep
from web.routes import build_routes

PREFIX = "/portraits"
ASSETS = ("studio/static/studio.css", "studio/static/fonts/fraunces.woff2", "studio/thumbnails/styles/film-noir.webp")


@pytest.fixture(params=sweep(["strips", "keeps"], 1))
def proxy(request: pytest.FixtureRequest, served: Served, http: httpx.Client) -> Iterator[TestClient]:
    """Everything under PREFIX goes to the studio, which was told of it as GRADIO_ROOT_PATH tells it."""

    def ask(wanted: Request) -> Response:
        path = wanted.url.path.removeprefix(PREFIX) if request.param == "strips" else wanted.url.path
        got = http.get(path or "/", params=wanted.query_params, headers={"Host": "studio.example"})
        kept = {name: got.headers[name] for name in ("content-type", "location") if name in got.headers}
        return Response(got.content, got.status_code, kept)

    assert served.serving is not None
    running = served.serving.app
    before, running.root_path = running.root_path, PREFIX
    yield TestClient(Starlette(routes=[Route(f"{PREFIX}{{path:path}}", ask)]), base_url="http://studio.example")
    running.root_path = before


@pytest.mark.parametrize("asset", ASSETS)
@pytest.mark.parametrize("before", ["/", f"{PREFIX}/"])
def test_assets_answer_with_the_prefix_and_without(served: Served, asset: str, before: str) -> None:
    client = TestClient(Starlette(routes=build_routes(served.studio)), root_path=PREFIX)
    answer = client.get(f"{before}{asset}")
    assert answer.status_code == 200
    assert answer.content
    assert answer.headers["cache-control"] == "no-cache"


def test_the_page_and_all_that_it_links_to_answer(proxy: TestClient) -> None:
    page = proxy.get(f"{PREFIX}/")
    assert page.status_code == 200
    links = set(re.findall(r'(?:href|src)="(\./[^"#]+)"', page.text))
    links |= set(re.findall(r"studio/(?:static|thumbnails)/[\w./-]+\.\w+", page.text))  # Gradio holds ours as JSON
    assert {link.rsplit(".", 1)[-1] for link in links} >= {"css", "js", "woff2", "webp"}
    own = [str(httpx.URL(str(page.url)).join(link)) for link in sorted(links)]
    assert [(link, a.status_code) for link in own if (a := proxy.get(link)).status_code != 200] == []


def test_nothing_above_the_assets_is_served(served: Served) -> None:
    client = TestClient(Starlette(routes=build_routes(served.studio)), root_path=PREFIX)
    for path in ("/studio/static/../routes.py", "/studio/static/%2e%2e/routes.py", "/studio/static//etc/passwd"):
        assert client.get(path).status_code == 404
