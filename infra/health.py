"""The health check of the service's part in this container: `python -m infra.health`."""

import os
import sys
import urllib.error
import urllib.request

__all__ = ["main"]

WORKER = "http://127.0.0.1:8080/health"
SECONDS = 8.0


def main() -> int:
    """Requests the health URL of a part; returns 0 if it answers, else prints why and returns 1."""
    url = os.environ.get("AEFLOW_HEALTH_URL", WORKER)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=SECONDS):
            return 0
    except (urllib.error.URLError, OSError) as error:
        print(f"{url}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
