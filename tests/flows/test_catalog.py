"""The catalog of deployments: what stands in prefect.yaml, filled in from the settings."""

from deployments.catalog import catalog
from infra.settings_file import DatasetSection, SettingsFile


def test_no_braces_are_left_and_the_promise_reaches_the_config(tmp_path):
    settings = SettingsFile(datasets={"sales": DatasetSection(fresh="26h")})
    deployments = {one.full_name: one.fields for one in catalog("/a/store", settings, tmp_path)}
    assert "{{" not in str([fields["parameters"] for fields in deployments.values()])
    assert {fields["parameters"]["store"] for fields in deployments.values()} == {"/a/store"}
    assert deployments["retrain/sales"]["parameters"]["config"]["retrain"] == {"fresh": "26h"}
