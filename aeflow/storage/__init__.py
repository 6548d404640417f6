"""Where answers are kept, and how an unfinished one is held, resumed and committed."""

from aeflow.storage.drafts import Draft, DraftOfAnother, Share
from aeflow.storage.store import Store

__all__ = ["Draft", "DraftOfAnother", "Share", "Store"]
