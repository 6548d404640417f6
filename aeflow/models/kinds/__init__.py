"""The kinds of autoencoder: what each minimises. One file a kind."""

__all__ = ["KINDS"]

KINDS = {
    "plain": "aeflow.models.kinds.plain:PlainAutoencoder",
    "denoising": "aeflow.models.kinds.denoising:DenoisingAutoencoder",
}
"""The name of a kind in a config, and its class, which is loaded on use."""
