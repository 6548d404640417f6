"""Hidden files and folders: left out below the source's folder, which may itself be hidden."""

import uuid
from pathlib import Path

import pytest

from tests.datasets.reading import opened, rows_of
from tests.datasets.stores_within import copied, picture, table

HIDDEN = (".h/0", "_h/0", "deep/.h/x/0", "deep/_h/0", ".0", "deep/_0")


def write(folder: Path, kind: str) -> None:
    """Writes one visible file, `deep/0`, and six hidden ones."""
    for name in ("deep/0", *HIDDEN):
        path = folder / f"{name}.{'png' if kind == 'images' else kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "images":
            picture(path)
        elif kind == "csv":
            path.write_text("a\n1\n")
        else:
            table(path, a=[1.0])


@pytest.mark.parametrize("kind", ["images", "parquet", "csv"])
@pytest.mark.parametrize("above", ["data", ".cache/data", "_x/.data"])
def test_hidden_below_a_folder_is_left_out_and_above_it_does_not_matter(kind, above, tmp_path):
    write(tmp_path / above, kind)
    rows = rows_of(opened(f"{kind}:{tmp_path / above}"))
    assert [Path(name).parts[0] for name in rows.ids] == ["deep"]


@pytest.mark.parametrize("kind", ["parquet", "csv"])
@pytest.mark.parametrize("pattern", ["**/*", "**", "*/*", "*/**/*", "*/*/*", "deep/*"])
def test_hidden_below_a_glob_is_left_out_and_above_it_does_not_matter(kind, pattern, tmp_path):
    write(tmp_path / ".cache", kind)
    write(tmp_path / ".cache" / "deep", kind)
    names = [piece.name for piece in opened(f"{kind}:{tmp_path}/.cache/{pattern}").pieces()]
    assert names
    assert {Path(name).stem for name in names} == {"0"}
    assert not [name for name in names if "_" in name or "." in name.removesuffix(f".{kind}")]


@pytest.mark.parametrize("kind", ["images", "parquet", "csv"])
@pytest.mark.parametrize("above", ["data", ".cache/data"])
def test_hidden_below_an_address_is_left_out_and_above_it_does_not_matter(kind, above, tmp_path):
    write(tmp_path, kind)
    url = f"memory://{uuid.uuid4().hex}/{above}"
    copied(tmp_path, url)
    (piece,) = opened(f"{kind}:{url}").pieces()
    assert piece.name == ("deep" if kind == "images" else f"deep/0.{kind}")
