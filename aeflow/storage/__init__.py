"""The artifact store: committed artifacts, and drafts that are resumed or committed."""

from aeflow.storage.drafts import Draft, DraftOfAnother, Share
from aeflow.storage.store import Store

__all__ = ["Draft", "DraftOfAnother", "Share", "Store"]
