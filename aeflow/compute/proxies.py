"""Which addresses are asked directly although the environment names a proxy: this machine's."""

from collections.abc import Mapping

__all__ = ["THIS_MACHINE", "without_proxy"]

THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
NAMES = ("NO_PROXY", "no_proxy")


def without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns the two variables that exempt this machine from the proxies of an environment.

    What they exempt already stays so. Returns nothing if no proxy is named: any value of these
    variables keeps Python from asking the system for one.
    """
    proxies = {name.lower() for name in environment if name.lower().endswith("_proxy")}
    if not proxies - {"no_proxy"}:
        return {}
    given = [part.strip() for name in NAMES for part in environment.get(name, "").split(",")]
    exempt = ",".join(dict.fromkeys(part for part in (*given, *THIS_MACHINE) if part))
    return dict.fromkeys(NAMES, "*" if "*" in given else exempt)
