"""The report is one file that needs no other file, and escapes everything that it shows."""

import json
import re
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.decomposition import PCA

from aeflow.features.contract import latent_array
from aeflow.stages.publishing.latent_map import draw_map
from aeflow.stages.publishing.report import loading_examples, render_report
from tests.conftest import Stages

from .conftest import Published, publish_run

HOSTILE = "<script>alert('x')</script>"


class Page(HTMLParser):
    """Reads a page: its tags with attributes, and the text it shows."""

    def __init__(self, html: str):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def tags(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.elements if tag == name]


@pytest.mark.parametrize("run", ["images", "vectors"])
def test_it_refers_to_nothing_outside_itself(run: str, request: pytest.FixtureRequest):
    report = request.getfixturevalue(run).report
    page = Page(report)
    addresses = [
        value
        for _, attributes in page.elements
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "poster", "action")
    ]

    assert len(addresses) == 5
    assert all(value and value.startswith("data:image/png;base64,") for value in addresses)
    assert not page.tags("link")
    assert not re.search(r"https?://|@import|url\(", report)


def scripts_of(report: str) -> list[str]:
    return re.findall(r"<script[^>]*>(.*?)</script>", report, re.DOTALL)


def map_of(report: str) -> dict:
    return json.loads(scripts_of(report)[0])


def test_only_its_own_script_may_run(images: Published):
    data, script = scripts_of(images.report)
    digest = b64encode(sha256(script.encode()).digest()).decode()
    (policy,) = re.findall(r"script-src ([^\"]*)", images.report)
    assert unescape(policy) == f"'sha256-{digest}'"
    assert json.loads(data)


def test_health_card_has_each_number_its_interval_and_pca(images: Published):
    page = Page(images.report)
    for row in images.results.judgement["card"]:
        assert row["title"] in page.text
        assert row["shown"]["interval"] in page.text
        assert row["judgement"] in page.text.replace("\N{NON-BREAKING HYPHEN}", "-")


def test_map_has_a_point_a_label_and_a_thumbnail_for_each_example(images: Published):
    map_data, examples = map_of(images.report), images.results.examples
    assert map_data["ids"] == examples["id"].to_pylist()
    assert np.array(map_data["points"]).shape == (180, 2)
    names = [map_data["names"][label] for label in map_data["labels"]]
    assert names == [str(label) for label in examples["label"].to_pylist()]
    assert map_data["columns"] ** 2 >= 180


def test_map_keeps_the_distances_of_latents_as_far_as_two_directions_can(images: Published):
    map_data = map_of(images.report)
    latents, points = images.results.latents, np.array(map_data["points"])
    shown = points - points.mean(axis=0)
    expected = PCA(2).fit_transform(latents)
    scale = np.abs(shown).max() / np.abs(expected).max()
    assert np.abs(shown) == pytest.approx(np.abs(expected) * scale, abs=2e-3)
    explained = PCA(2).fit(latents).explained_variance_ratio_.sum()
    assert map_data["explained"] == pytest.approx(explained, abs=1e-3)


def test_map_of_vectors_without_labels_has_neither_names_nor_pictures(vectors: Published):
    map_data = map_of(vectors.report)
    assert (map_data["labels"], map_data["names"], map_data["sprite"]) == (None, [], None)
    assert len(map_data["points"]) == 100


def test_latents_that_are_not_finite_have_no_map(images: Published):
    results = images.results
    broken = results.examples.set_column(
        results.examples.column_names.index("latent"),
        "latent",
        latent_array(np.full((180, 8), np.nan, np.float32)),
    )
    assert draw_map(replace(results, examples=broken), []) is None


@pytest.mark.parametrize("run", ["images", "vectors"])
def test_the_verdict_is_its_headline(run: str, request: pytest.FixtureRequest):
    published: Published = request.getfixturevalue(run)
    (headline,) = re.findall(r"<h1[^>]*>(.*?)</h1>", published.report)

    shown = unescape(headline).replace("\N{NON-BREAKING HYPHEN}", "-")
    assert shown == published.results.judgement["verdict"]


def test_numbers_stand_beside_pca_and_the_mean_image(images: Published):
    metrics, report = images.stages.evaluation.metrics, images.report

    for name in ("mse", "mse_pca", "mse_mean_image", "ssim_pca"):
        assert f">{metrics[name]:.4g}<" in report
    assert all(title in report for title in (">This model<", ">PCA-8<", ">Mean image<"))


def test_the_best_of_a_line_is_marked(images: Published):
    metrics = {"mse": 0.5, "mse_pca": 0.25, "psnr": 7.0, "psnr_pca": 6.0}
    evaluation = images.stages.evaluation.model_copy(update={"metrics": metrics})

    report = render_report(replace(images.results, evaluation=evaluation), "publications/k")

    assert re.findall(r'<td class="right best">(.*?)</td>', report) == ["0.25", "7 dB"]


def test_names_from_data_stay_text(images: Published):
    judgement = images.results.judgement
    labels = [{**label, "name": HOSTILE} for label in judgement["labels"]]
    worst = [{**example, "id": HOSTILE} for example in judgement["worst"]]
    hostile = {**judgement, "labels": labels, "worst": worst, "verdict": HOSTILE}
    dataset = images.stages.dataset.model_copy(update={"name": HOSTILE})

    latent_map = {**map_of(images.report), "ids": [HOSTILE], "names": [HOSTILE]}
    results = replace(images.results, judgement=hostile, dataset=dataset)
    page = Page(render_report(results, "publications/k", latent_map))

    assert len(page.tags("script")) == len(scripts_of(images.report))
    assert page.text.count(HOSTILE) >= len(labels) + len(worst) + 2


def test_lineage_names_every_artifact_and_no_path(images: Published):
    stages, report = images.stages, images.report

    for artifact in (stages.dataset, stages.model, stages.evaluation, stages.features):
        assert artifact.address in report
        assert artifact.digest[:16] in report
    assert str(stages.store.root) not in report
    assert images.publication.address in report


def test_it_is_the_same_wherever_the_store_lies(images: Published, copied: Callable[[], Stages]):
    assert publish_run(copied()).report == images.report


def test_settings_include_defaults_but_no_place(images: Published):
    settings = images.results.settings

    assert (settings["model.latent_dim"], settings["train.batch_size"]) == (8, 128)
    assert not {"ingest.source", "ingest.name", "ingest.data_dir"} & set(settings)


def test_unlabelled_vectors_have_no_table_of_labels(images: Published, vectors: Published):
    assert "Label by label" in images.report
    assert "Label by label" not in vectors.report
    assert ">Mean row<" in vectors.report


@pytest.mark.parametrize("run", ["images", "vectors"])
@pytest.mark.parametrize("library", ["pandas", "Polars", "DuckDB"])
def test_the_lines_that_load_features_run(
    run: str, library: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
):
    published: Published = request.getfixturevalue(run)
    features, names = published.stages.features, {}
    lines = loading_examples(features)[library]
    assert lines in unescape(published.report)
    monkeypatch.chdir(published.stages.store.root)

    exec(lines, names)

    if library == "DuckDB":
        assert dict(names["counts"]) == features.rows
    else:
        assert names["latents"].shape == (sum(features.rows.values()), features.latent_dim)
        assert isinstance(names["rows"], pd.DataFrame | pl.DataFrame)
        assert np.isfinite(names["latents"]).all()
