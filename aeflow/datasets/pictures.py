"""Encoded pictures as arrays: PNG, JPEG and what else Pillow reads."""

import struct
import warnings
import zlib
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import Undecodable

__all__ = ["DAMAGED", "ENDINGS", "decoded", "undecodable"]

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
MODES = {"rgb": "RGB", "grayscale": "L"}
SIXTEEN_BITS = "I;16"
NOT_BYTES = ("I", "F")
DAMAGED = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, OverflowError),
    *(struct.error, zlib.error, Image.DecompressionBombError, Image.DecompressionBombWarning),
)
"""What Pillow raises on bytes that are no whole picture, or one that would fill the memory."""


def decoded(content: bytes, config: IngestConfig) -> np.ndarray | Undecodable:
    """Returns a picture as uint8 [H, W, C]: upright, in the config's colours and size.

    It is resized by bilinear interpolation with antialiasing. What is damaged, or has values that
    are no bytes, comes back as `Undecodable`.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(content)) as picture:
                return _array(picture, config)
    except DAMAGED as error:
        return undecodable(error)


def undecodable(error: Exception) -> Undecodable:
    """Says in one line what is wrong with a picture, alike in every run."""
    if isinstance(error, UnidentifiedImageError):  # its text has an address in memory
        return Undecodable("it is no image that Pillow knows")
    lines = str(error).strip().splitlines()
    return Undecodable(lines[0] if lines else type(error).__name__)


def _array(picture: Image.Image, config: IngestConfig) -> np.ndarray | Undecodable:
    if picture.mode in NOT_BYTES:
        return Undecodable(f"its values are {picture.mode} of Pillow, not bytes")
    upright = ImageOps.exif_transpose(picture)
    if upright.mode.startswith(SIXTEEN_BITS):
        upright = Image.fromarray((np.asarray(upright) >> 8).astype(np.uint8))
    converted = upright.convert(MODES[config.color_mode])
    if config.image_size:
        height, width = map(int, config.image_size.split("x"))
        converted = converted.resize((width, height), Image.Resampling.BILINEAR)
    pixels = np.asarray(converted, np.uint8)
    return pixels[..., None] if pixels.ndim == 2 else pixels
