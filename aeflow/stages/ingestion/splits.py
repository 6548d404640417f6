"""The split of each row, which the source gives, or which a hash of the seed and the id chooses.

An id consists of a stem and the number at its end. The numbers of one stem form blocks of `period`
consecutive numbers, and one number of each block is held out. A hash of the seed, the split, the
stem and the block chooses this number. Rows thus keep their split when the source grows. Of 60,000
rows with consecutive numbers, exactly 3,000 are held out if `period` is 20.
"""

import hashlib
from collections.abc import Sequence

import numpy as np

from aeflow.configs import IngestConfig
from aeflow.datasets.sources import Piece
from aeflow.errors import SourceError

__all__ = ["Splits", "held_out"]

DIGITS = "0123456789"


class Splits:
    """Assigns rows to splits, by the splits of the source's pieces and by the config."""

    def __init__(self, pieces: Sequence[Piece], config: IngestConfig):
        self._config = config
        self._own = {piece.split for piece in pieces}

    def of(self, piece: Piece, ids: Sequence[str]) -> np.ndarray:
        """Returns the split of each row of a piece, as strings [N]."""
        if self._config.splits == "all":
            return np.full(len(ids), "all", dtype=object)
        if piece.split not in (None, "train"):
            return np.full(len(ids), piece.split, dtype=object)
        splits = np.full(len(ids), "train", dtype=object)
        for split, period in (  # test comes last, because it overrides validation
            ("validation", self._config.validation_one_in),
            ("test", self._config.test_one_in),
        ):
            if split not in self._own:
                splits[held_out(ids, period, seed=self._config.seed, salt=split)] = split
        return splits

    def check(self, rows: dict[str, int]) -> None:
        """Raises SourceError if a required split has no rows; `rows` maps splits to row counts.

        "train" and "validation" are required, or only "all" if the config puts every row into it.
        """
        needed = ("all",) if self._config.splits == "all" else ("train", "validation")
        for split in needed:
            if not rows.get(split):
                counts = ", ".join(f"{count} in {other}" for other, count in rows.items()) or "none"
                raise SourceError(
                    f"No good row is left for the split '{split}' (rows: {counts}). Give more "
                    "rows, or set splits = 'all' for data that is only encoded."
                )


def held_out(ids: Sequence[str], period: int, *, seed: int, salt: str) -> np.ndarray:
    """Returns booleans [N], which are true for the ids that are held out of their blocks."""
    offsets: dict[tuple[str, int], int] = {}
    mask = np.zeros(len(ids), dtype=bool)
    for row, name in enumerate(ids):
        stem = name.rstrip(DIGITS)
        block, offset = divmod(int(name[len(stem) :] or 0), period)
        if (stem, block) not in offsets:
            hash_input = f"{seed}\0{salt}\0{stem}\0{block}".encode()
            offsets[stem, block] = int.from_bytes(hashlib.sha256(hash_input).digest()) % period
        mask[row] = offsets[stem, block] == offset
    return mask
