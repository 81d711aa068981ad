"""What teaches: a network that redraws, painters' brushes, and the file that says which style is taught what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipelines.presets.loading import Presets
from training.perceptual import Features, broad, detail, gram, relative
from training.redraw import Redraw, load_redraw, redrawn
from training.teachers import teachers


def test_every_style_is_taught_something(presets: Presets) -> None:
    assert set(teachers()) == set(presets.styles)


def test_a_word_that_no_teacher_knows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "teachers.toml").write_text("[comic]\nredrawn = 160\n", "utf-8")
    with pytest.raises(ValueError, match="redrawn"):
        teachers(tmp_path / "teachers.toml")


def test_paintings_come_at_the_size_whose_brush_suits(portraits_dir: Path) -> None:
    for style, teacher in teachers().items():
        if teacher.brush is not None:
            picture = teacher.brush.picture(portraits_dir.parent / "paintings")
            assert picture.dtype == np.uint8, style
            assert min(picture.shape[:2]) > 300, style


# --- redrawing -------------------------------------------------------------------------------------------------------


def written(network: Redraw, path: Path) -> Path:
    """The network's weights as ncnn keeps them."""
    parts = []
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d) and layer.bias is not None:
            half = layer.weight.detach().numpy().astype("<f2").tobytes()
            parts += [(0x01306B47).to_bytes(4, "little"), half, b"\0" * (-len(half) % 4)]
            parts.append(layer.bias.detach().numpy().astype("<f4").tobytes())
    path.write_bytes(b"".join(parts))
    return path


def test_weights_are_read_as_they_were_written(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Redraw().requires_grad_(False)
    again = load_redraw(written(network, tmp_path / "weights.bin"))
    seen = torch.rand(1, 3, 8, 12)
    assert again(seen).shape == (1, 3, 32, 48)
    assert torch.allclose(again(seen), network(seen), atol=2e-3)


@pytest.mark.parametrize("change", [lambda data: data[:-4], lambda data: data + b"more", lambda data: b"no" + data[2:]])
def test_weights_of_another_network_are_refused(tmp_path: Path, change: object) -> None:
    path = written(Redraw(), tmp_path / "weights.bin")
    assert callable(change)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match="not the network"):
        load_redraw(path)


class Inverted(nn.Module):
    """Redraws everything wrong: four times as large, and in its negative."""

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        return 1 - nn.functional.interpolate(seen, scale_factor=4)


def test_broad_tones_and_features_stay_the_sitters() -> None:
    picture = torch.zeros(1, 3, 256, 256)
    picture[..., :128] = 0.8
    faces = torch.zeros(1, 1, 256, 256)
    faces[..., 100:140, 100:140] = 1
    made = redrawn(Inverted(), picture, faces, 160, lined=False)  # type: ignore[arg-type]
    for side in (np.s_[..., 60:200, 20:80], np.s_[..., 60:200, 176:236]):
        assert abs(float(made[side].mean() - picture[side].mean())) < 0.1


# --- brushes ---------------------------------------------------------------------------------------------------------


def test_detail_and_broad_add_up_to_the_picture() -> None:
    picture = torch.rand(1, 3, 96, 96)
    assert torch.allclose(detail(picture) - 0.5 + broad(picture), picture, atol=1e-5)
    assert float(broad(picture).std()) < 0.3 * float(picture.std())


def test_statistics_know_a_texture_wherever_it_lies() -> None:
    """Brushwork is what stays the same when a texture is moved, and differs between textures."""
    torch.manual_seed(0)
    features = Features()
    across = torch.sin(torch.arange(128) * 0.9).expand(1, 3, 128, 128) * 0.3 + 0.5
    moved, down = across.roll(3, dims=-1), across.transpose(2, 3)
    wanted = [gram(answer) for answer in features(across)]

    def distance(picture: torch.Tensor) -> float:
        found = [gram(answer) for answer in features(picture)]
        return sum(float(relative(one, other)) for one, other in zip(found, wanted, strict=True))

    assert distance(moved) < 0.3 * distance(down)
