"""A sprite: thumbnails of many examples in one picture."""

from collections.abc import Iterator, Sequence
from math import ceil, sqrt

import numpy as np
from PIL import Image

from aeflow.datasets.shards import Shard
from aeflow.schema import ExampleSchema

__all__ = ["draw_sprite"]

SPRITE_SIDE = 4096  # pixels; not every graphics card can hold more


def draw_sprite(
    ids: Sequence[str], shards: Sequence[Shard], schema: ExampleSchema, *, max_side: int
) -> tuple[Image.Image, tuple[int, int]]:
    """Draws the images with these ids row by row; returns the sprite and the size of a thumbnail.

    The sprite is a grid with as many rows as columns. The size is (width, height) in pixels. The
    longer side of a thumbnail has at most `max_side` pixels, and fewer if many images must fit into
    the sprite.
    """
    columns = ceil(sqrt(len(ids)))
    size = _thumbnail_size(schema, min(max_side, SPRITE_SIDE // columns))
    mode = "RGB" if schema.shape[-1] == 3 else "L"
    sprite = Image.new(mode, (columns * size[0], columns * size[1]))
    for slot, image in _images(ids, shards):
        line, column = divmod(slot, columns)
        picture = Image.fromarray(_pixels(image, schema)).resize(size, Image.Resampling.BOX)
        sprite.paste(picture, (column * size[0], line * size[1]))
    return sprite, size


def _thumbnail_size(schema: ExampleSchema, side: int) -> tuple[int, int]:
    """Returns width and height within `side`; small images are enlarged by a whole factor."""
    height, width, _ = schema.shape
    scale = side / max(height, width)
    scale = int(scale) if scale >= 1 else scale
    return max(1, int(width * scale)), max(1, int(height * scale))


def _images(ids: Sequence[str], shards: Sequence[Shard]) -> Iterator[tuple[int, np.ndarray]]:
    """Yields the index in `ids` and the stored image of each example that is in `shards`."""
    indices = {name: place for place, name in enumerate(ids)}
    for shard in shards:
        for name, image in zip(shard.ids.to_pylist(), shard.features, strict=True):
            if name in indices:
                yield indices[name], image


def _pixels(image: np.ndarray, schema: ExampleSchema) -> np.ndarray:
    """Returns a stored image [H, W, C] as uint8, [H, W, 3] or grey [H, W]."""
    low, high = schema.value_range or (0, 1)
    pixels = np.rint(255 * np.clip((image.astype(np.float32) - low) / (high - low), 0, 1))
    if schema.shape[-1] != 3:
        pixels = pixels.mean(axis=-1)
    return pixels.astype(np.uint8)
