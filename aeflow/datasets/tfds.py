"""The `tfds:` source: any image dataset of TensorFlow Datasets, read without starting TensorFlow.

A child process prepares the dataset, and this module parses the records itself. If TensorFlow
started in this process, training could no longer set the threads and the device.
"""

import difflib
import hashlib
import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image
from tensorflow_datasets.core.download.resource import get_dl_fname

from aeflow.configs import IngestConfig
from aeflow.datasets.pictures import DAMAGED, undecodable
from aeflow.datasets.preparing import locked, run_child
from aeflow.datasets.reaching import unreachable_hosts
from aeflow.datasets.sources import BLOCK_BYTES, OnWait, Piece, Rows, Undecodable, clean_name
from aeflow.errors import ConfigError, SourceError
from aeflow.lineage import digest_of
from aeflow.storage.disk.durable import local_path

__all__ = ["Tfds", "prepare"]

MODES = {1: "L", 3: "RGB", 4: "RGBA"}
RANGES = {"uint8": (0.0, 255.0), "uint16": (0.0, 65535.0)}
NUM_NAMED = 4
BLOCK_ROWS = 1024
"""The most rows decoded at once, because even small images take time to decode."""

PREPARE = "import sys; from aeflow.datasets.tfds import prepare; prepare(*sys.argv[1:])"


class Tfds:
    """Reads the images and labels of a TFDS dataset, with the splits and ids of TFDS."""

    columns = ()
    skipped_stores = ()

    def __init__(self, where: str, config: IngestConfig, on_wait: OnWait):
        self._where = where
        self.name = clean_name(where.partition(":")[0], otherwise="tfds")
        with _quietly():
            self._builder = _prepared(where, config, on_wait)
        image, label = _image_and_label(self._builder, where)
        self._image, self._image_feature = image
        self._label, label_feature = label
        self.label_names = tuple(label_feature.names) if label_feature else ()
        self.value_range = RANGES.get(np.dtype(self._image_feature.np_dtype).name)

    def pieces(self) -> list[Piece]:
        """Returns a piece for each split.

        The digest of a piece covers what TFDS records about the split, but not the bytes of files.
        """
        info = self._builder.info
        return [
            Piece(
                name=split,
                digest=digest_of(
                    [
                        info.full_name,
                        split,
                        of_split.num_examples,
                        of_split.num_bytes,
                        list(of_split.shard_lengths),
                    ]
                ),
                split=split,
                rows=of_split.num_examples,
            )
            for split, of_split in sorted(info.splits.items())
            if of_split.num_examples
        ]

    def read(self, piece: Piece) -> Iterator[Rows]:
        """Reads and decodes a split's records in the order in which they are stored."""
        block: list[tuple[str, np.ndarray | Undecodable, int | None]] = []
        size = 0
        for name, image, label in self._examples(piece.name):
            block.append((name, image, label))
            size += image.nbytes if isinstance(image, np.ndarray) else 0
            if size >= BLOCK_BYTES or len(block) == BLOCK_ROWS:
                yield _rows(block)
                block, size = [], 0
        if block:
            yield _rows(block)

    def _examples(self, split: str) -> Iterator[tuple[str, np.ndarray | Undecodable, int | None]]:
        from aeflow.compute.tensorflow import (
            tf,  # takes seconds, so it is imported only once the dataset is there
        )

        for path in map(Path, self._builder.info.splits[split].filepaths):
            try:
                with _quietly():
                    records = tf.compat.v1.io.tf_record_iterator(str(path))
                for number, record in enumerate(records):
                    values = tf.train.Example.FromString(record).features.feature
                    label = values[self._label].int64_list.value if self._label else None
                    yield (
                        f"{path.name}__{number}",
                        self._decoded(values[self._image].bytes_list.value),
                        label[0] if label else None,
                    )
            except tf.errors.OpError as error:
                raise SourceError(
                    f"Cannot read '{path}' of 'tfds:{self._where}': {_first_line(error.message)}. "
                    f"Delete the folder {path.parent} and run again."
                ) from error

    def _decoded(self, encoded: Any) -> np.ndarray | Undecodable:
        """Returns the image [H, W, C], converted if its channels are not the declared ones."""
        feature = self._image_feature
        try:
            if np.dtype(feature.np_dtype) != np.uint8:
                return feature.decode_example_np(encoded[0])
            with Image.open(io.BytesIO(encoded[0])) as image:
                mode = MODES.get(feature.shape[-1], image.mode)
                pixels = np.asarray(image if image.mode == mode else image.convert(mode))
            return pixels if pixels.ndim == 3 else pixels[..., None]
        except IndexError:
            return Undecodable("there is no image")
        except DAMAGED as error:
            return undecodable(error)


def prepare(where: str, data_dir: str, manual_dir: str) -> None:
    """Downloads and prepares a dataset. The child process calls this function."""
    from aeflow.compute import tensorflow  # noqa: F401  before TFDS imports it

    download_config = tfds.download.DownloadConfig(
        manual_dir=manual_dir or None, try_download_gcs=False
    )
    builder = tfds.builder(where, data_dir=data_dir)
    builder.download_and_prepare(download_config=download_config)


def _prepared(where: str, config: IngestConfig, on_wait: OnWait) -> tfds.core.DatasetBuilder:
    builder = _builder(where, config.data_dir)
    _image_and_label(builder, where)  # refuses a dataset without images before its download
    if not builder.is_prepared():
        root = _root(builder)
        _check_originals(builder, root, where, config, on_wait)
        with locked(root / f".{builder.name}.lock", on_wait) as lock:
            if not _builder(where, str(root)).is_prepared():  # another process may be done
                command = [sys.executable, "-c", PREPARE, where, str(root), config.manual_dir or ""]
                run_child(command, where, holding=lock, on_wait=on_wait)
        builder = _builder(where, str(root))
    if builder.info.file_format != tfds.core.FileFormat.TFRECORD:
        raise SourceError(
            f"'tfds:{where}' is stored in {builder.data_dir} as {builder.info.file_format}, but "
            "only tfrecord can be read. Prepare it as tfrecord."
        )
    return builder


def _builder(where: str, data_dir: str | None) -> tfds.core.DatasetBuilder:
    folder = local_path(data_dir) if data_dir else None
    try:
        return tfds.builder(where, data_dir=folder)
    except tfds.core.DatasetNotFoundError as error:
        names = tfds.list_builders(with_community_datasets=False)
        matches = difflib.get_close_matches(where, names, n=3)
        hint = f"Did you mean {' or '.join(matches)}?" if matches else "Look in TFDS's catalogue."
        raise ConfigError(f"TFDS has no dataset '{where}'. {hint}") from error
    except (ValueError, AssertionError, ImportError) as error:
        # TFDS repeats the request, as JSON, before the reason.
        reason = _first_line(str(error)).rpartition('}": ')[2]
        raise ConfigError(f"Cannot open 'tfds:{where}': {reason}") from error


def _root(builder: tfds.core.DatasetBuilder) -> Path:
    """Returns the folder of all datasets, above the folders for name, config and version."""
    return Path(builder.data_dir).parents[builder.info.full_name.count("/")]


def _check_originals(
    builder: tfds.core.DatasetBuilder,
    root: Path,
    where: str,
    config: IngestConfig,
    on_wait: OnWait,
) -> None:
    """Raises SourceError if original files are missing here and cannot be downloaded."""
    manual_dir = local_path(config.manual_dir) if config.manual_dir else None
    if manual_dir and not manual_dir.is_dir():
        raise SourceError(f"There is no folder '{manual_dir}'. Give another manual_dir.")
    if builder.MANUAL_DOWNLOAD_INSTRUCTIONS and not manual_dir:
        raise SourceError(
            f"'tfds:{where}' needs files that you download by hand: "
            f"{' '.join(builder.MANUAL_DOWNLOAD_INSTRUCTIONS.split())} Give their folder as "
            "manual_dir."
        )
    missing_files = {}
    for url, original in (builder.url_infos or {}).items():
        path = manual_dir / original.filename if manual_dir and original.filename else None
        if path and path.is_file():
            _check_original(path, original.checksum, on_wait)
        elif not _is_downloaded(root / "downloads", builder.name, url, original.checksum):
            missing_files[url] = original.filename or url
    on_wait(f"checks the hosts of {builder.name}")
    hosts = unreachable_hosts(missing_files)
    if hosts:
        raise SourceError(
            f"'tfds:{where}' is not prepared in {root}, and {', '.join(hosts)} cannot be reached. "
            f"Either connect to the network; or put the original files "
            f"({_some(list(missing_files.values()))}) into a folder and give it as manual_dir; or "
            "copy the data_dir of a machine that has prepared it, and give the copy as data_dir "
            "(idx:FOLDER and npz:FILE need no TFDS)."
        )


def _check_original(path: Path, checksum: str, on_wait: OnWait) -> None:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            on_wait(f"checks {path.name}")
    if digest.hexdigest() != checksum:
        raise SourceError(
            f"'{path}' is not the original file: its SHA-256 begins with "
            f"{digest.hexdigest()[:12]}, but must begin with {checksum[:12]}. Fetch the file again."
        )


def _is_downloaded(downloads: Path, name: str, url: str, checksum: str) -> bool:
    file_name = get_dl_fname(url, checksum)
    return any((folder / file_name).is_file() for folder in (downloads / name, downloads))


def _image_and_label(builder: tfds.core.DatasetBuilder, where: str):
    """Returns the names and features of the image and the label.

    For the label, these are ("", None) if there is no label.
    """
    feature_spec = builder.info.features
    features = dict(feature_spec) if isinstance(feature_spec, tfds.features.FeaturesDict) else {}
    images = _of_kind(features, tfds.features.Image)
    labels = _of_kind(features, tfds.features.ClassLabel)
    image = "image" if "image" in images or len(images) != 1 else next(iter(images))
    label = "label" if "label" in labels or len(labels) != 1 else next(iter(labels))
    if image not in images:
        raise SourceError(
            f"'tfds:{where}' needs a feature 'image' or exactly one other image, but its features "
            f"are {', '.join(features) or 'none'}. Choose a dataset of images."
        )
    return (image, images[image]), (label, labels[label]) if label in labels else ("", None)


def _of_kind(features: dict, kind: type) -> dict:
    return {name: feature for name, feature in features.items() if isinstance(feature, kind)}


def _rows(block: list[tuple[str, np.ndarray | Undecodable, int | None]]) -> Rows:
    ids, images, labels = zip(*block, strict=True)
    label_array = np.array(labels, dtype=np.int64) if None not in labels else None
    return Rows(list(ids), images, label_array)


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NUM_NAMED} more" if len(names) > NUM_NAMED else ""
    return ", ".join(names[:NUM_NAMED]) + more


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0] or "it gave no reason"


@contextmanager
def _quietly() -> Iterator[None]:
    """Hides log lines of TFDS and TensorFlow that a user cannot act on."""
    loggers = [logging.getLogger(name) for name in ("absl", "tensorflow")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
