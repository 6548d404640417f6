"""Says whether the part in this container does its work: `python -m infra.health`."""

import os
import sys
import urllib.error
import urllib.request

__all__ = ["main"]

WORKER = "http://127.0.0.1:8080/health"
SECONDS = 8.0


def main() -> int:
    """Asks the part where it answers; returns 0 where all is well, and says what is not."""
    url = os.environ.get("AEFLOW_HEALTH_URL", WORKER)
    asked = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with asked.open(url, timeout=SECONDS):
            return 0
    except (urllib.error.URLError, OSError) as error:
        print(f"{url}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
