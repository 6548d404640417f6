import numpy as np
import pytest
from PIL import Image

from aeflow.pictures.galleries import image_grid, neighbour_panel


@pytest.mark.parametrize("shape", [(8, 8, 1), (20, 10, 3)])
@pytest.mark.parametrize("count", [1, 2, 6, 12])
def test_panel_is_a_picture_and_the_same_each_time(tmp_path, shape, count):
    images = np.random.default_rng(0).random((count, *shape))
    captions = [f"row/{number}\n7\n0.12" for number in range(count)]
    for name in ("a.png", "b.png"):
        neighbour_panel(images, captions, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width >= 180
        assert len(picture.convert("L").getcolors(256) or []) > 2


def test_picture_shows_each_image_once_in_reading_order(tmp_path):
    shades = np.linspace(0.2, 0.9, 7)
    images = np.ones((7, 4, 4, 1)) * shades[:, None, None, None]
    neighbour_panel(images, [""] * 7, tmp_path / "a.png")
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("L"), np.int32)
    centres = []
    for shade in shades:
        lines, columns = np.nonzero(abs(pixels - round(255 * shade)) <= 1)
        centres.append((lines.mean(), columns.mean()))
    first, *others = centres
    assert first[1] < min(column for _, column in others)
    assert [line for line, _ in others[:5]] == pytest.approx([first[0]] * 5, abs=3)
    assert [column for _, column in others[:5]] == sorted(column for _, column in others[:5])
    assert others[5][0] > first[0] + 50


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_grid_shows_each_image_in_its_place_enlarged(tmp_path, channels):
    shades = np.linspace(-0.1, 1.1, 6).reshape(2, 3)
    image_grid(np.ones((2, 3, 8, 4, channels)) * shades[..., None, None, None], tmp_path / "a.png")
    pixels = np.asarray(Image.open(tmp_path / "a.png").convert("L"), np.int32)
    assert pixels.shape == (2 * 84, 3 * 44)
    centres = pixels[40::84, 20::44]
    assert np.array_equal(centres, np.rint(255 * np.clip(shades, 0, 1)))
    assert (pixels[:, 40:44] == 255).all()
