"""The assignment of rows to splits."""

import numpy as np
import pytest

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import Piece
from aeflow.errors import SourceError
from aeflow.stages.ingestion.splits import Splits, held_out

TRAIN = Piece("train", "", "train", 60_000)
TEST = Piece("test", "", "test", 10_000)
UNSPLIT = Piece("digits", "", None, 1_000)


def ids(count, stem="train/"):
    return [f"{stem}{row}" for row in range(count)]


def counted(splits):
    return {str(split): int((splits == split).sum()) for split in np.unique(splits)}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_of_60000_numbered_rows_exactly_3000_validate(seed):
    splits = Splits([TRAIN, TEST], IngestConfig(seed=seed))
    assert counted(splits.of(TRAIN, ids(60_000))) == {"train": 57_000, "validation": 3_000}


def test_the_splits_of_the_source_are_kept():
    pieces = [TRAIN, TEST, Piece("validation", "", "validation", 9), Piece("extra", "", "extra", 9)]
    splits = Splits(pieces, IngestConfig())
    for piece in pieces:
        assert set(splits.of(piece, ids(100))) == {piece.split}


@pytest.mark.parametrize("piece", [UNSPLIT, TRAIN])
def test_missing_test_and_validation_are_assigned(piece):
    splits = Splits([piece], IngestConfig(test_one_in=10, validation_one_in=5))
    counts = counted(splits.of(piece, ids(1_000)))
    assert counts["test"] == 100
    assert 170 <= counts["validation"] <= 200  # of 200, those held out for test are not here
    assert sum(counts.values()) == 1_000


def test_growth_moves_no_row():
    splits = Splits([TRAIN], IngestConfig())
    few, many = splits.of(TRAIN, ids(777)), splits.of(TRAIN, ids(5_000))
    assert many[:777].tolist() == few.tolist()


def test_split_of_a_row_does_not_depend_on_its_neighbours():
    names = ids(1_000)
    order = np.random.default_rng(0).permutation(1_000)
    shuffled = held_out([names[row] for row in order], 20, seed=0, salt="test")
    assert shuffled.tolist() == held_out(names, 20, seed=0, salt="test")[order].tolist()


def test_seed_and_purpose_choose_other_rows():
    held_out_rows = {
        (seed, salt): tuple(np.flatnonzero(held_out(ids(1_000), 20, seed=seed, salt=salt)))
        for seed in (0, 1)
        for salt in ("validation", "test")
    }
    assert len(set(held_out_rows.values())) == 4


def test_rows_held_out_follow_no_stride():
    steps = np.diff(np.flatnonzero(held_out(ids(10_000), 20, seed=0, salt="validation")))
    assert len(set(steps.tolist())) > 20


def test_ids_without_numbers_are_held_out_by_chance():
    names = ["".join(letters) for letters in np.array(list("abcdefghij"))[_letters(20_000)]]
    assert 850 < held_out(names, 20, seed=0, salt="test").sum() < 1_150


def _letters(count):
    return np.random.default_rng(0).integers(0, 10, (count, 12))


def test_all_rows_go_to_one_split_on_request():
    splits = Splits([TRAIN, TEST], IngestConfig(splits="all"))
    assert set(splits.of(TEST, ids(50))) == set(splits.of(TRAIN, ids(50))) == {"all"}


@pytest.mark.parametrize(
    ("rows", "missing"),
    [({"test": 3}, "train"), ({"train": 3, "test": 1}, "validation"), ({}, "train")],
)
def test_nothing_to_train_on_or_validate_with_is_refused(rows, missing):
    with pytest.raises(SourceError, match=f"No good row is left for the split '{missing}'"):
        Splits([TRAIN], IngestConfig()).check(rows)
