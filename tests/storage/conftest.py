"""Fixtures of both locations of a store: a test with one runs on a folder and on a bucket."""

import pytest

from tests.storage.places import Folder, Place, new_bucket


@pytest.fixture(params=["folder", "bucket"])
def place(request, tmp_path, monkeypatch) -> Place:
    monkeypatch.setenv("AEFLOW_CACHE", str(tmp_path / "cache"))
    (tmp_path / "store").mkdir()
    return Folder(tmp_path / "store") if request.param == "folder" else new_bucket()


@pytest.fixture
def files(place):
    return place.files()
