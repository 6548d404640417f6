"""Where answers are kept, and how an unfinished one is held, resumed and committed."""

from aeflow.storage.drafts import Draft, Share
from aeflow.storage.store import Store

__all__ = ["Draft", "Share", "Store"]
