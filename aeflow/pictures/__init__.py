"""Pictures of a run: figures, galleries of images, and summaries for TensorBoard."""

__all__: list[str] = []
