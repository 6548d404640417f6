"""A cancelled training stops at once, and can continue later."""

from pathlib import Path

from aeflow.storage import Store
from tests.services.running_service import SOME_EPOCHS, RunningService


def test_cancelled_training_stops_within_15_s_and_goes_on_to_the_same_model(
    service: RunningService,
):
    cancelled, checkpoint = service.start_training("train-autoencoder/cpu", epochs=SOME_EPOCHS)
    service.cancel(cancelled)
    service.wait(cancelled, "Cancelled", seconds=60)
    # The server notifies the runner at once, so the run also stops within 15 s of that.
    duration = service.came_to(cancelled, "Cancelled") - service.came_to(cancelled, "Cancelling")
    assert duration.total_seconds() < 15
    assert checkpoint.exists()

    training = service.run(cancelled).parameters["config"]
    elsewhere = service.home.parent / "undisturbed"
    undisturbed = service.start("train-autoencoder/cpu", training, store=str(elsewhere))
    again = service.start("train-autoencoder/cpu", training)
    for run in (undisturbed, again):
        service.wait(run, "Completed")
    assert service.resumed_steps(undisturbed) == []
    (step,) = service.resumed_steps(again)
    assert step > 0
    model = checkpoint.parent.parent.name.removesuffix(".partial")
    assert digest(service.store, model) == digest(elsewhere, model)


def digest(store: Path, key: str) -> str:
    return Store(store).manifest(f"models/{key}").digest
