"""From one photograph to a folder that diffusers loads, at toy size."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import CLIPTokenizer

from benchmarks.portrait_figures import sharpness
from benchmarks.sitters import CONTROLS, Person, job_for, stack_of
from pipelines.controls.annotators import annotate
from pipelines.engines.unet.engine import DiffusionEngine
from pipelines.engines.unet.patch_autoencoder import PatchAutoencoder
from pipelines.photo.opening import open_photo, prepare
from pipelines.presets.loading import Presets
from pipelines.schema import AnnotatorName
from training.__main__ import train
from training.autoencoder import fit_autoencoder, psnr, to_unit
from training.batches import Batches
from training.config import PRESETS, ModelConfig, StageConfig
from training.data import HELD_OUT, held_out_portraits, training_portraits, write_pack
from training.diffusion import train_diffusion
from training.export import MAX_BYTES
from training.models import Networks
from training.pack import Pack, read_pack
from training.perceptual import Features
from training.redraw import Redraw
from training.teachers import teachers
from training.words import build_tokenizer

TOY = PRESETS["toy"]
STYLES = ("oil-master", "cyanotype")  # with a painter's brush, and without
Teaching: TypeAlias = tuple[Pack, PatchAutoencoder, CLIPTokenizer, Features, Redraw]


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """Two threads wait for each other at every small operation on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def paintings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a painting of each brush, all stripes."""
    folder = tmp_path_factory.mktemp("paintings")
    stripes = (np.arange(160) // 5 % 2 * 120 + 60).astype(np.uint8)
    for teacher in teachers().values():
        if teacher.brush is not None:
            Image.fromarray(np.broadcast_to(stripes[:, None, None], (160, 160, 3))).save(
                folder / teacher.brush.painting
            )
    return folder


@pytest.fixture(scope="module")
def pack_file(
    face_photo: Image.Image, presets: Presets, paintings: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("pack") / "pack.zip"
    few = dataclasses.replace(presets, styles={style: presets.styles[style] for style in STYLES})
    people = {"astronaut": face_photo, "again": face_photo}
    assert write_pack(path, people, few, paintings=paintings, side=128, scene_share=0.5) == 4
    return path


@pytest.fixture(scope="module")
def features() -> Features:
    """What judges, with weights by chance: the real ones are a package that is needed for training alone."""
    torch.manual_seed(0)
    return Features()


@pytest.fixture(scope="module")
def redraw() -> Redraw:
    torch.manual_seed(0)
    return Redraw().eval().requires_grad_(False)


@pytest.fixture(scope="module")
def pack(pack_file: Path) -> Pack:
    return read_pack(pack_file)


@pytest.fixture(scope="module")
def tokenizer(pack: Pack) -> CLIPTokenizer:
    return build_tokenizer([*pack.prompts.values(), *pack.scene_prompts.values()])


@pytest.fixture(scope="module")
def folder(pack: Pack, features: Features, redraw: Redraw, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("run")
    assert train(pack, features, redraw, TOY, root / "work", root / "embedded")
    return root / "embedded"


@pytest.fixture(scope="module")
def autoencoder(pack: Pack) -> PatchAutoencoder:
    return fit_autoencoder(TOY.model, list(pack.tiles.values()))


@pytest.fixture(scope="module")
def teaching(
    pack: Pack, autoencoder: PatchAutoencoder, tokenizer: CLIPTokenizer, features: Features, redraw: Redraw
) -> Teaching:
    """What every training is given first."""
    return pack, autoencoder, tokenizer, features, redraw


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Of the lightness of two pictures."""
    return abs(float(np.corrcoef(first.mean(axis=2).ravel(), second.mean(axis=2).ravel())[0, 1]))


# --- data ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_pack_holds_start_and_controls_of_one_place(pack: Pack) -> None:
    assert {example.style for example in pack.examples} == set(STYLES)
    assert {example.scene for example in pack.examples} > {"none"}
    assert set(pack.paintings) == {"oil-master"}
    for example in pack.examples:
        start, tile = pack.starts[example.name], pack.tiles[example.name]
        assert start.shape == tile.shape == (128, 128, 3)
        assert pack.lineart[example.person].shape == pack.faces[example.person].shape == (128, 128)
        # A recipe changes colours but not where things are: the same place agrees, a mirrored one less.
        assert correlation(start, tile) > 0.4
        assert correlation(start, tile) > correlation(start[:, ::-1], tile)


@pytest.mark.slow
def test_rendering_repeats_with_its_seed(
    pack: Pack, face_photo: Image.Image, presets: Presets, paintings: Path, tmp_path: Path
) -> None:
    few = dataclasses.replace(presets, styles={style: presets.styles[style] for style in STYLES})
    write_pack(tmp_path / "again.zip", {"astronaut": face_photo}, few, paintings=paintings, side=128, scene_share=0.5)
    again = read_pack(tmp_path / "again.zip")
    assert again.examples == pack.examples[: len(again.examples)]
    for example in again.examples:
        assert np.array_equal(again.starts[example.name], pack.starts[example.name])


@pytest.mark.slow
def test_packs_add_up(
    pack_file: Path, pack: Pack, face_photo: Image.Image, presets: Presets, paintings: Path, tmp_path: Path
) -> None:
    few = dataclasses.replace(presets, styles={"ink-hatching": presets.styles["ink-hatching"]})
    write_pack(tmp_path / "more.zip", {"astronaut": face_photo}, few, paintings=paintings, side=128)
    both = read_pack(pack_file, tmp_path / "more.zip")
    assert len(both.examples) == len(both.starts) == len(pack.examples) + 1
    assert both.prompt("ink-hatching", "none")
    assert both.prompt(STYLES[0], "none")


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


def test_all_components_bring_a_picture_back_exactly(pack: Pack) -> None:
    picture = next(iter(pack.tiles.values()))
    assert psnr(fit_autoencoder(ModelConfig(latent_channels=192), [picture]), picture) > 90


def test_the_chosen_components_lose_nothing_that_people_see(pack: Pack) -> None:
    """The bar of the checkpoint, on pictures that the components were not taken from."""
    network = fit_autoencoder(PRESETS["cpu"].model, list(pack.tiles.values()))
    for picture in pack.starts.values():
        assert psnr(network, picture) > 36
        decoded = network.decode(network.encode(to_unit(torch.from_numpy(picture[None]))).latents).sample
        again = decoded.clamp(-1, 1).add(1).mul(127.5).round().byte()[0].permute(1, 2, 0).numpy()
        assert 0.95 < sharpness(again) / sharpness(picture) < 1.05


def test_latents_are_white(pack: Pack, autoencoder: PatchAutoencoder) -> None:
    pictures = to_unit(torch.from_numpy(np.stack(list(pack.tiles.values()))))
    # Wherever patches begin: the pack's own compression has a grid, too.
    shifted = [pictures[..., y : y + 124, x : x + 124] for y in range(4) for x in range(4)]
    flat = torch.cat([autoencoder.encode(one).latents.permute(1, 0, 2, 3).flatten(1) for one in shifted], dim=1)
    assert torch.allclose(flat.std(dim=1), torch.ones(len(flat)), atol=0.25)


def test_a_patch_size_that_diffusers_would_misread_is_refused() -> None:
    with pytest.raises(ValueError, match="halvings"):
        PatchAutoencoder(patch_size=8)


# --- diffusion -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_loss_falls(teaching: Teaching, tmp_path: Path) -> None:
    longer = dataclasses.replace(TOY, diffusion=StageConfig(60, 4, 32, 4e-3, warmup=3))
    stage = train_diffusion(*teaching, longer, tmp_path)
    assert np.mean(stage.losses[-20:]) < 0.8 * np.mean(stage.losses[:5])


def test_cuts_show_one_place_of_all_pictures(pack: Pack, tokenizer: CLIPTokenizer, redraw: Redraw) -> None:
    device = torch.device("cpu")
    batches = Batches(pack, tokenizer, redraw, enlarged=1.0, word_dropout=0.0, painted_share=0.5, device=device)
    # The target in which each pixel says where it is: a cut of it tells which place the others must show.
    rows, columns = torch.meshgrid(torch.arange(128), torch.arange(128), indexing="ij")
    place = torch.stack([rows, columns, torch.zeros_like(rows)], dim=-1).byte()
    batches.target = lambda example: place  # type: ignore[method-assign]
    for seed in range(8):
        batch = batches.draw("drawn", 32, 1, np.random.default_rng(seed))
        seen = (batch["targets"][0, :2] * 255).round().long()
        candidates = [pack.tiles[example.name] for example in pack.examples if example.style == "cyanotype"]
        shown = (batch["tiles"][0] * 255).round().byte().permute(1, 2, 0).numpy()
        assert any(np.array_equal(tile[seen[0], seen[1]], shown) for tile in candidates)


@pytest.mark.slow
@pytest.mark.parametrize("interrupted_at", [1, 7])
def test_resumed_run_equals_an_uninterrupted_one(teaching: Teaching, tmp_path: Path, interrupted_at: int) -> None:
    short = dataclasses.replace(TOY, diffusion=StageConfig(12, 2, 32, 3e-3, warmup=3, large_crop=64, large_share=0.25))
    straight = train_diffusion(*teaching, short, tmp_path / "straight")
    train_diffusion(*teaching, short, tmp_path / "cut", until=interrupted_at)
    resumed = train_diffusion(*teaching, short, tmp_path / "cut")
    assert resumed.step == straight.step == 12
    assert resumed.losses == straight.losses[interrupted_at:]
    for name, weight in straight.ema.state_dict().items():
        assert torch.equal(weight, resumed.ema.state_dict()[name]), name


@pytest.mark.slow
def test_clock_stops_a_run_and_the_next_call_goes_on(teaching: Teaching, tmp_path: Path) -> None:
    hurried = dataclasses.replace(TOY, minutes=1e-9)
    stopped = train_diffusion(*teaching, hurried, tmp_path)
    assert stopped.stopped
    assert stopped.step == 1
    assert train_diffusion(*teaching, TOY, tmp_path).step == TOY.diffusion.steps


@pytest.mark.slow
def test_a_run_with_more_data_keeps_words_and_latents(
    pack: Pack, features: Features, redraw: Redraw, tmp_path: Path
) -> None:
    hurried = dataclasses.replace(TOY, minutes=1e-9)
    train(pack, features, redraw, hurried, tmp_path / "work", tmp_path / "first")
    changed = dataclasses.replace(
        pack, prompts=pack.prompts | {"new": "quite another portrait"}, examples=pack.examples[:2]
    )
    train(changed, features, redraw, hurried, tmp_path / "work", tmp_path / "second")
    for part in ("vae/diffusion_pytorch_model.safetensors", "tokenizer/tokenizer.json"):
        assert (tmp_path / "first" / part).read_bytes() == (tmp_path / "second" / part).read_bytes()


# --- the finished folder ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_folder_is_float16_in_small_files(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert max(path.stat().st_size for path in files) < 10_000_000
    assert sum(path.stat().st_size for path in files) < MAX_BYTES
    assert not [path for path in files if path.suffix in {".bin", ".pt", ".pkl"}]
    stored = {path.parent.name: load_file(path) for path in files if path.suffix == ".safetensors"}
    assert {tensor.dtype for tensor in stored["unet"].values()} == {torch.float16}
    assert {tensor.dtype for tensor in stored["vae"].values()} == {torch.float32}  # it must be exact
    assert "Data and rights" in (folder / "README.md").read_text("utf-8")
    assert not [path for path in files if b"_name_or_path" in path.read_bytes()], (
        "no folder of the machine it was made on"
    )


@pytest.mark.slow
def test_studio_engine_runs_the_folder(folder: Path, face_photo: Image.Image, presets: Presets) -> None:
    stack = stack_of(folder).model_copy(update={"size": 128, "working_size": 64})
    photo = prepare(open_photo(face_photo), None, 128)
    engine = DiffusionEngine(stack)
    sitter = Person("astronaut", photo, {name: annotate(name, photo) for name in CONTROLS})

    def paint(style: str, seed: int = 1, without: AnnotatorName | None = None) -> np.ndarray:
        job = job_for(sitter, presets.style(style), presets.scene("none"), seed=seed, without=without)
        return np.asarray(engine.generate(job, lambda *_: True)[0], np.float32)

    steps: list[int] = []

    def on_step(step: int, total: int, preview: Image.Image | None) -> bool:
        steps.append(step)
        assert total == stack.num_inference_steps + 1
        assert preview is None or preview.size == (64, 64)
        return True

    job = job_for(sitter, presets.style("oil-master"), presets.scene("none"), seed=1)
    (portrait,) = engine.generate(job, on_step)
    assert portrait.size == (128, 128)
    assert steps[-1] == stack.num_inference_steps + 1
    first = np.asarray(portrait, np.float32)
    assert np.array_equal(first, paint("oil-master"))
    assert np.abs(first - paint("oil-master", seed=2)).mean() > 0.5
    assert np.abs(first - paint("cyanotype")).mean() > 1
    for name in CONTROLS:
        assert np.abs(first - paint("oil-master", without=name)).mean() > 0.01
    engine.close()


@pytest.mark.parametrize("name", ["cpu", "gpu"])
def test_full_size_fits_the_repository(name: str, tokenizer: CLIPTokenizer) -> None:
    networks = Networks(PRESETS[name].model, tokenizer)
    weights = sum(weight.numel() for weight in networks.parameters())
    assert 2 * weights < 64_000_000  # so that a lent machine can hand it back
