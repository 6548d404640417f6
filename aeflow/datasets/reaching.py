"""A check that takes a few seconds and finds out which hosts can be reached."""

import threading
from collections.abc import Iterable
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

__all__ = ["PROBE_SECONDS", "unreachable_hosts"]

PROBE_SECONDS = 4.0
GATEWAY_ERRORS = (407, 502, 503, 504, 511)


def unreachable_hosts(urls: Iterable[str]) -> list[str]:
    """Lists the hosts of the URLs that do not answer within `PROBE_SECONDS`.

    The requests use a proxy if one is set. All hosts are probed at once, each in its own thread,
    because a DNS lookup has no timeout.
    """
    url_of = {urlsplit(url).netloc: url for url in urls}
    reachable_hosts: set[str] = set()
    probes = [
        threading.Thread(target=_probe, args=(host, url, reachable_hosts), daemon=True)
        for host, url in url_of.items()
    ]
    for probe in probes:
        probe.start()
    for probe in probes:
        probe.join(PROBE_SECONDS)
    return sorted(url_of.keys() - reachable_hosts)


def _probe(host: str, url: str, reachable_hosts: set[str]) -> None:
    try:
        with urlopen(Request(url, method="HEAD"), timeout=PROBE_SECONDS):
            reachable_hosts.add(host)
    except HTTPError as error:
        if error.code not in GATEWAY_ERRORS:  # the host answered, even if it refuses HEAD
            reachable_hosts.add(host)
    except (OSError, ValueError):
        return
