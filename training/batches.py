"""Training examples as crops on the device: all pictures lie there decoded, so that a step waits for nothing.

Targets are drawn when they are first asked for, by the teacher of their style.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  the name that everybody knows
from transformers import CLIPTokenizer

from training.models import tokenize
from training.pack import Example, Pack
from training.redraw import Redraw, redrawn
from training.teachers import Teacher

Batch = dict[str, torch.Tensor]

_FACE_SHARE = 0.5  # of the cuts, those about the face, where a mistake shows most
_FACE_AT = (0.42, 0.5)  # of the picture, from its top and left: photos are prepared with it in one place
_FACE_SPREAD = 0.12
_STEP = 4  # pixels: three of the pack's at 768, four at 1024


class Batches:
    """Cuts, mirrors and words of training examples. Styles come equally often.

    Args:
        pack: Its pictures are squares of one size.
        tokenizer: The project's.
        redraw: Draws the targets.
        enlarged: Size of what is trained on over that of the pack's pictures.
        word_dropout: Share of the words that are left out of a prompt, so that no single one carries a style.
        painted_share: Of the steps, those for styles that are taught a brush, where there are any.
        device: Where the pictures are kept.
    """

    def __init__(
        self,
        pack: Pack,
        tokenizer: CLIPTokenizer,
        redraw: Redraw,
        *,
        enlarged: float,
        word_dropout: float,
        painted_share: float,
        device: torch.device,
    ) -> None:
        self.pack, self.tokenizer, self.device = pack, tokenizer, device
        self._enlarged, self._word_dropout, self._painted_share = enlarged, word_dropout, painted_share
        self.styles: dict[str, list[Example]] = {}
        for example in pack.examples:
            self.styles.setdefault(example.style, []).append(example)
        self.teachers = {style: Teacher.model_validate(pack.teachers[style]) for style in sorted(self.styles)}
        self.painted = [style for style, teacher in self.teachers.items() if teacher.brush is not None]
        self.drawn = [style for style, teacher in self.teachers.items() if teacher.brush is None]
        self._tokens: dict[tuple[str, str], np.ndarray] = {}
        for key in sorted({(example.style, example.scene) for example in pack.examples}):
            self._tokens[key] = tokenize(tokenizer, [pack.prompt(*key)])[0].numpy()
        self._redraw = redraw.to(device).to(memory_format=torch.channels_last)
        self._pictures = {
            folder: {name: torch.from_numpy(pixels).to(device) for name, pixels in getattr(pack, folder).items()}
            for folder in ("starts", "tiles", "lineart", "faces")
        }
        self._targets: dict[str, torch.Tensor] = {}

    @property
    def size(self) -> int:
        """Of the pictures that are trained on, in pixels."""
        return round(next(iter(self._pictures["starts"].values())).shape[0] * self._enlarged)

    def target(self, example: Example) -> torch.Tensor:
        """(size, size, 3) uint8: what the filters laid in, redrawn."""
        if example.name not in self._targets:
            teacher, size = self.teachers[example.style], self.size
            start = _enlarge(self._pictures["starts"][example.name][None], size)
            faces = _enlarge(self._pictures["faces"][example.person][None], size)
            with torch.autocast(self.device.type, torch.float16, enabled=self.device.type == "cuda"):
                drawn = redrawn(self._redraw, start, faces, teacher.redrawn_at, lined=teacher.lined)
            self._targets[example.name] = (drawn[0].permute(1, 2, 0) * 255.0).round().byte().contiguous()
        return self._targets[example.name]

    def whole(self, example: Example) -> dict[str, torch.Tensor]:
        """starts, targets and tiles (1, 3, size, size) and lineart (1, 1, size, size) of one example, in 0..1."""
        found = {
            "starts": self._pictures["starts"][example.name],
            "targets": self.target(example),
            "tiles": self._pictures["tiles"][example.name],
            "lineart": self._pictures["lineart"][example.person],
        }
        return {name: _enlarge(picture[None], self.size) for name, picture in found.items()}

    def draw(self, kind: str, crop: int, count: int, numbers: np.random.Generator) -> Batch:
        """One batch.

        Args:
            kind: "painted" for styles that are taught a brush, or "drawn" for the others.
            crop: Side of the cuts in pixels, after enlarging.
            count: How many.

        Returns:
            starts, targets and tiles (N, 3, crop, crop), lineart and faces (N, 1, crop, crop), all in 0..1; token_ids
            (N, 77); for "painted", style (N,), places in `painted`.
        """
        names = self.painted if kind == "painted" else self.drawn
        cuts: dict[str, list[torch.Tensor]] = {"starts": [], "targets": [], "tiles": [], "lineart": [], "faces": []}
        words: list[np.ndarray] = []
        chosen: list[int] = []
        order = numbers.permutation(len(names))
        for index in range(count):
            chosen.append(int(order[index % len(order)]))
            examples = self.styles[names[chosen[-1]]]
            example = examples[numbers.integers(len(examples))]
            target = self.target(example)
            top, left, flip = self._place(len(target), crop, numbers)
            for folder, list_ in cuts.items():
                if folder == "targets":
                    whole, factor = target, 1.0
                else:
                    by_person = folder in ("lineart", "faces")
                    whole = self._pictures[folder][example.person if by_person else example.name]
                    factor = self._enlarged
                side = round(crop / factor)
                y, x = round(top / factor), round(left / factor)
                cut = whole[y : y + side, x : x + side]
                list_.append(cut.flip(1) if flip else cut)
            words.append(self._words(example, numbers))
        batch = {folder: _enlarge(torch.stack(list_), crop) for folder, list_ in cuts.items()}
        batch["token_ids"] = torch.from_numpy(np.stack(words)).to(self.device)
        if kind == "painted":
            batch["style"] = torch.tensor(chosen, device=self.device)
        return batch

    def kind(self, numbers: np.random.Generator) -> str:
        """Which kind of examples a step is to have."""
        share = self._painted_share if self.painted and self.drawn else float(bool(self.painted))
        return "painted" if numbers.random() < share else "drawn"

    def _place(self, size: int, crop: int, numbers: np.random.Generator) -> tuple[int, int, bool]:
        """Top and left, in steps that are whole pixels before enlarging too, and whether to mirror."""
        last = size - crop
        place = numbers.integers(0, last + 1, 2).astype(float)
        if numbers.random() < _FACE_SHARE:
            place = np.clip((np.array(_FACE_AT) + numbers.normal(0, _FACE_SPREAD, 2)) * size - crop / 2, 0, last)
        top, left = (int(value) // _STEP * _STEP for value in place)
        return top, left, bool(numbers.random() < 0.5)

    def _words(self, example: Example, numbers: np.random.Generator) -> np.ndarray:
        """(77,) token ids with some words left out."""
        whole = self._tokens[example.style, example.scene]
        end = self.tokenizer.eos_token_id
        words = whole[1 : int(np.argmax(whole == end))]
        kept = words[numbers.random(len(words)) >= self._word_dropout]
        dropped = np.full_like(whole, self.tokenizer.pad_token_id)
        dropped[0] = whole[0]
        dropped[1 : 1 + len(kept)] = kept
        dropped[1 + len(kept)] = end
        return dropped


def _enlarge(cuts: torch.Tensor, crop: int) -> torch.Tensor:
    """(N, h, w, 3) or (N, h, w) uint8 to (N, 3 or 1, crop, crop) in 0..1, channels last."""
    pixels = cuts[..., None] if cuts.dim() == 3 else cuts
    pixels = pixels.permute(0, 3, 1, 2).float() / 255.0
    if pixels.shape[-1] != crop:
        pixels = F.interpolate(pixels, (crop, crop), mode="bicubic", align_corners=False).clamp(0, 1)
    return pixels.contiguous(memory_format=torch.channels_last)
