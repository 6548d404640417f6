"""The addresses that are exempt from a proxy."""

import pytest

from aeflow.compute.proxies import without_proxy

OURS = "127.0.0.1,localhost,::1"


@pytest.mark.parametrize(
    ("environment", "exempt"),
    [
        ({"HTTP_PROXY": "http://p:1"}, OURS),
        ({"all_proxy": "http://p:1", "NO_PROXY": "a.b, localhost"}, "a.b,localhost,127.0.0.1,::1"),
        ({"https_proxy": "http://p:1", "NO_PROXY": "a.b", "no_proxy": "c.d"}, f"a.b,c.d,{OURS}"),
        ({"http_proxy": "http://p:1", "no_proxy": "*"}, "*"),
    ],
)
def test_this_machine_is_added_to_what_is_exempt(environment, exempt):
    assert without_proxy(environment) == {"NO_PROXY": exempt, "no_proxy": exempt}


@pytest.mark.parametrize("environment", [{}, {"NO_PROXY": "a.b"}])
def test_nothing_is_set_without_a_proxy(environment):
    assert without_proxy(environment) == {}
