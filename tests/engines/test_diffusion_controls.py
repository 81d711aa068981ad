"""ControlNets of the diffusion engine: on, off, several, and read once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import ControlNetModel, MultiControlNetModel

from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.engines.unet.job import GenerationJob, annotators_of
from pipelines.engines.unet.sampling import control_images_read_once, skip_when_off
from pipelines.errors import EngineFailed
from pipelines.presets.loading import Presets
from tests.conftest import difference
from tests.engines.conftest import STACKS, control, picture, same
from tests.support.sweeps import sweep


@pytest.mark.parametrize("kind", sweep(STACKS, 1))
def test_the_control_image_changes_the_picture(
    kind: str, engines: Callable[[str], DiffusionEngine], job: GenerationJob
) -> None:
    engine = engines(kind)
    wide = picture(engine, job, controls=(control("canny", stripe=16),))
    narrow = picture(engine, job, controls=(control("canny", stripe=4),))
    assert difference(wide, narrow) > 0.3


@pytest.mark.parametrize("kind", sweep(STACKS, 1))
def test_scale_zero_is_no_control(kind: str, engines: Callable[[str], DiffusionEngine], job: GenerationJob) -> None:
    engine = engines(kind)
    none = picture(engine, job, controls=())
    assert same(picture(engine, job, controls=(control("canny", scale=0.0),)), none)
    assert difference(picture(engine, job), none) > 0.3


@pytest.mark.parametrize(
    ("kind", "second"), sweep([("sd15", "lineart"), ("sdxl", "lineart"), ("sdxl-union", "pose")], 1, several=True)
)
def test_several_controls_work_together(
    kind: str, second: str, engines: Callable[[str], DiffusionEngine], job: GenerationJob
) -> None:
    engine = engines(kind)
    first = control("canny")
    both = picture(engine, job, controls=(first, control(second, stripe=4)))
    assert difference(both, picture(engine, job, controls=(first,))) > 0.1
    assert difference(both, picture(engine, job, controls=(control(second, stripe=4),))) > 0.1
    silent = control(second, stripe=4, scale=0.0)
    assert same(picture(engine, job, controls=(first, silent)), picture(engine, job, controls=(first,)))


def test_a_control_of_an_annotator_without_controlnet_is_refused(sd15: DiffusionEngine, job: GenerationJob) -> None:
    with pytest.raises(EngineFailed, match="no control for depth"):
        picture(sd15, job, controls=(control("depth"),))


def test_annotators_follow_the_style_and_fall_back_to_the_first_controlnet(
    sd15: DiffusionEngine, presets: Presets
) -> None:
    style = next(iter(presets.styles.values()))

    def with_controls(*names: str) -> Any:
        settings = tuple(control(name).model_copy() for name in names)
        return style.model_copy(update={"controls": settings})

    assert annotators_of(sd15.stack, with_controls("lineart", "depth", "canny")) == ("lineart", "canny")
    assert annotators_of(sd15.stack, with_controls("depth")) == ("canny",)
    sources = {name: source.model_copy() for name, source in sd15.stack.controlnets.items()}
    sources["canny"] = sources["canny"].model_copy(update={"controlnet_conditioning_scale": 1.0})
    always = sd15.stack.model_copy(update={"controlnets": sources})
    assert annotators_of(always, with_controls("lineart", "depth")) == ("canny", "lineart")


class TestSkipping:
    """A ControlNet whose scale is 0 is not run, and the picture is the same to the last bit."""

    @pytest.fixture
    def nets(self, tiny_root: Path) -> list[Any]:
        return [ControlNetModel.from_pretrained(tiny_root / name).eval() for name in ("cn-canny", "cn-lineart")]

    def call(self, controlnet: Any, scales: list[float]) -> tuple[Any, Any]:
        torch.manual_seed(0)
        with torch.no_grad():
            return controlnet(
                torch.randn(1, 4, 8, 8),
                torch.tensor(500),
                encoder_hidden_states=torch.randn(1, 77, 32),
                controlnet_cond=[torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)],
                conditioning_scale=scales,
                guess_mode=False,
                return_dict=False,
            )

    @pytest.mark.parametrize("scales", [[0.7, 0.4], [0.7, 0.0], [0.0, 0.4]])
    def test_what_is_left_says_the_same(self, nets: list[Any], scales: list[float]) -> None:
        down, middle = self.call(MultiControlNetModel(nets), scales)
        skipped_down, skipped_middle = self.call(skip_when_off(MultiControlNetModel(nets)), scales)
        assert torch.equal(middle, skipped_middle)
        assert all(torch.equal(first, second) for first, second in zip(down, skipped_down, strict=True))

    def test_nothing_is_said_when_all_are_off(self, nets: list[Any]) -> None:
        assert self.call(skip_when_off(MultiControlNetModel(nets)), [0.0, 0.0]) == (None, None)

    def test_a_control_image_is_read_once_and_means_the_same(self, nets: list[Any]) -> None:
        read: list[Any] = []
        for net in nets:
            net.controlnet_cond_embedding.conv_in.register_forward_hook(lambda *_: read.append(1))
        images = [torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64)]

        def steps(controlnet: Any) -> list[Any]:
            torch.manual_seed(0)
            sample, states = torch.randn(1, 4, 8, 8), torch.randn(1, 77, 32)
            with torch.no_grad():
                return [
                    controlnet(sample, torch.tensor(time), states, images, [0.7, 0.4], return_dict=False)[1]
                    for time in (900, 500, 100)
                ]

        plain = steps(MultiControlNetModel(nets))
        assert len(read) == 6
        with control_images_read_once(nets):
            once = steps(MultiControlNetModel(nets))
        assert len(read) == 8
        assert all(torch.equal(one, other) for one, other in zip(plain, once, strict=True))
        images[0] = torch.rand(1, 3, 64, 64)
        assert not torch.equal(steps(MultiControlNetModel(nets))[0], plain[0]), "nothing is kept afterwards"

    @pytest.mark.parametrize("kind", sweep(STACKS, 1))
    def test_the_picture_is_diffusers_own(
        self, kind: str, engines: Callable[[str], DiffusionEngine], job: GenerationJob, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Against the unwrapped ControlNet, with a control that ends half way."""
        engine = engines(kind)
        controls = (control("canny", control_guidance_start=0.25, control_guidance_end=0.6),)
        calls: list[int] = []
        wrapped = picture(engine, job, controls=controls)
        controlnet = engine._pipe.controlnet

        def counted(*args: Any, **kwargs: Any) -> Any:
            calls.append(1)
            return type(controlnet).forward(controlnet, *args, **kwargs)

        monkeypatch.setattr(controlnet, "forward", counted)
        assert same(picture(engine, job, controls=controls), wrapped)
        assert len(calls) == 4, "diffusers runs it at every step"
