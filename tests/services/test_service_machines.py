"""One training on several machines: one run per machine, from the queue with its name."""

from tests.clusters import addresses
from tests.services.running_service import SOME_EPOCHS, RunningService

ON = {"train_on": "train-autoencoder/cpu"}


def test_killed_on_one_of_two_machines_both_runs_start_again(service: RunningService):
    machines = addresses(2)
    run, checkpoint = service.start_training(
        "pipeline/on-demand", epochs=SOME_EPOCHS, runtime={"machines": machines}, **ON
    )
    children = service.children(run)
    assert [child.work_queue_name for child in children] == ["localhost", "localhost"]
    service.process(children[1].id).kill()

    service.wait(run, "Completed", seconds=300)
    for child in service.children(run):
        assert child.run_count == 2
        assert child.state is not None
        assert child.state.is_completed()
        assert len(service.resumed_steps(child.id)) == 1
    manifest = checkpoint.parents[1].with_suffix("") / "_manifest.json"
    assert '"num_machines": 2' in manifest.read_text()
