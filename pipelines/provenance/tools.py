"""What programs that make pictures with AI write into their files, each in its own way. Pure functions.

Sources are the programs themselves: ComfyUI's and InvokeAI's image savers, AUTOMATIC1111's `infotext`, Fooocus's and
SwarmUI's metadata parsers, the texts in pictures of NovelAI, Midjourney, Draw Things and Google; IPTC's properties for
AI of 2025.1; China's GB 45438-2025, whose field AIGC is named after TC260.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence

Words = Sequence[tuple[str, str]]  # keyword and text

_MOST_CLAIMS = 6
_MOST_CHARACTERS = 200_000  # of one text that are looked at
_STABLE_DIFFUSION = "a Stable Diffusion interface"

# Fields in which a program or a maker names itself. In a description the same name may be what the picture shows.
_NAME_FIELDS = frozenset(
    [
        "software",
        "creatortool",
        "generator",
        "credit",
        "source",
        "author",
        "artist",
        "creator",
        "by-line",
        "softwareagent",
        "aisystemused",
        "title",
        "engine",
        "camerafirmware",
        "hostcomputer",
        "processingsoftware",
        "application",
        "developer",
    ]
)
_NAMES: tuple[tuple[str, str], ...] = (
    (r"comfy\s*ui", "ComfyUI"),
    (r"automatic1111|a1111|stable[\s-]diffusion[\s-]web\s*ui", "the Stable Diffusion web UI"),
    (r"invoke[\s-]?ai", "InvokeAI"),
    (r"novel\s*ai", "NovelAI"),
    (r"mid\s?journey", "Midjourney"),
    (r"dall[\s·.?\-_]*e\b|dalle", "DALL·E"),
    (r"gpt-?4o|gpt-image(?:-[\d.]+)?|chat\s?gpt|open\s?ai", "OpenAI"),
    (r"fooocus", "Fooocus"),
    (r"(?:stable)?swarm\s*ui", "SwarmUI"),
    (r"sd\.?next", "SD.Next"),
    (r"easy[\s-]diffusion", "Easy Diffusion"),
    (r"draw\s?things", "Draw Things"),
    (r"diffusion\s?bee", "DiffusionBee"),
    (r"mochi diffusion", "Mochi Diffusion"),
    (r"dream\s?studio|stability[\s.]?ai", "Stability AI"),
    (r"stable[\s-]?diffusion|sdxl|latent diffusion", "Stable Diffusion"),
    (r"flux[\s.]?[12]?[\s.\-]?(?:1|dev|schnell|pro|kontext)\b|black forest labs", "FLUX"),
    (r"adobe firefly|firefly image", "Adobe Firefly"),
    (r"google ai|google gemini|gemini[\s-](?:\d|flash|pro)\S*|nano banana|imagen[\s-]?[2-9]", "Google AI"),
    (r"bing image creator|image creator from (?:microsoft )?designer|microsoft (?:designer|copilot)", "Microsoft AI"),
    (r"imagined? with (?:meta )?ai|meta ai", "Meta AI"),
    (r"ideogram(?:\.?ai)?", "Ideogram"),
    (r"leonardo[\s.]?ai", "Leonardo.Ai"),
    (r"recraft(?:\.?ai)?", "Recraft"),
    (r"playground[\s.]?ai", "Playground AI"),
    (r"night\s?cafe", "NightCafe"),
    (r"krea[\s.]?ai", "Krea"),
    (r"runway\s?ml", "Runway"),
    (r"craiyon", "Craiyon"),
    (r"deep\s?ai", "DeepAI"),
    (r"sea\s?art", "SeaArt"),
    (r"tensor[\s.]?art", "Tensor.Art"),
    (r"grok", "Grok"),
    (r"style\s?gan\d?", "StyleGAN"),
    (r"doubao|豆包|jimeng|即梦|seedream", "ByteDance AI"),
    (r"tongyi|通义|qwen-?image", "Tongyi"),
    (r"文心|wenxin|ernie-?vilg", "ERNIE"),
    (r"hunyuan|混元", "Hunyuan"),
    (r"kling\s?ai|可灵", "Kling"),
    (r"galaxy ai", "Galaxy AI"),
    (r"apple intelligence|image playground", "Apple Intelligence"),
)
_NAMED = tuple((re.compile(rf"(?<![a-z0-9])(?:{pattern})(?![a-z])", re.IGNORECASE), name) for pattern, name in _NAMES)
_PHRASE = re.compile(
    r"\b(?:(?:made|created|generated|edited|imagined|produced|enhanced|designed)\s+(?:entirely\s+|partly\s+)?"
    r"(?:with|by|using)\s+(?:the\s+help\s+of\s+)?(?:an?\s+)?(?:[\w.]+\s+){0,2}(?:generative\s+)?"
    r"(?:AI|A\.I\.|artificial intelligence)(?![\w'])"
    r"|AI[\s-](?:generated|created|edited|made)|(?:made|created|generated|produced) (?:with|by|using) "
    r"(?:midjourney|dall[\s·.-]*e|stable diffusion|chatgpt|gemini|firefly|comfyui|novelai))"
    r"|(?:人工智能|AI)\s*(?:生成|合成)",
    re.IGNORECASE,
)

_INFOTEXT = re.compile(
    r"\bSteps: ?\d+.{0,1000}?\b(?:Sampler|CFG scale|Seed|Size|Model)\b ?:", re.IGNORECASE | re.DOTALL
)
_JOB = re.compile(r"\bJob ID:? ?[0-9a-f]{8}-[0-9a-f]{4}-", re.IGNORECASE)
_FLAGS = re.compile(r"\s--(?:v|ar|niji|stylize|chaos|style|iw|sref|oref|raw)\b(?: [\w.:]+)?", re.IGNORECASE)
_GRAPH = re.compile(r"\"?(?:class_type|last_node_id|last_link_id)\"?\s*:|\"nodes\"\s*:\s*\[")
_GRAPH_FIELD = re.compile(r"^\s*(?:prompt|workflow|extra_pnginfo)\s*:\s*\{", re.IGNORECASE)
_DREAM = re.compile(r"\s-s ?\d+.{0,400}?\s-S ?\d+", re.DOTALL)
_SETTINGS = frozenset(
    ["seed", "steps", "sampler", "sampler_name", "cfg_scale", "guidance_scale", "scale", "model", "num_inference_steps"]
)
_SETTINGS |= {"negative_prompt", "uc", "base_model", "cfg", "scheduler", "width"}
_INVOKE = ("invokeai_metadata", "invokeai_graph", "invokeai_workflow", "sd-metadata", "sd_metadata", "dream")
_EASY = ("stable diffusion model", "use_stable_diffusion_model", "stable_diffusion_model")
_AIGC = re.compile(r"[\"']?AIGC[\"']?\s*[:=]\s*[\"']?\s*(\{.*)", re.IGNORECASE | re.DOTALL)
_AIGC_LABEL = re.compile(r"\\?[\"']?Label\\?[\"']?\s*[:=]\s*\\?[\"']?\s*([123])\b", re.IGNORECASE)
_AIGC_SAYS = {"1": "made by AI", "2": "perhaps made by AI", "3": "suspected to be made by AI"}


def claims(words: Words) -> tuple[str, ...]:
    """What a file says of AI in its making, each once, in words.

    Args:
        words: Keyword and text of everything that it holds.
    """
    found: dict[str, None] = {}
    keys = {_key(name) for name, _ in words}
    for name, text in words:
        for rule in _RULES:
            if said := rule(_key(name), text[:_MOST_CHARACTERS], keys):
                found.setdefault(said)
                break
    return _without_repeats(found)[:_MOST_CLAIMS]


def _without_repeats(found: Iterable[str]) -> tuple[str, ...]:
    """A program that left its settings need not be named for its name alone too."""
    said = tuple(found)
    richer = [one for one in said if ";" in one]
    names = [one for one in said if ";" not in one and not any(more.startswith(f"{one};") for more in richer)]
    return (*richer, *names)


def _key(name: str) -> str:
    return name.rpartition("}")[2].rpartition(":")[2].strip().lower()


def _made(program: str, what: str = "") -> str:
    return f"made by AI with {program}" + (f"; its {what} in the file" if what else "")


def _aigc(key: str, text: str, _: set[str]) -> str:
    """China's label: a JSON object under the name AIGC, by itself or in a comment."""
    inside = _AIGC.search(text)
    if not (inside or key == "aigc"):
        return ""
    label = _AIGC_LABEL.search(inside[1] if inside else text)
    what = _AIGC_SAYS[label[1]] if label else "marked"
    return f"{what}, by China's AIGC label (TC260)"


def _by_key(key: str, text: str, keys: set[str]) -> str:
    if key in _INVOKE:
        return _made("InvokeAI", "settings are")
    if (key == "prompt" and keys & set(_EASY)) or key in _EASY:
        return _made("Easy Diffusion", "settings are")
    if key == "sui_image_params" or key == "sui_extra_data":
        return _made("SwarmUI", "settings are")
    if key == "fooocus_scheme":
        return _made("Fooocus", "settings are")
    if key in ("aisystemused", "aisystemversionused"):
        return _made(_name(text) or f"“{_short(text)}”")
    if key in ("aipromptinformation", "aipromptwritername"):
        return "made by AI from a prompt, which is in the file"
    if key == "generation_data":
        return _made("an online generator", "settings are")
    return ""


def _by_graph(key: str, text: str, _: set[str]) -> str:
    if key in ("workflow", "prompt") and (_GRAPH.search(text) or text.lstrip().startswith(("{", "["))):
        return _made("ComfyUI", "workflow is") if _GRAPH.search(text) or key == "workflow" else ""
    is_graph = _GRAPH_FIELD.search(text) or ("class_type" in text and _GRAPH.search(text))
    return _made("ComfyUI", "workflow is") if is_graph else ""


def _by_infotext(_: str, text: str, __: set[str]) -> str:
    """AUTOMATIC1111's way of writing settings down, and who else took it over."""
    if not _INFOTEXT.search(text):
        return ""
    version = re.search(r"\b(?:Version|App): ?([^,\n]{1,60})", text)
    named = _name(version[1]) if version else ""
    if version and not named and re.match(r"f\d", version[1]):
        named = "Stable Diffusion web UI Forge"
    return _made(named or "the Stable Diffusion web UI or a program like it", "settings are")


def _by_json(key: str, text: str, keys: set[str]) -> str:
    """Settings as an object: SwarmUI, Fooocus, NovelAI, Draw Things and others."""
    start = text.lstrip()
    if not start.startswith("{"):
        return ""
    try:
        held = json.loads(start)
    except (ValueError, RecursionError):
        held = dict.fromkeys(re.findall(r"\"(\w{2,40})\"\s*:", start[:20_000]))
    names = {str(one).lower().replace(" ", "_") for one in held} if isinstance(held, dict) else set()
    if "sui_image_params" in names:
        return _made("SwarmUI", "settings are")
    if {"performance", "base_model"} <= names or "fooocus" in start[:20_000].lower() or "fooocus_v2_expansion" in names:
        return _made("Fooocus", "settings are")
    if "app_id" in names and "invoke" in start.lower():
        return _made("InvokeAI", "settings are")
    if "prompt" in names and {"uc", "request_type", "signed_hash"} & names:
        return _made("NovelAI", "settings are")
    if {"prompt", "c", "positive_prompt", "positive"} & names and len(names & _SETTINGS) >= 2:
        return _made(_STABLE_DIFFUSION, "prompt and settings are")
    return ""


def _by_sentence(key: str, text: str, _: set[str]) -> str:
    if _JOB.search(text) or (len(_FLAGS.findall(text)) >= 1 and key in ("description", "imagedescription", "caption")):
        return _made("Midjourney", "prompt is")
    if _DREAM.search(text):
        return _made("InvokeAI", "settings are")
    if match := _PHRASE.search(text):
        return f"“{_short(match[0] if len(text) > 80 else text)}”"
    return ""


def _by_name(key: str, text: str, _: set[str]) -> str:
    if key in _NAME_FIELDS and (name := _name(text)):
        return _made(name)
    return ""


def _by_prompt(key: str, text: str, keys: set[str]) -> str:
    """No program is known by it, but words of a prompt beside a number for chance are what generators write."""
    if key in ("prompt", "negative_prompt", "negative prompt", "positive prompt", "parameters"):
        others = {"seed", "steps", "sampler", "negative_prompt", "negative prompt", "model", "cfg_scale", "cfg scale"}
        if keys & (others - {key}) or (key == "parameters" and "prompt" in text.lower()):
            return _made("an image generator", "prompt is")
        return "it holds a prompt, as generators of pictures write one" if key == "prompt" else ""
    return ""


def _name(text: str) -> str:
    """The first program in the list that a short text names."""
    return next((name for pattern, name in _NAMED if pattern.search(text[:400])), "")


def _short(text: str) -> str:
    one_line = "".join(char for char in " ".join(text[:400].split()) if char.isprintable())
    return one_line if len(one_line) <= 80 else f"{one_line[:79]}…"


_RULES: tuple[Callable[[str, str, set[str]], str], ...] = (
    _aigc,
    _by_key,
    _by_graph,
    _by_infotext,
    _by_json,
    _by_sentence,
    _by_name,
    _by_prompt,
)
