"""What a link to the page looks like elsewhere, through the mounted app."""

from __future__ import annotations

import io
import re

import httpx
import pytest
from PIL import Image

from web.open_graph import PICTURE_SIZE, page_address, with_tags

PUBLIC = "https://portraits.example"


def tags(page: str) -> list[tuple[str, str]]:
    return re.findall(r'<meta\s+(?:property|name)="((?:og:|twitter:|description)[^"]*)"\s+content="([^"]*)"', page)


@pytest.mark.parametrize("encoding", ["identity", "gzip, deflate, br, zstd"])
def test_the_card_of_a_link_is_ours_and_nothing_of_it_is_said_twice(http: httpx.Client, encoding: str) -> None:
    headers = {"Host": "portraits.example", "X-Forwarded-Proto": "https", "Accept-Encoding": encoding}
    answer = http.get("/", headers=headers)
    found = tags(answer.text)
    said = dict(found)
    assert len(said) == len(found)
    assert said["og:title"] == "Self-Portrait Studio"
    assert said["og:url"] == f"{PUBLIC}/"
    assert len(said["og:description"]) > 40
    assert said["og:description"] == said["description"]
    assert "gradio" not in " ".join(said.values()).lower()
    picture = http.get(said["og:image"].removeprefix(PUBLIC))
    assert picture.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(picture.content)).size == PICTURE_SIZE
    assert len(picture.content) < 300_000, "some messengers show no larger one"


def test_other_answers_stay_as_they_are(http: httpx.Client) -> None:
    assert http.get("/config").json()["title"] == "Self-Portrait Studio"
    assert http.head("/").status_code in (200, 405)


def test_a_host_that_somebody_made_up_writes_no_html() -> None:
    page = with_tags(b"<head></head>", 'https://x/"><script>alert(1)</script>/')
    assert b"<script>" not in page


@pytest.mark.parametrize(
    ("host", "root", "space", "address"),
    [
        ("studio.example", "", "", "http://studio.example/"),
        ("studio.example:8000", "/portraits", "", "http://studio.example:8000/portraits/"),
        ("inner:7860", "https://studio.example/portraits", "", "https://studio.example/portraits/"),
        ("10.0.0.1", "", "somebody-portraits.hf.space", "https://somebody-portraits.hf.space/"),
    ],
)
def test_the_address_is_the_one_that_others_reach(host: str, root: str, space: str, address: str) -> None:
    scope = {
        "type": "http",
        "scheme": "http",
        "path": "/",
        "root_path": root,
        "query_string": b"",
        "headers": [(b"host", host.encode())],
        "server": ("10.0.0.1", 7860),
    }
    assert page_address(scope, space) == address
