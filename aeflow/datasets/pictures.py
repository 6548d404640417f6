"""The decoding of images into arrays: PNG, JPEG and the other formats that Pillow reads."""

import struct
import warnings
import zlib
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import Undecodable

__all__ = ["DAMAGED", "ENDINGS", "decode_image", "undecodable"]

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
MODES = {"rgb": "RGB", "grayscale": "L"}
SIXTEEN_BITS = "I;16"
NOT_BYTES = ("I", "F")
DAMAGED = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, OverflowError),
    *(struct.error, zlib.error, Image.DecompressionBombError, Image.DecompressionBombWarning),
)
"""The errors that Pillow raises if an image is damaged, or if decoding would fill the memory."""


def decode_image(content: bytes, config: IngestConfig) -> np.ndarray | Undecodable:
    """Returns an image as uint8 [H, W, C]: upright, with the config's colours and size.

    Resizing is bilinear, with antialiasing. Returns `Undecodable` if the image is damaged, or if
    its values are not bytes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(content)) as picture:
                return _array(picture, config)
    except DAMAGED as error:
        return undecodable(error)


def undecodable(error: Exception) -> Undecodable:
    """Returns an `Undecodable` with the reason of an error: one line, the same in every run."""
    if isinstance(error, UnidentifiedImageError):  # its text contains a memory address
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
