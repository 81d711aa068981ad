"""What can be downloaded as one, and which files of a repository it needs. Touches no disk."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from pipelines.hub.source import HubSource
from pipelines.schema import AnnotatorName

# What annotators read beside the photo. Revisions and sizes as listed on the hub.
ANNOTATOR_WEIGHTS: dict[AnnotatorName, HubSource] = {
    # HED retrained by the author of ControlNet, code under Apache-2.0; the repository's own licence tag is "other".
    "softedge": HubSource(
        repo_id="lllyasviel/Annotators",
        revision="9cf9fa959ab9a81454b68a082c57052e671677e6",
        weight_name="ControlNetHED.pth",
        licence="other (HED, Apache-2.0 code)",
        bytes=29_444_406,
    ),
    # The Small model only: Base and Large are CC-BY-NC.
    "depth": HubSource(
        repo_id="depth-anything/Depth-Anything-V2-Small-hf",
        revision="870a35c76c2bc1d82fbde922d95015496cb7dd6c",
        licence="Apache-2.0",
        bytes=99_175_000,
    ),
}

_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.safetensors$")

_OF_TOKENIZERS = (
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
    # What a language model's words are wrapped into, and what a processor does to pictures before it reads them.
    "chat_template.jinja",
    "chat_template.json",
    "processor_config.json",
    "video_preprocessor_config.json",
)

PartKind = Literal["model", "encoder", "tokenizer", "file"]


class Part(NamedTuple):
    """One thing that a component cannot do without.

    Attributes:
        kind: model (diffusers weights with config), encoder (transformers weights with config), tokenizer, or one file.
        folder: Where it lies, "" for the component's own folder.
        name: The file, for kind file.
    """

    kind: PartKind
    folder: str
    name: str = ""


@dataclass(frozen=True)
class Component:
    """A part of a model stack that is downloaded as one: its source, and what of it is needed.

    Attributes:
        name: What visitors read, such as "ControlNet for canny".
    """

    name: str
    source: HubSource
    parts: tuple[Part, ...]

    @property
    def key(self) -> tuple[object, ...]:
        """The same for components that share their files, as the controls of a union ControlNet do."""
        source = self.source
        return (source.repo_id, source.path, source.revision, source.variant, self.parts)


# Looks at finished pictures. It stands in the repository of Stable Diffusion 1.5, in float16, half as large as in the
# one of its own. Size of the float16 weights; not pinned, as the base model of the stacks is not.
SAFETY_CHECKER = Component(
    "safety checker",
    HubSource(
        repo_id="stable-diffusion-v1-5/stable-diffusion-v1-5",
        variant="fp16",
        licence="CreativeML-OpenRAIL-M",
        bytes=608_000_000,
    ),
    (Part("encoder", "safety_checker"), Part("file", "feature_extractor", "preprocessor_config.json")),
)
SAFETY_CHECKER_ID = "safety-checker"  # what the download command calls it


def weights_file(source: HubSource, default: str) -> Part:
    """One file of weights, by the name that the source gives it."""
    return Part("file", source.subfolder or "", source.weight_name or default)


def each_once(components: Iterable[Component]) -> tuple[Component, ...]:
    """Components in their order; of those that share their files only the first."""
    return tuple({component.key: component for component in reversed(tuple(components))}.values())[::-1]


def annotator_name(name: AnnotatorName) -> str:
    """What the weights of an annotator are called, where it has any."""
    return f"{name} annotator"


def annotator_component(name: AnnotatorName) -> Component:
    """The weights that an annotator of `ANNOTATOR_WEIGHTS` reads."""
    source = ANNOTATOR_WEIGHTS[name]
    if source.weight_name:
        return Component(annotator_name(name), source, (Part("file", "", source.weight_name),))
    return Component(annotator_name(name), source, (Part("encoder", ""), Part("file", "", "preprocessor_config.json")))


def select(component: Component, names: set[str]) -> tuple[list[str], list[str]]:
    """The files that a component needs out of a listing; the plain weights where it has none of the variant.

    Args:
        component: What is needed.
        names: Every file of the repository or folder, relative, with forward slashes.

    Returns:
        The needed files that are there, and what is not, in words for the log.
    """
    files: list[str] = []
    missing: list[str] = []
    for part in component.parts:
        prefix = f"{part.folder}/" if part.folder else ""
        if part.kind == "file":
            needed = [f"{prefix}{part.name}"]
        elif part.kind == "tokenizer":
            files += [prefix + name for name in _OF_TOKENIZERS if prefix + name in names]
            whole = f"{prefix}tokenizer.json" in names
            needed = [] if whole else [f"{prefix}vocab.json", f"{prefix}merges.txt"]
        else:
            stem = "diffusion_pytorch_model" if part.kind == "model" else "model"
            needed = [f"{prefix}config.json", *_weights(f"{prefix}{stem}", component.source.variant, names)]
        files += [name for name in needed if name in names]
        missing += [name for name in needed if name not in names]
    return list(dict.fromkeys(files)), missing


def has_variant(names: Iterable[str], variant: str | None) -> bool:
    """Whether weights of a variant are among files of one folder."""
    return variant is not None and any(
        re.search(rf"\.{re.escape(variant)}(-\d{{5}}-of-\d{{5}})?\.safetensors$", name) for name in names
    )


def _weights(stem: str, variant: str | None, names: set[str]) -> list[str]:
    """Weights in one file, or an index with its shards (a shard that is not there is named all the same).

    Where nothing of the variant is there but the plain weights are, those: they are larger, and the same model.
    """
    infix = f".{variant}" if variant else ""
    single = f"{stem}{infix}.safetensors"
    index = f"{stem}.safetensors.index{infix}.json"
    if single in names:
        return [single]
    if index not in names:
        plain = _weights(stem, None, names) if variant else []
        return plain if names.issuperset(plain[:1]) and plain else [single]
    found = [match for name in names if name.startswith(f"{stem}{infix}-") and (match := _SHARD.search(name))]
    count = int(found[0][2]) if found else 1
    return [index, *(f"{stem}{infix}-{number:05d}-of-{count:05d}.safetensors" for number in range(1, count + 1))]
