"""The record of a run continues where its checkpoint stands."""

from eft_jax.train import metrics


def test_events_after_the_checkpoint_are_dropped_on_resume(tmp_path):
  writer = metrics.Writer(tmp_path, 0, tensorboard=False)
  for step in range(1, 6):
    writer(step, loss=1.0 / step)
  writer(3, validation_loss=0.5)
  writer.close()
  with (tmp_path / "metrics.jsonl").open("a") as file:
    file.write('{"step": 6, "lo')  # a crash
  assert [event["step"] for event in metrics.read(tmp_path)] == [1, 2, 3, 4, 5, 3]
  writer = metrics.Writer(tmp_path, 3, tensorboard=False)
  writer(4, loss=0.1 + 0.2)
  writer.close()
  assert metrics.read(tmp_path) == [{"step": 1, "loss": 1.0}, {"step": 2, "loss": 0.5}, {"step": 3, "loss": 1 / 3},
                                    {"step": 3, "validation_loss": 0.5}, {"step": 4, "loss": 0.1 + 0.2}]


def test_tensorboard_events_are_written(tmp_path):
  writer = metrics.Writer(tmp_path, 0, tensorboard=True)
  writer(1, loss=2.0)
  writer.close()
  (events,) = (tmp_path / "tensorboard").iterdir()
  assert b"loss" in events.read_bytes()


def test_no_file_is_no_events(tmp_path):
  assert metrics.read(tmp_path) == []
