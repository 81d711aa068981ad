"""From one photograph to a folder that diffusers loads, at toy size."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from diffusers import AutoencoderTiny, StableDiffusionControlNetImg2ImgPipeline
from PIL import Image
from transformers import CLIPTokenizer

from benchmarks.embedded_bars import Person, job_for, stack_of
from pipelines.annotators import annotate
from pipelines.engines.diffusion import DiffusionEngine
from pipelines.photo import open_photo, prepare
from pipelines.presets import Presets
from training.__main__ import train
from training.autoencoder import fit_encoder, psnr, to_unit, train_autoencoder
from training.config import PRESETS, ModelConfig, StageConfig
from training.critic import Critic
from training.data import BRUSHWORK, HELD_OUT, held_out_portraits, training_portraits, write_pack
from training.diffusion import train_diffusion
from training.export import MAX_BYTES
from training.models import Networks, build_autoencoder
from training.pack import Pack, read_pack
from training.words import build_tokenizer

TOY = PRESETS["toy"]
STYLES = ("oil-master", "cyanotype")


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Two threads wait for each other at every small operation on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def pack_file(face_photo: Image.Image, presets: Presets, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pack") / "pack.zip"
    few = dataclasses.replace(presets, styles={style: presets.styles[style] for style in STYLES})
    assert write_pack(path, {"astronaut": face_photo}, [], few, side=128, rounds=2, scene_share=0.5) == 4
    return path


@pytest.fixture(scope="module")
def pack(pack_file: Path) -> Pack:
    return read_pack(pack_file)


@pytest.fixture(scope="module")
def tokenizer(pack: Pack) -> CLIPTokenizer:
    return build_tokenizer([*pack.prompts.values(), *pack.scene_prompts.values()])


@pytest.fixture(scope="module")
def folder(pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run")
    assert train(pack, TOY, root / "work", root / "embedded")
    return root / "embedded"


@pytest.fixture(scope="module")
def autoencoder(pack: Pack) -> AutoencoderTiny:
    torch.manual_seed(0)
    network = build_autoencoder(TOY.model)
    fit_encoder(network, list(pack.pictures.values()), blocks=2000)
    return network


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Of the lightness of two pictures."""
    return abs(float(np.corrcoef(first.mean(axis=2).ravel(), second.mean(axis=2).ravel())[0, 1]))


# --- data ------------------------------------------------------------------------------------------------------------


def test_pack_holds_target_and_control_of_one_place(pack: Pack) -> None:
    assert {pair.style for pair in pack.pairs} == set(STYLES)
    assert {pair.scene for pair in pack.pairs} > {"none"}
    for pair in pack.pairs:
        target = pack.pictures[pair.target]
        assert target.shape == (128, 128, 3)
        if pair.scene != "none":
            continue
        # A filter changes colours and strokes but not where things are: the same place agrees, a mirrored one less.
        photo = pack.photos[pair.person][pair.top : pair.top + 128, pair.left : pair.left + 128]
        assert correlation(photo, target) > 0.4
        assert correlation(photo, target) > correlation(photo[:, ::-1], target)


def test_rendering_repeats_with_its_seed(pack: Pack, face_photo: Image.Image, presets: Presets, tmp_path: Path) -> None:
    few = dataclasses.replace(presets, styles={style: presets.styles[style] for style in STYLES})
    write_pack(tmp_path / "again.zip", {"astronaut": face_photo}, [], few, side=128, rounds=1, scene_share=0.5)
    again = read_pack(tmp_path / "again.zip")
    assert again.pairs == pack.pairs[: len(again.pairs)]
    for pair in again.pairs:
        assert np.array_equal(again.pictures[pair.target], pack.pictures[pair.target])


def test_paintings_teach_brushwork(presets: Presets, tmp_path: Path) -> None:
    strokes = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    painting = tmp_path / f"{next(iter(BRUSHWORK))}.jpg"
    Image.fromarray(strokes).resize((200, 160), Image.Resampling.BICUBIC).save(painting, quality=95)
    unknown = tmp_path / "unknown.jpg"
    Image.new("RGB", (200, 160), "red").save(unknown)
    write_pack(tmp_path / "pack.zip", {}, [painting, unknown], presets, side=128)
    pack = read_pack(tmp_path / "pack.zip")
    assert set(pack.paintings) == {painting.stem, "unknown"}
    assert {pair.style for pair in pack.pairs} == {BRUSHWORK[painting.stem]}
    for pair in pack.pairs:
        smooth, target = pack.photos[pair.person], pack.pictures[pair.target]
        assert (
            np.abs(np.diff(smooth.astype(int), axis=0)).mean()
            < 0.5 * np.abs(np.diff(target.astype(int), axis=0)).mean()
        )


def test_one_palette_a_style(face_photo: Image.Image, presets: Presets, tmp_path: Path) -> None:
    """Where the studio's seed draws a palette, the targets keep to one: a network could only learn the mean of all."""
    few = dataclasses.replace(presets, styles={"pop-art": presets.styles["pop-art"]})
    write_pack(tmp_path / "pack.zip", {"astronaut": face_photo}, [], few, side=512, rounds=4, scene_share=0.0)
    colours = [picture.reshape(-1, 3).mean(axis=0) for picture in read_pack(tmp_path / "pack.zip").pictures.values()]
    assert np.ptp(colours, axis=0).max() < 16


def test_ten_portraits_are_never_trained_on(portraits_dir: Path) -> None:
    held = {path.stem for path in held_out_portraits(portraits_dir)}
    taught = {path.stem for path in training_portraits(portraits_dir)}
    assert held == set(HELD_OUT)
    assert len(held) == 10
    assert len(taught) == 60
    assert not held & taught


# --- words -----------------------------------------------------------------------------------------------------------


def test_every_word_of_a_preset_is_one_token(presets: Presets) -> None:
    tokenizer = build_tokenizer(style.prompt for style in presets.styles.values())
    for word in ("portrait", "impasto", "carrara", "cyanotype"):
        assert tokenizer.tokenize(word) == [f"{word}</w>"]


def test_unknown_words_are_read_in_pieces(tokenizer: CLIPTokenizer) -> None:
    ids = tokenizer("zyzzyva, naïve 東京 🎨").input_ids
    assert tokenizer.unk_token_id not in ids[1:-1]
    assert len(ids) > 5


# --- autoencoder -----------------------------------------------------------------------------------------------------


def test_encoder_is_the_principal_components_of_blocks(pack: Pack) -> None:
    """All 48 components hold a block without loss: the least-squares way back gives the pixels again."""
    network = build_autoencoder(ModelConfig(latent_channels=48, autoencoder_channels=48, num_decoder_blocks=(0, 0, 0)))
    picture = next(iter(pack.pictures.values()))
    fit_encoder(network, [picture], blocks=3000)
    with torch.no_grad():
        latents = network.encode(to_unit(torch.from_numpy(picture[None].copy()))).latents[0].flatten(1).T.double()
    blocks = torch.from_numpy(
        picture.reshape(32, 4, 32, 4, 3).transpose(0, 2, 1, 3, 4).reshape(1024, 48).copy()
    ).double()
    known = torch.cat([latents, torch.ones(1024, 1, dtype=torch.float64)], dim=1)
    back = known @ torch.linalg.lstsq(known, blocks, driver="gelsd").solution
    assert float((back - blocks).abs().max()) < 1.0


def test_scaled_latents_have_a_deviation_of_two(pack: Pack, autoencoder: AutoencoderTiny) -> None:
    pictures = np.stack(list(pack.pictures.values()))
    latents = autoencoder.encode(to_unit(torch.from_numpy(pictures))).latents * autoencoder.config.scaling_factor
    assert 1.6 < float(latents.detach().std()) < 2.4


def test_encoder_with_blocks_is_refused(pack: Pack) -> None:
    network = build_autoencoder(dataclasses.replace(TOY.model, num_encoder_blocks=(0, 1, 0)))
    with pytest.raises(ValueError, match="no blocks"):
        fit_encoder(network, list(pack.pictures.values()))


def test_decoder_learns(pack: Pack, tmp_path: Path) -> None:
    picture = next(iter(pack.pictures.values()))
    short = train_autoencoder(pack, TOY, tmp_path / "short", until=1)
    long = train_autoencoder(pack, TOY, tmp_path / "long")
    assert psnr(long.network, picture) > psnr(short.network, picture) + 3


# --- diffusion -------------------------------------------------------------------------------------------------------


def test_loss_falls(pack: Pack, autoencoder: AutoencoderTiny, tokenizer: CLIPTokenizer, tmp_path: Path) -> None:
    longer = dataclasses.replace(TOY, diffusion=StageConfig(80, 4, 32, 4e-3, warmup=3))
    stage = train_diffusion(pack, autoencoder, tokenizer, longer, tmp_path)
    assert np.mean(stage.losses[-20:]) < 0.8 * np.mean(stage.losses[:5])


@pytest.mark.parametrize("interrupted_at", [1, 7])
def test_resumed_run_equals_an_uninterrupted_one(
    pack: Pack, autoencoder: AutoencoderTiny, tokenizer: CLIPTokenizer, tmp_path: Path, interrupted_at: int
) -> None:
    short = dataclasses.replace(TOY, diffusion=StageConfig(12, 2, 32, 3e-3, warmup=3, large_crop=64, large_share=0.25))
    straight = train_diffusion(pack, autoencoder, tokenizer, short, tmp_path / "straight")
    train_diffusion(pack, autoencoder, tokenizer, short, tmp_path / "cut", until=interrupted_at)
    resumed = train_diffusion(pack, autoencoder, tokenizer, short, tmp_path / "cut")
    assert resumed.step == straight.step == 12
    assert resumed.losses == straight.losses[interrupted_at:]
    for name, weight in straight.ema.state_dict().items():
        assert torch.equal(weight, resumed.ema.state_dict()[name]), name


def test_critic_tells_targets_from_smooth_answers() -> None:
    torch.manual_seed(0)
    critic = Critic(3, 2, width=8, learning_rate=2e-3)
    styles = torch.tensor([0, 1, 0, 1])

    def pictures() -> tuple[torch.Tensor, torch.Tensor]:
        rough = torch.randn(4, 3, 32, 32).clamp(-1, 1)
        return rough, F.avg_pool2d(rough, 5, stride=1, padding=2)

    for _ in range(40):
        critic.learn(*pictures(), styles)
    rough, smooth = pictures()
    with torch.no_grad():
        assert float(critic(rough, styles).min()) > float(critic(smooth, styles).max())
    smooth.requires_grad_(True)
    critic.judge(smooth, styles).backward()
    assert smooth.grad is not None
    assert float(smooth.grad.abs().max()) > 0


def test_clock_stops_a_run_and_the_next_call_goes_on(pack: Pack, tmp_path: Path) -> None:
    hurried = dataclasses.replace(TOY, minutes=1e-9)
    stopped = train_autoencoder(pack, hurried, tmp_path)
    assert stopped.stopped
    assert stopped.step == 1
    assert train_autoencoder(pack, TOY, tmp_path).step == TOY.autoencoder.steps


# --- the finished folder ---------------------------------------------------------------------------------------------


def test_folder_loads_with_plain_diffusers_and_paints(folder: Path, pack: Pack) -> None:
    pipeline = StableDiffusionControlNetImg2ImgPipeline.from_pretrained(folder, safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    person = next(iter(pack.photos))

    def paint(prompt: str, seed: int, scale: float = 1.0) -> np.ndarray:
        result = pipeline(
            prompt,
            image=Image.fromarray(pack.photos[person]).resize((64, 64)),
            control_image=Image.fromarray(pack.lineart[person]).convert("RGB").resize((64, 64)),
            strength=0.7,
            num_inference_steps=4,
            guidance_scale=1.0,
            controlnet_conditioning_scale=scale,
            generator=torch.Generator().manual_seed(seed),
        )
        return np.asarray(result.images[0], np.float32)

    prompt = pack.prompts["oil-master"]
    first = paint(prompt, 1)
    assert first.shape == (64, 64, 3)
    assert np.array_equal(first, paint(prompt, 1))
    assert np.abs(first - paint(prompt, 2)).mean() > 0.5
    assert np.abs(first - paint(pack.prompts["cyanotype"], 1)).mean() > 0.05
    assert np.abs(first - paint(prompt, 1, scale=0.0)).mean() > 0.05


def test_folder_is_float16_in_small_files(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert max(path.stat().st_size for path in files) < 10_000_000
    assert sum(path.stat().st_size for path in files) < MAX_BYTES
    assert not [path for path in files if path.suffix in {".bin", ".pt", ".pkl"}]
    pipeline = StableDiffusionControlNetImg2ImgPipeline.from_pretrained(
        folder, safety_checker=None, torch_dtype=torch.float16
    )
    assert pipeline.unet.dtype == torch.float16
    assert "Data and rights" in (folder / "README.md").read_text("utf-8")


def test_studio_engine_runs_the_folder(folder: Path, face_photo: Image.Image, presets: Presets) -> None:
    stack = stack_of(folder).model_copy(update={"size": 64})
    photo = prepare(open_photo(face_photo), None, 64)
    engine = DiffusionEngine(stack)
    job = job_for(
        Person("astronaut", photo, annotate("lineart", photo)), presets.style("oil-master"), presets.scene("none")
    )
    steps: list[int] = []

    def on_step(step: int, _total: int, preview: Image.Image | None) -> bool:
        steps.append(step)
        assert preview is None or preview.size == (64, 64)
        return True

    (portrait,) = engine.generate(job, on_step)
    assert portrait.size == (64, 64)
    assert steps[-1] == stack.num_inference_steps
    engine.close()


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_full_size_fits_the_repository(name: str, tokenizer: CLIPTokenizer) -> None:
    networks = Networks(PRESETS[name].model, tokenizer)
    weights = sum(weight.numel() for weight in networks.parameters())
    assert 2 * weights < 62_000_000  # so that a lent machine can hand it back
