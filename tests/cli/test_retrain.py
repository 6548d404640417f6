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


def test_missing_source_of_a_known_dataset_is_a_failed_night(tmp_path, capsys):
    rows = "".join(f"{i % 7},{i % 5},{i}\n" for i in range(60))
    days, store = tmp_path / "days.csv", str(tmp_path / "store")
    days.write_text(f"a,b,c\n{rows}")
    command = ["retrain", "--direct", "--store", store, "--epochs", "2", "--latent-dim", "2"]
    assert main([*command, "--source", f"csv:{days}"]) in (0, 3)
    days.unlink()
    assert main([*command, "--source", f"csv:{days}"]) == 2
    assert main([*command, "--source", f"csv:{tmp_path / 'mistyped.csv'}"]) == 2
    capsys.readouterr()
    assert main(["status", "--store", store, "--json"]) == 4
    standings = json.loads(capsys.readouterr().out)
    assert [(each["dataset"], each["outcome"]) for each in standings] == [("days", "failed")]
