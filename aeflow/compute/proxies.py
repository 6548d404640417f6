"""The addresses of this machine, which are reached without the proxy of the environment."""

from collections.abc import Mapping

__all__ = ["THIS_MACHINE", "without_proxy"]

THIS_MACHINE = ("127.0.0.1", "localhost", "::1")
NAMES = ("NO_PROXY", "no_proxy")


def without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """Returns NO_PROXY and no_proxy, which exempt this machine from an environment's proxies.

    Exemptions that are already set stay. Returns an empty dictionary if the environment names no
    proxy, because any value of the two variables would keep Python from asking the system for one.
    """
    proxies = {name.lower() for name in environment if name.lower().endswith("_proxy")}
    if not proxies - {"no_proxy"}:
        return {}
    exemptions = [part.strip() for name in NAMES for part in environment.get(name, "").split(",")]
    exempt = ",".join(dict.fromkeys(part for part in (*exemptions, *THIS_MACHINE) if part))
    return dict.fromkeys(NAMES, "*" if "*" in exemptions else exempt)
