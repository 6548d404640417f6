"""The whole service on this machine: `python -m infra.service up`, `status`, `down`.

`run` is `up` in the foreground, for example for systemd: SIGTERM stops it.
"""

import argparse
import logging
import os
import subprocess
import sys
import time
from dataclasses import replace

from aeflow.compute.output import discard_output, flush_output
from aeflow.errors import AeflowError
from infra.credentials import NOTIFY, check_notify, credentials
from infra.logs import new_lines
from infra.parts import ROOT, parts_of
from infra.postgres import find_postgres
from infra.processes import is_alive
from infra.replicas import find_replicas
from infra.running import (
    ask_to_stop,
    check_ports,
    end_leftovers,
    holder,
    locked,
    make_folders,
    state_of,
    write_client,
)
from infra.settings import Settings
from infra.settings_file import check_environment, file_of, read, write_first
from infra.supervisor import Supervisor

__all__ = ["down", "main", "run", "status", "up"]

POLL_SECONDS = 0.25
NOT_RUNNING = 3
LINE = " | "
"""Separates the time from the message in the supervisor's log."""


def main() -> int:
    """Runs one command and returns its exit code; prints one line about an error."""
    commands = {"up": up, "run": run, "down": down, "status": status}
    parser = argparse.ArgumentParser(
        prog="python -m infra.service",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=commands)
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="Undo edits on the server, if the same deployment has changed here.",
    )
    arguments = parser.parse_args()
    try:
        settings = replace(_settings(arguments.command), overwrite=arguments.overwrite)
        code = commands[arguments.command](settings)
        flush_output()
        return code
    except AeflowError as error:
        print(f"aeflow: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return discard_output()


def _settings(command: str) -> Settings:
    """Returns what the file of the service says, or the environment if there is no file.

    The service can be stopped even if the file is not valid. Raises ConfigError if the command
    starts the service, and the file and the environment differ.
    """
    path = file_of(os.environ)
    if command == "down" or not path.exists():
        return Settings.of(os.environ)
    if command in ("up", "run"):
        check_environment(os.environ)
        check_notify(path.with_name("secrets"), os.environ.get(NOTIFY))
    return Settings.of({**os.environ, **read(path).variables})


def up(settings: Settings) -> int:
    """Starts the service in the background, and waits until all parts are ready."""
    if holder(settings):
        print(f"aeflow is already running at {settings.url} (`make down` stops it).")
        return 0
    end_leftovers(settings)
    postgres = find_postgres(settings)
    check_ports(settings, postgres, find_replicas(settings, postgres))
    make_folders(settings)
    log = settings.logs / "service.log"
    position = log.stat().st_size if log.exists() else 0
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "infra.service", "run", *settings.apply_options],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            env={
                **os.environ,
                "AEFLOW_HOME": str(settings.home),
                "AEFLOW_STORE": str(settings.store),
            },
            start_new_session=True,
        )
    try:
        _follow(settings, process, position)
    except KeyboardInterrupt:
        process.terminate()
        raise
    print(_welcome(settings))
    return 0


def run(settings: Settings) -> int:
    """Runs the service until SIGTERM or Ctrl-C."""
    logging.basicConfig(
        level=logging.INFO, format=f"%(asctime)s{LINE}%(message)s", stream=sys.stdout
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)
    make_folders(settings)
    with locked(settings):
        end_leftovers(settings)
        postgres = find_postgres(settings)
        replicas = find_replicas(settings, postgres)
        check_ports(settings, postgres, replicas)
        secret = credentials(settings.secrets, notify=os.environ.get(NOTIFY))
        write_client(settings)
        write_first(settings.home, str(settings.store))
        if postgres:
            postgres.prepare(secret.postgres_password)
        parts = parts_of(settings, secret, postgres)
        if replicas:
            replicas.prepare(secret)
            parts = replicas.in_place_of_one(parts, secret)
        Supervisor(settings, parts).run()
    return 0


def down(settings: Settings) -> int:
    """Stops the service; the runs save their work first."""
    start = time.monotonic()
    was_running = ask_to_stop(settings)
    if end_leftovers(settings) or was_running:
        print(f"aeflow stopped in {time.monotonic() - start:.0f} s.")
    else:
        print("aeflow is not running.")
    return 0


def status(settings: Settings) -> int:
    """Prints the state of each part; returns 3 if the service is not running."""
    if not holder(settings):
        print("aeflow is not running. Start it with: make up")
        return NOT_RUNNING
    state = state_of(settings)
    doing = "running" if state.get("ready") else "starting or stopping"
    print(f"aeflow is {doing}: {settings.url}")
    for part in state.get("parts", ()):
        is_up = is_alive(part["process"])
        process = f"process {part['process']['pid']}" if is_up else "down, will restart"
        print(f"  {part['name']:16} {process:28} restarts: {part['restarts']:<4} {part['log']}")
    return 0


def _follow(settings: Settings, process: subprocess.Popen[bytes], position: int) -> None:
    """Prints the messages of the supervisor until all parts are ready.

    Raises:
        AeflowError: If the service ends before that; the message is the last line of its log.
    """
    log_lines: list[str] = []
    while not (holder(settings) and state_of(settings).get("ready")):
        code = process.poll()
        lines, position = new_lines(settings.logs / "service.log", position)
        log_lines += lines
        for line in lines:
            _when, is_ours, message = line.partition(LINE)
            if is_ours:
                print(f"  {message}", flush=True)
        if code is not None:
            exited = f"The service exited with code {code}. Look into its logs: {settings.logs}"
            last = log_lines[-1] if log_lines else exited
            raise AeflowError(last.removeprefix("aeflow: "))
        time.sleep(POLL_SECONDS)


def _welcome(settings: Settings) -> str:
    database = "PostgreSQL" if find_postgres(settings) else "SQLite"
    if settings.database is None and database == "SQLite":
        database = "SQLite, because PostgreSQL is not installed (enough for one user, not for many)"
    if settings.servers > 1:
        database += f", with {settings.servers} servers"
    return f"""
aeflow is running on {database}.
  Prefect      {settings.url}
               log in with the value of PREFECT_API_AUTH_STRING in {settings.secrets}
  TensorBoard  {settings.tensorboard_link}
  reports      {settings.report_link}
  settings     {settings.home / "service.toml"}
  store        {settings.store}
  logs         {settings.logs}

Next:
  . {settings.client}
  prefect deployment run pipeline/on-demand --watch"""


if __name__ == "__main__":
    sys.exit(main())
