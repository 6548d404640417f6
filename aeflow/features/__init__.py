"""Feature sets: the contract of their files, their listing in a store, and nearest neighbours."""

from aeflow.features.contract import (
    CONTRACT_VERSION,
    FOOTER,
    FeatureRows,
    Footer,
    by_label,
    error_percentiles,
    footer_metadata,
    footer_of,
    identity_in,
    label_of,
    latent_array,
    read_features,
    write_features,
)

__all__ = [
    "CONTRACT_VERSION",
    "FOOTER",
    "FeatureRows",
    "Footer",
    "by_label",
    "error_percentiles",
    "footer_metadata",
    "footer_of",
    "identity_in",
    "label_of",
    "latent_array",
    "read_features",
    "write_features",
]
