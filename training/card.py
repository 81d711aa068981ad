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

ControlNet-guided diffusion that is small enough to ship with the studio: the studio's instant preview of a style is
noised and repainted under the guidance of the photo's line drawing and the style's words, in two steps, offline, on a
laptop's processor. Trained from nothing by this project with `python -m training`; no weights of anybody else are
inside.

## How it works
- `vae`: AutoencoderTiny. The encoder is the principal component analysis of 4 x 4 pixel blocks, written into its
  convolutions; the decoder is trained. Latents have a quarter of the picture's side.
- `unet` with `controlnet` (lineart) predicts the finished latents (`prediction_type="sample"`), so that a few steps of
  LCMScheduler work without distillation: `guidance_scale=1.0`, 2 real steps (more of them deepen the contrast),
  strength 0.4 to 0.9. It starts from a stylised picture; a bare photo it smooths and hardly restyles.
- Where the line drawing was held back in training, the answer was a loose underpainting. So the UNet lays in colour and
  the ControlNet draws: `controlnet_conditioning_scale` is a dial from loose (0) to exact (0.5 and more), and
  `control_guidance_end` must stay 1.0.
- The noise is milder than the schedule's usual one (beta_end 0.004, latents of deviation 2): strength 0.9 is about 1.2
  times the latents' deviation, so that something of the start is always left.
- `text_encoder`, `tokenizer`: two layers of CLIP over the words of the project's own styles and scenes. Other words are
  read as pieces and mean little.

## Data and rights
- 60 of 70 CC0 portrait photographs ("inter-faces"); the other 10 are held out for the figures below. The photographs
  are not part of this project's files.
- 8 paintings in the public domain (Van Gogh, Munch, Turner, Hokusai, Kandinsky, Delaunay, Monet, Sakai Hoitsu).
- Targets painted by this project's own preview filters; the paintings teach brushwork and the decoder.

## What it can and cannot do
- It knows the styles and scenes of the project's presets and nothing else: no free prompts, no other subjects.
- It learnt from filters: it can come close to their looks with lines that follow the control, and not surpass them.
- Textures finer than about 6 pixels (hatching, grain, small tiles) come out softer than in the preview that it starts
  from.
- Low poly, pixel art, comic, impressionist and pastel lose part of their look at default settings: a classifier that
  was taught on five other people takes them for one another. Neon lines hides the face most (found in 8 of 10).
- Skin is measured on very light, light and intermediate tones only; darker ones are not among the ten held out.
- 60 people are few. Faces unlike theirs (children, extreme poses, heavy occlusion) may come out worse.
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
        lines += ["On the held-out portraits, by `python -m benchmarks.embedded_bars`.", ""]
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
