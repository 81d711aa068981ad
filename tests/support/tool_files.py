"""Picture files as programs and cameras write them, with what these say of the picture."""

from __future__ import annotations

import io
from typing import Any

import pillow_heif
from PIL import Image, PngImagePlugin

pillow_heif.register_heif_opener()

PICTURE = Image.new("RGB", (64, 48), (9, 99, 200))
INFOTEXT = (
    "a cat, masterpiece\nNegative prompt: bad hands\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, "
    "Size: 512x512, Model hash: abc"
)
CODE = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
GRAPH = '{"3": {"class_type": "KSampler", "inputs": {"seed": 5}}}'
COMMENT = 0x9286  # EXIF's UserComment


def png(**texts: str) -> bytes:
    info, out = PngImagePlugin.PngInfo(), io.BytesIO()
    for number, (key, text) in enumerate(texts.items()):
        info.add_itxt(key, text) if number % 3 == 1 or not text.isascii() else info.add_text(key, text, zip=number == 2)
    PICTURE.save(out, "PNG", pnginfo=info)
    return out.getvalue()


def file(form: str, tags: dict[int, Any] | None = None, xmp: bytes | None = None) -> bytes:
    exif, options, out = Image.Exif(), dict[str, Any](), io.BytesIO()
    for tag, value in (tags or {}).items():
        (exif.get_ifd(0x8769) if tag == COMMENT else exif)[tag] = value
    if tags:
        options["exif"] = exif.tobytes()
    if xmp is not None:
        options["xmp"] = xmp
    PICTURE.save(out, form, **options)
    return out.getvalue()


def rdf(inside: str, attributes: str = "") -> str:
    spaces = (
        'xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:p="http://ns.adobe.com/photoshop/1.0/" '
        'xmlns:t="http://www.tc260.org.cn/ns/AIGC/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
        'xmlns:dcterms="http://purl.org/dc/terms/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"'
    )
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" {spaces} {attributes}>{inside}</rdf:Description></rdf:RDF></x:xmpmeta>'
    )


def iim(number: int, text: str) -> bytes:
    """A JPEG with one dataset of IPTC's older form."""
    dataset = b"\x1c\x02" + bytes([number]) + len(text).to_bytes(2, "big") + text.encode()
    resource = b"8BIM\x04\x04\0\0" + len(dataset).to_bytes(4, "big") + dataset + bytes(len(dataset) % 2)
    segment = b"Photoshop 3.0\0" + resource
    plain = file("JPEG")
    return plain[:2] + b"\xff\xed" + (len(segment) + 2).to_bytes(2, "big") + segment + plain[2:]


TOOLS: dict[str, tuple[bytes, str]] = {
    "ComfyUI": (png(prompt=GRAPH, workflow='{"last_node_id": 9, "nodes": []}'), "ComfyUI"),
    "ComfyUI, prompt alone": (png(prompt=GRAPH), "ComfyUI"),
    "ComfyUI in WebP": (file("WEBP", {0x0110: f"prompt:{GRAPH}", 0x010F: 'workflow:{"nodes": []}'}), "ComfyUI"),
    "web UI": (png(parameters=INFOTEXT), "Stable Diffusion web UI"),
    "Forge": (png(parameters=f"{INFOTEXT}, Version: f2.0.1v1.10.1"), "Forge"),
    "SD.Next": (png(parameters=f"{INFOTEXT}, App: SD.Next"), "SD.Next"),
    "web UI, big end first": (file("JPEG", {COMMENT: b"UNICODE\0" + INFOTEXT.encode("utf-16-be")}), "Stable Diffusion"),
    "web UI, little end": (file("WEBP", {COMMENT: b"UNICODE\0" + INFOTEXT.encode("utf-16-le")}), "Stable Diffusion"),
    "web UI, mark first": (file("JPEG", {COMMENT: b"UNICODE\0" + INFOTEXT.encode("utf-16")}), "Stable Diffusion"),
    "web UI, ASCII": (file("WEBP", {COMMENT: b"ASCII\0\0\0" + INFOTEXT.encode()}), "Stable Diffusion"),
    "web UI, UTF-8": (file("JPEG", {COMMENT: b"UNICODE\0" + f"猫 {INFOTEXT}".encode()}), "Stable Diffusion"),
    "web UI, no name": (file("JPEG", {COMMENT: bytes(8) + INFOTEXT.encode()}), "Stable Diffusion"),
    "web UI in AVIF": (file("AVIF", {COMMENT: b"UNICODE\0" + INFOTEXT.encode("utf-16-be")}), "Stable Diffusion"),
    "web UI in HEIC": (file("HEIF", {COMMENT: b"UNICODE\0" + INFOTEXT.encode("utf-16-be")}), "Stable Diffusion"),
    "web UI in TIFF": (file("TIFF", {0x010E: INFOTEXT}), "Stable Diffusion"),
    "InvokeAI": (png(invokeai_metadata='{"app_version": "3.0"}'), "InvokeAI"),
    "InvokeAI 2": (png(**{"sd-metadata": '{"app_id": "invoke-ai/InvokeAI"}'}), "InvokeAI"),
    "InvokeAI 1": (png(Dream='"a cat" -s 50 -S 12 -W 512 -H 512'), "InvokeAI"),
    "NovelAI": (
        png(Software="NovelAI", Description="girl", Comment='{"prompt": "x", "steps": 28, "uc": "y"}'),
        "NovelAI",
    ),
    "Midjourney": (
        png(Description="a cat --ar 2:3 --v 6.0 Job ID: 0e3f2a1b-1234-4aaa-bbbb-0123456789ab"),
        "Midjourney",
    ),
    "Midjourney XMP": (
        file("JPEG", xmp=rdf("<dc:description>a cat --v 6.0 --ar 3:2</dc:description>").encode()),
        "Midjourney",
    ),
    "Google, IIM": (iim(110, "Made with Google AI"), "Made with Google AI"),
    "Google, XMP": (file("JPEG", xmp=rdf("", 'p:Credit="Made with Google AI"').encode()), "Made with Google AI"),
    "Google, edited": (iim(110, "Edited with Google AI"), "Edited with Google AI"),
    "AIGC, XMP": (file("JPEG", xmp=rdf('<t:AIGC>{"Label":"1"}</t:AIGC>').encode()), "made by AI, by China's"),
    "AIGC, attribute": (
        file("WEBP", xmp=rdf("", 't:AIGC="{&quot;Label&quot;:&quot;2&quot;}"').encode()),
        "perhaps made by AI",
    ),
    "AIGC, parts": (
        file("JPEG", xmp=rdf("<t:AIGC><rdf:Description><t:Label>3</t:Label></rdf:Description></t:AIGC>").encode()),
        "suspected to be made by AI",
    ),
    "AIGC, EXIF": (file("JPEG", {COMMENT: b"ASCII\0\0\0" + b'{"AIGC":{"Label":"1"}}'}), "TC260"),
    "AIGC, PNG": (png(AIGC='{"Label":"1","ContentProducer":"某"}'), "TC260"),
    "Fooocus": (png(parameters='{"base_model": "x", "performance": "Speed"}', fooocus_scheme="fooocus"), "Fooocus"),
    "Fooocus, EXIF": (file("JPEG", {0x0131: "Fooocus v2.5.5", 0x927C: "a1111"}), "Fooocus"),
    "SwarmUI": (png(parameters='{"sui_image_params": {"prompt": "x"}}'), "SwarmUI"),
    "DALL-E": (png(Software="DALL-E 3"), "DALL·E"),
    "DALL·E": (file("JPEG", {0x0131: "OpenAI DALL·E"}), "DALL·E"),
    "Easy Diffusion": (png(prompt="a cat", seed="3", use_stable_diffusion_model="sd"), "Easy Diffusion"),
    "IPTC 2025": (file("JPEG", xmp=rdf("<i:AISystemUsed>Somebody's Painter</i:AISystemUsed>").encode()), "Painter"),
}
