"""The kinds of autoencoder, each with its own loss. One file per kind."""

__all__ = ["KINDS"]

KINDS = {
    "plain": "aeflow.models.kinds.plain:PlainAutoencoder",
    "denoising": "aeflow.models.kinds.denoising:DenoisingAutoencoder",
    "variational": "aeflow.models.kinds.variational:VariationalAutoencoder",
    "sparse": "aeflow.models.kinds.sparse:SparseAutoencoder",
    "contractive": "aeflow.models.kinds.contractive:ContractiveAutoencoder",
    "vq": "aeflow.models.kinds.vq:VectorQuantisedAutoencoder",
    "wae": "aeflow.models.kinds.wae:WassersteinAutoencoder",
    "rae": "aeflow.models.kinds.rae:RegularisedAutoencoder",
}
"""Maps the name of a kind in a config to the class of the kind. The class is imported on use."""
