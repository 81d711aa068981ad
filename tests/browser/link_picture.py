"""The picture of a link to the page (web/open_graph.py), from the thumbnails of four styles.

python -m tests.browser.link_picture
"""

from __future__ import annotations

import base64
import io

from PIL import Image
from playwright.sync_api import sync_playwright

from pipelines.thumbnails import thumbnail_path
from tests.conftest import ROOT
from tests.support.browsing import CHROMIUM, FLAGS
from web.open_graph import PICTURE, PICTURE_SIZE

_STYLES = ("oil-master", "ukiyo-e", "watercolour", "hologram")
_PAGE = """<style>
@font-face {{ font-family: Fraunces; src: url(data:font/woff2;base64,{serif}); font-weight: 100 900; }}
@font-face {{ font-family: Sans; src: url(data:font/woff2;base64,{sans}); font-weight: 100 900; }}
* {{ box-sizing: border-box; margin: 0; }}
body {{ width: 1200px; height: 630px; background: #f4eee2; color: #2a211c; padding: 62px 60px; }}
h1 {{ font: 600 78px/1 Fraunces; letter-spacing: -0.02em; }}
p {{ font: 400 31px/1.3 Sans; color: #665a4d; margin: 22px 0 52px; }}
div {{ display: flex; gap: 24px; }}
img {{ width: 252px; height: 252px; border: 10px solid #2a211c; outline: 10px solid #fffdf8; outline-offset: -20px; }}
small {{ display: block; font: 400 22px Sans; color: #665a4d; margin-top: 34px; }}
</style><h1>Self-Portrait Studio</h1><p>Sit for your portrait in another style, another place, another time.</p>
<div>{pictures}</div><small>AI-made, from a photo in the public domain (NASA)</small>"""


def _data(name: str) -> str:
    return base64.b64encode((ROOT / name).read_bytes()).decode()


def main() -> None:
    """Write ui/static/card.jpg."""
    pictures = "".join(
        f'<img src="data:image/webp;base64,{_data(str(thumbnail_path("styles", style)))}">' for style in _STYLES
    )
    fonts = {"serif": "fraunces", "sans": "instrument-sans"}
    page_text = _PAGE.format(
        pictures=pictures, **{key: _data(f"ui/static/fonts/{name}.woff2") for key, name in fonts.items()}
    )
    width, height = PICTURE_SIZE
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_content(page_text)
        page.evaluate("document.fonts.ready")
        shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
        browser.close()
    shot.save(ROOT / "ui" / "static" / PICTURE.rsplit("/", 1)[1], quality=88, optimize=True)


if __name__ == "__main__":
    main()
