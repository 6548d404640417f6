"""The exemption of this machine's own addresses from the proxies of the environment."""

from collections.abc import Mapping

__all__ = ["THIS_MACHINE", "without_proxy"]

THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
NAMES = ("NO_PROXY", "no_proxy")


def without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns values of NO_PROXY and no_proxy that exempt this machine from the proxies.

    Exemptions that are already set stay. Returns an empty dictionary if the environment names no
    proxy. Python then asks the system for a proxy, which any value of the two variables would
    prevent.
    """
    proxies = {name.lower() for name in environment if name.lower().endswith("_proxy")}
    if not proxies - {"no_proxy"}:
        return {}
    exemptions = [part.strip() for name in NAMES for part in environment.get(name, "").split(",")]
    exempt = ",".join(dict.fromkeys(part for part in (*exemptions, *THIS_MACHINE) if part))
    return dict.fromkeys(NAMES, "*" if "*" in exemptions else exempt)
