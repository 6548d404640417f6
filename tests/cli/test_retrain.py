import json

from flows.cli import main

QUICK = ["retrain", "--direct", "--preset", "quick"]


def test_endings_are_exit_codes_and_lines(tmp_path, capsys):
    store = ["--store", str(tmp_path / "store")]
    assert main([*QUICK, *store]) == 0
    promoted = capsys.readouterr().out.splitlines()
    assert promoted[-1].startswith("Promoted: 'digits' has no champion yet. It passed every rule")
    assert main([*QUICK, *store, "--json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2] == "Unchanged: The champion stays: it was trained on the same data."
    answer = json.loads(lines[-1])
    assert (answer["ending"], answer["challenger"], answer["drift"] is None) == (
        "Unchanged",
        None,
        False,
    )


def test_refused_is_exit_code_3_with_the_reason(tmp_path, capsys):
    strict = tmp_path / "strict.toml"
    strict.write_text("[gate]\nmax_ratio_to_pca = 0.01\n")
    store = ["--store", str(tmp_path / "store")]
    assert main([*QUICK, *store, "--config", str(strict), "--epochs", "2"]) == 3
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("aeflow: The gate refused the challenger: 'digits' has no champion yet.")
    assert "PCA-8" in line
