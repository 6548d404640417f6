"""The errors that a caller can act on; each message gives the rule, the value and the remedy."""

__all__ = [
    "AeflowError",
    "ConfigError",
    "CorruptArtifact",
    "DivergedTraining",
    "IdentityMismatch",
    "InexactPrecision",
    "Interrupted",
    "LostMachine",
    "PrunedTrial",
    "Refused",
    "SourceError",
    "TransientError",
    "UnfitMachine",
]


class AeflowError(Exception):
    """The base class of every error that aeflow raises on purpose."""


class ConfigError(AeflowError):
    """Raised if a config, an option or an address is invalid."""


class UnfitMachine(ConfigError):
    """Raised if this machine, with its current setup, cannot do the work; another machine may."""


class InexactPrecision(UnfitMachine):
    """Raised if this processor computes too inexactly in a number type such as bfloat16."""


class SourceError(AeflowError):
    """Raised if the data to ingest are missing, unreadable or invalid."""


class CorruptArtifact(AeflowError):
    """Raised if bytes in the store are not the bytes that were committed."""


class IdentityMismatch(AeflowError):
    """Raised if features of two models would be mixed."""


class DivergedTraining(AeflowError):
    """Raised if the loss is no longer finite; the message names the step."""


class Interrupted(AeflowError):
    """Raised to stop a stage, for example by a progress callback.

    Training and encoding keep their finished work, so that the next run continues from there.
    """


class PrunedTrial(Interrupted):
    """Raised to stop a study's trial that lags behind the other trials or has no time left."""


class Refused(AeflowError):
    """Raised if the gate refused a model; the message says why."""


class TransientError(AeflowError):
    """Raised if something outside aeflow failed and a retry may succeed."""


class LostMachine(TransientError):
    """Raised if one of the machines of a training run is gone; only new processes can continue."""
