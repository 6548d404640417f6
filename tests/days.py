"""Days of a table that are alike but not the same: weekends, holidays and a slow trend."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

__all__ = ["Days", "times_three", "write_day", "zero"]

COLUMNS, FACTORS = 10, 4
SMALLEST, LARGEST = 100, 5000


class Days:
    """Draws the rows of days, which follow from a seed."""

    def __init__(self, seed: int):
        self._rng = np.random.default_rng(seed)
        self._mixing = self._rng.normal(size=(FACTORS, COLUMNS))
        self._plane, _ = np.linalg.qr(self._mixing.T)

    def day(self, number: int, rows: int, *, holiday: bool = False) -> np.ndarray:
        factors = self._rng.normal(size=(rows, FACTORS))
        factors[:, 0] += number / 200
        if number % 7 >= 5 or holiday:
            factors[:, 1] += 0.5
            factors[:, 2] *= 1.2
        noise = 0.3 * self._rng.standard_t(5, size=(rows, COLUMNS))
        return (10 + factors @ self._mixing + noise).astype(np.float32)

    def size(self) -> int:
        """Draws the number of rows of a day."""
        return int(np.exp(self._rng.uniform(np.log(SMALLEST), np.log(LARGEST))))

    def encoded(self, rows: np.ndarray) -> np.ndarray:
        """Returns the latents and the error of each row, as a linear autoencoder has them."""
        latents = (rows - 10) @ self._plane
        errors = np.square(rows - 10 - latents @ self._plane.T).mean(axis=1)
        return np.column_stack([latents, errors])


def times_three(rows: np.ndarray) -> None:
    """Breaks a column."""
    rows[:, 4] *= 3


def zero(rows: np.ndarray) -> None:
    """Breaks a column."""
    rows[:, 4] = 0


def write_day(folder: Path, number: int, rows: np.ndarray) -> None:
    """Writes a day as a file of its own."""
    folder.mkdir(exist_ok=True)
    columns = {f"c{i}": rows[:, i] for i in range(rows.shape[1])}
    pq.write_table(pa.table(columns), folder / f"day-{number:03d}.parquet")
