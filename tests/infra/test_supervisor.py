"""The supervisor: the order of parts, delays before restarts, clean stops, signals."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aeflow.errors import AeflowError
from infra.parts import Part
from infra.settings import Settings
from infra.supervisor import SupervisedPart, Supervisor

SLEEPS = (sys.executable, "-c", "import time; time.sleep(60)")
SUPERVISED = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for commands with &
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
from infra.parts import Part
from infra.settings import Settings
from infra.supervisor import Supervisor
says = "import signal, time; print(signal.getsignal(signal.SIGINT), flush=True); time.sleep(60)"
part = Part("says", (sys.executable, "-c", says), dict(os.environ))
Supervisor(Settings.of(os.environ), [[part]]).run()
"""


def settings_in(folder: Path) -> Settings:
    (folder / "logs").mkdir()
    return Settings.of({"AEFLOW_HOME": str(folder)})


def ends_in(code: int) -> tuple[str, ...]:
    return (sys.executable, "-c", f"print('why it ended'); raise SystemExit({code})")


def wait_for(check, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_part_that_dies_at_once_waits_longer_each_time(tmp_path):
    one = SupervisedPart(Part("dies", ends_in(3), dict(os.environ)), tmp_path / "log")
    one.start()
    waits = []
    for _ in range(2):
        wait_for(lambda: one.code() == 3)
        start = time.monotonic()
        wait_for(one.revive)
        waits.append(time.monotonic() - start)
    one.stop()
    assert one.restarts == 2
    assert waits == pytest.approx([1.0, 2.0], abs=0.5)


def test_words_of_a_part_that_runs_once_are_repeated(tmp_path, caplog):
    caplog.set_level("INFO", "infra.supervisor")
    one = SupervisedPart(Part("once", ends_in(0), dict(os.environ), once=True), tmp_path / "log")
    one.start()
    wait_for(one.is_ready)
    one.repeat_output()
    one.repeat_output()
    assert caplog.messages.count("why it ended") == 1


def test_part_that_ends_instead_of_getting_ready_stops_all_with_its_last_words(tmp_path):
    settings = settings_in(tmp_path)
    first = Part("first", SLEEPS, dict(os.environ))
    second = Part("second", ends_in(3), dict(os.environ), is_ready=lambda _since: False)
    supervisor = Supervisor(settings, [[first], [second]])
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(AeflowError) as raised:
            supervisor.run()
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    log = settings.logs / "second.log"
    assert str(raised.value) == (
        f"The part 'second' exited with code 3. Look into its log {log}, "
        "which ends with: why it ended"
    )
    assert not settings.state.exists()


def test_parts_hear_the_signals_that_a_shell_took_from_their_parent(tmp_path):
    settings_in(tmp_path)
    environment = {**os.environ, "AEFLOW_HOME": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", SUPERVISED], env=environment) as process:
        log = tmp_path / "logs" / "says.log"
        wait_for(lambda: log.exists() and log.read_text())
        process.terminate()
        assert process.wait(20) == 0
    assert log.read_text() == "<built-in function default_int_handler>\n"


def test_part_that_does_not_stop_is_killed(tmp_path):
    ignores = (
        "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)"
    )
    part = Part("ignores", (sys.executable, "-c", ignores), dict(os.environ), stop_seconds=0.5)
    one = SupervisedPart(part, tmp_path / "log")
    one.start()
    wait_for((tmp_path / "log").read_text)
    one.ask_to_stop()
    one.stop()
    assert one.code() == -9
