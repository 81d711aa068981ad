"""The page comes compressed to whoever can read that, and what the shield says of its scripts still holds."""

from __future__ import annotations

import httpx
import pytest

from ui.serving import Serving


@pytest.mark.parametrize("path", ["/", "/config"])
def test_the_page_is_a_quarter_of_its_size_on_the_line(serving: Serving, path: str) -> None:
    with httpx.Client(base_url=serving.url, timeout=60) as http:
        plain = http.get(path, headers={"Accept-Encoding": "identity"})
        packed = http.get(path, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.num_bytes_downloaded < len(plain.content) / 4
    assert len(packed.text) > 10_000
    if path == "/":
        assert packed.headers["content-security-policy"].count("'sha256-") >= 3


def test_streams_and_files_are_left_alone(http: httpx.Client) -> None:
    for path in ("/studio/thumbnails/styles/comic.webp", "/gradio_api/startup-events"):
        assert "content-encoding" not in http.get(path, headers={"Accept-Encoding": "gzip"}).headers
