"""The supervisor: starts the parts in order, restarts those that die, and stops all of them."""

import json
import logging
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from aeflow.errors import AeflowError
from infra.logs import bound, last_line, new_lines
from infra.parts import Part
from infra.processes import end_all, identity, marked, session_of
from infra.settings import Settings

__all__ = ["SupervisedPart", "Supervisor"]

POLL_SECONDS = 0.25
START_SECONDS = 240.0
FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS = 1.0, 60.0
STEADY_SECONDS = 60.0
"""If a part ran for longer than this, its next restart has the shortest delay again."""
RUN_SECONDS = 30.0
"""A run that has to stop gets this much time to save its work."""

logger = logging.getLogger(__name__)


class SupervisedPart:
    """Holds one part, its current process, and the number of its restarts."""

    def __init__(self, part: Part, log: Path):
        self.part = part
        self.log = log
        self.restarts = 0
        self.process: subprocess.Popen | None = None
        self._since = 0.0
        self._delay = FIRST_DELAY_SECONDS
        self._due: float | None = None
        self._start_of_log = 0

    def start(self) -> None:
        """Starts the process in its own session, so that it gets no signals from a terminal."""
        self._start_of_log = self.log.stat().st_size if self.log.exists() else 0
        as_user: dict[str, Any] = {"user": self.part.user, "extra_groups": []}
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                self.part.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.part.environment),
                cwd=self.part.folder,
                start_new_session=True,
                **(as_user if self.part.user else {}),
            )
        self.process, self._since, self._due = process, time.time(), None
        logger.info("%s: started as process %d", self.part.name, process.pid)

    def code(self) -> int | None:
        """Returns the exit code, or None while the process is running."""
        return self.process.poll() if self.process else None

    def check_start(self) -> None:
        """Raises AeflowError if the process has exited instead of getting ready."""
        code = self.code()
        if code is not None and not (self.part.once and code == 0):
            raise AeflowError(
                f"The part '{self.part.name}' exited with code {code}. Look into its log "
                f"{self.log}, which ends with: {last_line(self.log)}"
            )

    def repeat_output(self) -> None:
        """Logs what a part that runs once has printed since the last call."""
        if self.part.once:
            lines, self._start_of_log = new_lines(self.log, self._start_of_log)
            for line in lines:
                logger.info("%s", line)

    def is_ready(self) -> bool:
        """Returns whether the part is ready. A part that runs once is ready after its success."""
        return self.code() == 0 if self.part.once else self.part.is_ready(self._since)

    def revive(self) -> bool:
        """Restarts the part if it died and its delay is over; returns whether it was restarted."""
        code = self.code()
        if code is None or self.part.once:
            return False
        if self._due is None:
            if time.time() - self._since > STEADY_SECONDS:
                self._delay = FIRST_DELAY_SECONDS
            logger.warning(
                "%s: exited with code %d, restarts in %g s", self.part.name, code, self._delay
            )
            self._due = time.time() + self._delay
            self._delay = min(2 * self._delay, LONGEST_DELAY_SECONDS)
        if time.time() < self._due:
            return False
        self._end_session()
        self.restarts += 1
        self.start()
        return True

    def _end_session(self) -> None:
        """Ends the children of a killed process. Flow runs survive: they have their own session."""
        leftovers = [
            p
            for p in psutil.process_iter()
            if self.process and session_of(p.pid) == self.process.pid
        ]
        end_all(leftovers, grace_seconds=0)

    def ask_to_stop(self) -> None:
        """Sends the signal that stops the process."""
        if self.process and self.code() is None:
            self.process.send_signal(self.part.stop_signal)

    def stop(self) -> None:
        """Waits until the process has exited, and kills it if it takes too long."""
        if self.process is None or self.code() is not None:
            return
        try:
            self.process.wait(self.part.stop_seconds)
        except subprocess.TimeoutExpired:
            logger.warning("%s: did not stop in time and is killed", self.part.name)
            self.process.kill()
        logger.info("%s: exited with code %d", self.part.name, self.process.wait())

    def state_entry(self) -> dict:
        """Returns the entry for the state file, which `status` prints."""
        is_running = self.process is not None and self.code() is None
        return {
            "name": self.part.name,
            "process": identity(self.process.pid) if self.process and is_running else None,
            "restarts": self.restarts,
            "log": str(self.log),
        }


class Supervisor:
    """Runs the parts until a signal stops it."""

    def __init__(self, settings: Settings, parts: Sequence[Sequence[Part]]):
        self._settings = settings
        self._groups = [
            [SupervisedPart(part, settings.logs / f"{part.name}.log") for part in group]
            for group in parts
        ]
        self._all = [one for group in self._groups for one in group]
        self._stopping = False

    def run(self) -> None:
        """Starts all parts, watches them until SIGTERM or Ctrl-C, and stops all of them.

        Raises:
            AeflowError: If a part exits or takes too long instead of getting ready.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            # With a handler here, children inherit the default action instead of "ignored".
            signal.signal(number, self._stop)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        try:
            for group in self._groups:
                self._start(group)
            self._write_state(ready=not self._stopping)
            self._watch()
        finally:
            self._stop_all()

    def _stop(self, number: int, _frame: object) -> None:
        logger.info("%s: stopping", signal.Signals(number).name)
        self._stopping = True

    def _start(self, group: Sequence[SupervisedPart]) -> None:
        """Starts the parts of a group and waits until all are ready, or raises AeflowError."""
        for one in group:
            if not self._stopping:
                one.start()
        self._write_state(ready=False)
        waiting, end = list(group), time.monotonic() + START_SECONDS
        while waiting and not self._stopping:
            for one in waiting:
                one.check_start()
            waiting = [one for one in waiting if not one.is_ready()]
            if time.monotonic() > end:
                name, log = waiting[0].part.name, waiting[0].log
                raise AeflowError(
                    f"The part '{name}' is not ready after {START_SECONDS:g} s. Look into its log: "
                    f"{log}"
                )
            time.sleep(POLL_SECONDS)
        for one in group:
            one.repeat_output()

    def _watch(self) -> None:
        while not self._stopping:
            revived = [one.part.name for one in self._all if one.revive()]
            if revived:
                self._write_state(ready=True)
            for log in self._settings.logs.glob("*.log"):
                bound(log, self._settings.log_bytes)
            time.sleep(POLL_SECONDS)

    def _stop_all(self) -> None:
        """Stops the workers first, because their runs report their final state to the server."""
        self._write_state(ready=False)
        workers = [one for one in self._all if one.part.runs_flows]
        for one in workers:
            one.ask_to_stop()
        for one in workers:
            one.stop()
        end_all(self._orphans(), grace_seconds=RUN_SECONDS)
        for one in reversed(self._all):
            one.ask_to_stop()
            one.stop()
        end_all(self._orphans(), grace_seconds=0)
        self._settings.state.unlink(missing_ok=True)

    def _orphans(self) -> list[psutil.Process]:
        """Returns the processes that outlived the part that started them: runs of a dead worker."""
        parts = {one.process.pid for one in self._all if one.process and one.code() is None}
        sessions = parts | {os.getpid()}
        return [one for one in marked(self._settings.home) if session_of(one.pid) not in sessions]

    def _write_state(self, *, ready: bool) -> None:
        """Writes the state file for `status`, `up` and `down`, which are separate processes."""
        state = {
            "ready": ready,
            "parts": [one.state_entry() for one in self._all if not one.part.once],
        }
        unfinished = self._settings.state.with_suffix(".new")
        unfinished.write_text(json.dumps(state, indent=2) + "\n", "utf-8")
        unfinished.rename(self._settings.state)
