"""From packed data to checkpoint: `python -m training --preset gpu`. Interrupt it at any time; run it again to go on.

    python -m training.data                      photos -> .cache/training/pack.zip
    python -m training --preset gpu              pack -> networks -> .cache/training/embedded
    python -m training --preset gpu --minutes 9  the same in pieces, for machines that are lent by the minute
    python -m benchmarks.embedded_bars --folder .cache/training/embedded

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
from training.words import build_tokenizer

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / ".cache" / "training"


def train(pack: Pack, config: TrainConfig, work: Path, out: Path) -> bool:
    """Autoencoder, diffusion and the export.

    Args:
        pack: From read_pack.
        config: One of PRESETS, or changed.
        work: Folder of checkpoints, logs and sample sheets.
        out: The finished folder, written when training is through, and whenever the clock or a signal ends it.

    Returns:
        Whether the plan was finished; otherwise call again.
    """
    torch.set_num_threads(config.threads)
    torch.set_float32_matmul_precision("high")
    tokenizer, autoencoder = _tokenizer(pack, work), _autoencoder(pack, config, work)
    stage = train_diffusion(pack, autoencoder, tokenizer, config, work)
    pictures = list(pack.targets.values())[:32]
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
        pictures = [*pack.tiles.values(), *pack.starts.values(), *pack.targets.values()]
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
    parser.add_argument("--threads", type=int, help="processor threads instead of the preset's")
    arguments = parser.parse_args()
    for path in arguments.data:
        if not path.exists():
            parser.error(f"{path} is not there; run python -m training.data first")
    config = dataclasses.replace(PRESETS[arguments.preset], minutes=arguments.minutes)
    if arguments.threads:
        config = dataclasses.replace(config, threads=arguments.threads)
    if arguments.steps:
        config = dataclasses.replace(config, diffusion=dataclasses.replace(config.diffusion, steps=arguments.steps))
    return 0 if train(read_pack(*arguments.data), config, arguments.work / config.name, arguments.out) else 3


if __name__ == "__main__":
    raise SystemExit(main())
