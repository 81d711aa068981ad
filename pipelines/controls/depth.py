"""How far away the things in a photo are, for the depth control."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from pipelines import heavy
from pipelines.hub.weights import require_annotator

_annotator_models: dict[str, Any] = {}


def estimate_depth(rgb: Image.Image) -> np.ndarray:
    """Relative inverse depth by Depth Anything V2 Small (Yang et al. 2024, arXiv:2406.09414).

    Returns:
        (H, W) float32, larger is nearer, in no unit.

    Raises:
        EngineUnavailable: Its weights are not on this machine.
    """
    folder = require_annotator("depth")
    torch, transformers = heavy.load("torch"), heavy.load("transformers")
    if "depth" not in _annotator_models:
        with heavy.loading_weights():
            if "depth" not in _annotator_models:  # another one was faster
                _annotator_models["depth"] = (
                    transformers.AutoImageProcessor.from_pretrained(folder, local_files_only=True),
                    transformers.AutoModelForDepthEstimation.from_pretrained(folder, local_files_only=True).eval(),
                )
    processor, model = _annotator_models["depth"]
    with heavy.working_with_models(), torch.inference_mode():
        depth = model(**processor(images=rgb, return_tensors="pt")).predicted_depth[:, None]
        depth = torch.nn.functional.interpolate(depth, rgb.size[::-1], mode="bicubic", align_corners=False)
    return depth[0, 0].float().numpy()
