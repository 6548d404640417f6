"""The errors a caller can act on; each message gives the rule, the value and the remedy."""

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
    """Is the root of every error that aeflow raises on purpose."""


class ConfigError(AeflowError):
    """Says that a config, an option or an address was written wrongly."""


class UnfitMachine(ConfigError):
    """Says that this machine, as it is set up, cannot do the work; another one may go on."""


class InexactPrecision(UnfitMachine):
    """Says that this processor computes a short type too inexactly."""


class SourceError(AeflowError):
    """Says that the data to be ingested are missing, unreadable or not what they should be."""


class CorruptArtifact(AeflowError):
    """Says that bytes in the store are not the bytes that were committed."""


class IdentityMismatch(AeflowError):
    """Says that features of two models would be mixed."""


class DivergedTraining(AeflowError):
    """Says at which step the loss stopped being a finite number."""


class Interrupted(AeflowError):
    """Stops a stage from its progress callback; what it has finished stays to be resumed."""


class PrunedTrial(Interrupted):
    """Stops a trial of a study that lags behind the others, or for which no time is left."""


class Refused(AeflowError):
    """Says that the gate refused a model, and why."""


class TransientError(AeflowError):
    """Says that the world failed in a way that trying again can mend."""


class LostMachine(TransientError):
    """Says that of the machines which train together one is gone; only new processes can go on."""
