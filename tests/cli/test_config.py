"""`aeflow config` prints every option; the page docs/reference.md has the same."""

import tomllib

import pytest

from aeflow.configs import PipelineConfig
from aeflow.configs.loading import load_config
from aeflow.configs.reference import sections
from flows.cli import main
from tests.source_code import ROOT


def printed(capsys, *options: str) -> str:
    assert main(["config", *options]) == 0
    return capsys.readouterr().out


def test_the_printed_file_is_the_default_config(capsys, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(printed(capsys))
    assert load_config(path=path) == PipelineConfig()


def test_the_reference_page_is_what_the_command_prints(capsys):
    page = (ROOT / "docs" / "reference.md").read_text("utf-8")
    assert page == printed(capsys, "--markdown"), "run: aeflow config --markdown"


@pytest.mark.parametrize(
    ("name", "choice", "option", "default"),
    [
        ("train", None, "epochs", 10),
        ("model", None, "latent_dim", 32),
        ("model.network", "deep", "hidden_layers", [256, 256]),
        ("model.kind", "vq", "num_codes", 256),
        ("gate", None, "max_dead_share", 0.5),
    ],
)
def test_options_stand_in_their_section(name, choice, option, default):
    section = next(s for s in sections() if (s.name, s.choice) == (name, choice))
    defaults = {each.name: each.default for each in section.options}
    assert defaults[option] == default


def test_a_choice_that_is_not_the_default_can_be_uncommented(capsys, tmp_path):
    lines = printed(capsys).splitlines()
    start = lines.index('#name = "denoising"') - 1
    block = lines[start : lines.index("", start)]
    text = "\n".join(line.removeprefix("#") if line[1:2] != " " else line for line in block)
    path = tmp_path / "config.toml"
    path.write_text(text)
    assert load_config(path=path).model.kind.name == "denoising"
    assert tomllib.loads(text)["model"]["kind"]["noise_stddev"] == pytest.approx(0.3)
