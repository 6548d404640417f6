"""The date that a run was scheduled for, in the time zone of the schedule that created the run."""

import logging
from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import DeploymentSchedule, FlowRun
from prefect.runtime import flow_run

from flows.server.cancelling import SERVER_TROUBLE

__all__ = ["scheduled_date"]

BY_SCHEDULE = "SCHEDULE"
"""The type of the creator of a run, if a schedule created it."""

UNKNOWN = (*SERVER_TROUBLE, ZoneInfoNotFoundError)

logger = logging.getLogger(__name__)


def scheduled_date() -> date:
    """Returns the date that this run was scheduled for.

    The date is in the time zone of the schedule that created the run. A run that another run
    started, also on other workers, has the date of that run. The date is in UTC if no schedule
    created the run, or if the server does not answer.
    """
    start: datetime = flow_run.scheduled_start_time
    if flow_run.id is None:
        return start.astimezone(UTC).date()
    try:
        with get_client(sync_client=True) as client:
            root = client.read_flow_run(UUID(flow_run.root_flow_run_id))
            return (root.expected_start_time or start).astimezone(_zone_of(root, client)).date()
    except UNKNOWN as error:
        day = start.astimezone(UTC).date()
        logger.warning("ingest: {date} is %s, in UTC: no time zone was found: %s", day, error)
        return day


def _zone_of(run: FlowRun, client: SyncPrefectClient) -> ZoneInfo:
    """Returns the time zone of the schedule that created a run, or UTC if none did.

    Raises ZoneInfoNotFoundError if that schedule is gone and the others differ in their zones.
    """
    creator = run.created_by
    if creator is None or creator.type != BY_SCHEDULE or run.deployment_id is None:
        return ZoneInfo("UTC")
    schedules = client.read_deployment_schedules(run.deployment_id)
    by_id = [one for one in schedules if one.id == creator.id]
    # `prefect deploy` replaces all schedules, so a late run may name one that is gone. Its
    # successor has the same slug. If there is none, any schedule may have created the run.
    by_slug = [one for one in schedules if one.slug and one.slug == creator.display_value]
    zones = {_zone_name(one) for one in by_id or by_slug or schedules}
    if len(zones) != 1:
        raise ZoneInfoNotFoundError(
            f"the schedule '{creator.display_value}' of this run is not on the server any more"
        )
    return ZoneInfo(zones.pop())


def _zone_name(schedule: DeploymentSchedule) -> str:
    return getattr(schedule.schedule, "timezone", None) or "UTC"
