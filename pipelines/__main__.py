"""Portraits from the shell.

python -m pipelines photo.jpg --style oil-master --scene orbit --seed 7 -n 2 --out out/
"""

from __future__ import annotations

import argparse
import logging
import random
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from pipelines.errors import Cancelled, PortraitError
from pipelines.photo.hints import SHELL
from pipelines.photo.opening import open_photo, open_style_picture
from pipelines.photo.sitter import hand_crop, seat
from pipelines.portrait_request import build_request
from pipelines.presets.loading import Presets, all_presets
from pipelines.results import Portrait
from pipelines.schema import MAX_VARIATIONS, Consent, PortraitRequest
from pipelines.seeds import MAX_SEED, following
from pipelines.self_portrait import SelfPortraitPipeline
from pipelines.sizes import LONGEST, SHAPES, SIZES
from pipelines.worker import StepEvent, WaitEvent, run


def _parser(presets: Presets) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipelines", description="Turn a photo into AI self-portraits.")
    parser.add_argument("photo", nargs="?", type=Path, help="your own photo: JPEG, PNG, WebP, HEIC, AVIF")
    parser.add_argument("--style", default=next(iter(presets.styles)), help="a style id (default: %(default)s)")
    parser.add_argument("--scene", default="none", help="a scene id (default: %(default)s)")
    parser.add_argument("--model", default="auto", help="auto, preview, or a model stack (default: %(default)s)")
    parser.add_argument("--likeness", type=float, default=0.5, help="0 more artistic ... 1 more like me")
    parser.add_argument(
        "--seed",
        type=int,
        help=f"0 to {MAX_SEED}; the same seed makes the same portrait. Variations use the seeds that follow; after the "
        "last one comes 0 (default: random)",
    )
    parser.add_argument("-n", type=int, default=1, help=f"variations, 1 to {MAX_VARIATIONS}")
    parser.add_argument("--face", type=int, help="which face, from 1, the surest and largest first; 0 for none")
    parser.add_argument("--turn", type=int, default=0, help="turn the photo clockwise first: 90, 180 or 270")
    parser.add_argument(
        "--mark", default="", metavar="X,Y,SIZE", help="a face that is not found: middle and width, in percent"
    )
    parser.add_argument("--style-picture", type=Path, help="a picture to be painted after, with --style own-picture")
    parser.add_argument("--shape", choices=list(SHAPES), default="1:1", help="width to height (default: %(default)s)")
    parser.add_argument(
        "--size",
        choices=list(SIZES),
        default="screen",
        help=f"of filters, {LONGEST['screen']} pixels along the long side, or up to {LONGEST['print']} as far as the "
        "photo has them; models make their own (default: %(default)s)",
    )
    parser.add_argument(
        "--crop",
        default="",
        metavar="X,Y,WIDTH[,ANGLE]",
        help="cut the photo here: middle and width, in percent of the turned photo; degrees to turn it, -45 to 45",
    )
    parser.add_argument("--prompt", default="", help="own words, added to the style's")
    parser.add_argument("--label", action="store_true", help="draw a small visible label into the corner")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder for the portraits (default: %(default)s)")
    parser.add_argument("--list", action="store_true", help="list styles, scenes and engines")
    return parser


def _list(presets: Presets, pipeline: SelfPortraitPipeline) -> None:
    for title, values in (("Styles", presets.all_styles), ("Scenes", presets.scenes)):
        print(title)
        for value in values.values():
            print(f"  {value.id:<20} {value.name}: {value.summary}")
    print("Engines")
    for engine in pipeline.engines():
        print(f"  {engine.id:<20} {engine.name}: {engine.reason}")


def _request(options: argparse.Namespace) -> PortraitRequest:
    photo = open_photo(options.photo)
    sitting = seat(photo, SHELL, face=options.face, turn=options.turn, mark=options.mark)
    crop = hand_crop(options.crop)
    for hint in sitting.hints:
        print(hint.sentence, file=sys.stderr)
    first = random.SystemRandom().randrange(MAX_SEED + 1) if options.seed is None else options.seed
    # On one's own machine, handing over the file is the consent; the record is needed to build a request at all.
    consent = Consent(
        id="command-line",
        session="command-line",
        granted_at=datetime.now(UTC),
        notice_version="command-line",
        notice_sha256="0" * 64,
    )
    return build_request(
        photo=sitting.photo,
        face_index=sitting.face_index,
        style_id=options.style,
        scene_id=options.scene,
        likeness=options.likeness,
        seeds=following(first, options.n),
        model_id=options.model,
        extra_prompt=options.prompt,
        visible_label=options.label,
        style_picture=None if options.style_picture is None else open_style_picture(options.style_picture),
        shape=options.shape,
        size=options.size,
        crop=crop,
        consent=consent,
    )


def _tell(portrait: Portrait) -> None:
    """How much of the person is left, on stderr: stdout has the paths alone, for scripts."""
    kept = portrait.faithfulness
    if kept is None:
        return
    print(kept.sentence, file=sys.stderr)
    if kept.warning is not None:
        print(f"Warning: {kept.warning}", file=sys.stderr)


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns 0, 1 after an error that is told in one sentence, 130 after Ctrl-C."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    try:
        presets = all_presets()
        parser = _parser(presets)
        options = parser.parse_args(arguments)
        pipeline = SelfPortraitPipeline(presets, options.out)
        if options.list:
            _list(presets, pipeline)
            return 0
        if options.photo is None:
            parser.error("name a photo")
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        for event in run(pipeline, _request(options), out_dir=options.out):
            if isinstance(event, WaitEvent):  # nobody else is here
                continue
            if isinstance(event, StepEvent):
                print(f"\rstep {event.step} of {event.total}", end="", file=sys.stderr, flush=True)
                continue
            print(f"\n{event.engine}", file=sys.stderr)
            for note in event.notes:
                print(note, file=sys.stderr)
            for refused in event.refused:
                print(f"Seed {refused.seed} is not shown. {refused.refusal.sentence}", file=sys.stderr)
            for portrait in event.portraits:
                print(portrait.path)
                _tell(portrait)
    except (KeyboardInterrupt, Cancelled):
        print("\nStopped.", file=sys.stderr)
        return 130
    except PortraitError as error:
        print(error.told, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
