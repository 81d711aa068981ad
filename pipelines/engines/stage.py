"""What diffusion begins with: the photo set into a scene, or the preview engine's picture of it.

img2img keeps the large shapes of what it starts from, so words alone would leave the visitor's room behind every style.
The preview engine's painted backdrop, and its light on the person, give diffusion something of the scene to refine.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from pipelines.engines.operations.canvas import Canvas
from pipelines.engines.preview import PreviewEngine
from pipelines.engines.scenery.backdrops import Backdrops
from pipelines.engines.scenery.lighting import compose
from pipelines.schema import GenerationJob, PreparedPhoto, Scene


class Stage:
    """Sets people into scenes; the last few backdrops are kept."""

    def __init__(self) -> None:
        self._backdrops = Backdrops()
        self._preview = PreviewEngine()

    def paint(self, job: GenerationJob, seed: int) -> Image.Image:
        """The preview engine's picture of a job, for models too small to find a style on their own."""
        return self._preview.generate(job.model_copy(update={"seeds": (seed,)}), lambda step, total, preview: True)[0]

    def set(self, photo: PreparedPhoto, scene: Scene, seed: int) -> Image.Image:
        """The photo with the scene's backdrop behind the person, in its light.

        Args:
            photo: Without a person mask its picture comes back as it is.
            scene: Without a backdrop and a light, too.
            seed: Chooses among the backdrops that a scene can have.
        """
        if photo.person_mask is None or (scene.backdrop is None and scene.light is None):
            return photo.image
        image = np.asarray(photo.image.convert("RGB"), np.float32) / 255.0
        landmarks = photo.face.landmarks if photo.face is not None else None
        side = 1.0 if scene.light is not None and scene.light.direction == "right" else -1.0
        canvas = Canvas(image, image, photo.person_mask.astype(np.float32), landmarks, 0.5, seed, key_side=side)
        backdrop = None
        if scene.backdrop is not None:
            backdrop = self._backdrops.get(scene.backdrop, seed, canvas.height, canvas.width, canvas.light_side)
        compose(canvas, backdrop, scene.light)
        return Image.fromarray((np.clip(canvas.image, 0.0, 1.0) * 255.0).round().astype(np.uint8))
